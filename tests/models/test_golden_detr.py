"""Detectors that find objects by queries against what AI4RS computes, by the configs of today."""

from functools import lru_cache

import numpy as np
import pytest
import torch

from mmrotate.models import build_detector
from tests.helpers import reference
from tests.models.test_golden_newer import model_config

FOLDER = 'newer/detr'
NAMES = sorted(path.name.removesuffix('.json.gz') for path in (reference.GOLDEN / FOLDER / 'models').iterdir())
KEYS = reference.load_json(f'{FOLDER}/state_dict_keys.json.gz')


def cases(names, quick):
    return [pytest.param(name, marks=[] if quick(name) else [pytest.mark.slow]) for name in names]


def built(name, overrides=()):
    return build_detector(dict(model_config(name, overrides), init_cfg=None))


@lru_cache(maxsize=1)
def filled(name):
    golden = reference.load_json(f'{FOLDER}/models/{name}.json.gz')
    model = reference.fill(built(name, golden['overrides']))
    return model, golden, reference.image(golden['seed'], *golden['input_hw'])


# the others have 47 million weights, or only another loss
@pytest.fixture(scope='module', params=cases(NAMES, lambda name: name == 'o2_rtdetr_r18vd_2xb4_72e_dota'))
def case(request):
    """A detector; all tests of one come together."""
    return filled(request.param)


@pytest.mark.parametrize('name', cases(KEYS, lambda name: name.endswith('_dota')))
def test_keys_and_shapes(name):
    with torch.device('meta'):  # names and shapes without memory
        model = built(name)
    assert {key: list(value.shape) for key, value in model.state_dict().items()} == KEYS[name]


def test_features_and_raw_outputs(case):
    model, golden, img = case
    model.eval()
    with torch.no_grad():
        feats = model.extract_feat(img)
        memory = model.encode(feats)
        queries = model.queries(memory)
        pixels, _ = model.candidates(memory)
        classes, boxes = model.bbox_head(*model.decode(memory, queries))
        found = dict(memory=memory.pixels, reference=queries.reference)
        found |= dict(enc_class=model.bbox_head.cls_branches[-1](pixels))
    for name, expected in golden['feats'].items():
        reference.assert_sample(feats[int(name.split('.')[-1])], expected)
    layers = sum(name.startswith('cls.') for name in golden['raw'])  # of RT-DETR only the last
    found |= reference.flatten(classes[-layers:], 'cls') | reference.flatten(boxes[-layers:], 'box')
    assert set(found) == set(golden['raw'])
    for name, expected in golden['raw'].items():
        reference.assert_sample(found[name], expected)


def test_losses_and_gradients(case):
    model, golden, img = case
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm | torch.nn.Dropout):
            module.eval()
    size = golden['input_hw']
    truth = [reference.ground_truth(golden['seed'], i, golden['angle_version'], size, 15) for i in range(2)]
    boxes, labels = map(list, zip(*truth, strict=True))
    losses = model.forward_train(img, reference.metas(*size), boxes, labels)
    assert {name: value.item() for name, value in losses.items()} == pytest.approx(golden['losses_train'], rel=1e-4)
    norms = reference.grad_norms(model, losses)
    for group, expected in golden['grad_norm_train'].items():
        assert norms.get(group, 0) == pytest.approx(expected, rel=1e-3), group


def test_detections(case):
    model, golden, img = case
    model.eval()
    with torch.no_grad():
        results = model.simple_test(img, reference.metas(*golden['input_hw']))
    found = np.concatenate([np.c_[boxes, np.full(len(boxes), c)] for c, boxes in enumerate(results[0])])
    assert len(found) == golden['num_dets']
    gap = np.abs(np.array(golden['dets'])[:, None] - found[None])  # (expected, found, 7)
    near = (gap[..., :4].max(-1) < 1e-2) & (gap[..., 4:6].max(-1) < 1e-4) & (gap[..., 6] == 0)
    assert near.any(1).all()
    for result, scores in zip(results, golden['top_scores'], strict=True):
        best = np.sort(np.concatenate(result)[:, 5])[::-1][: len(scores)]
        np.testing.assert_allclose(best, scores, atol=1e-5)
