"""LSKNet, PKINet and Strip R-CNN against what MMRotate 1.x computes, from keys to detections."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmrotate.models import build_detector
from tests.helpers import reference
from tests.models.test_golden_newer import CONFIGS

FOLDER = 'newer/bodies'
KEYS = reference.load_json(f'{FOLDER}/state_dict_keys.json.gz')
# PKINet-T has 2658 entries and 22 blocks in a stage
NAMES = [
    'lsk_t_fpn_1x_dota_le90',
    'strip_rcnn_t_fpn_1x_dota_le90',
    pytest.param('pkinet_t_fpn_o-rcnn_dota1.0_ss_le90', marks=pytest.mark.slow),
]


def build(name):
    cfg = Config.fromfile(CONFIGS[name], import_custom_modules=False)
    return build_detector(reference.make_deterministic(cfg.model.to_dict()))


@lru_cache(maxsize=1)
def filled(name):
    golden = reference.load_json(f'{FOLDER}/{name}.json.gz')
    model = reference.fill(build(name))
    reference.adjust(model, golden['adjust'])
    return model, golden, reference.image(golden['seed'], *golden['input_hw'])


@pytest.fixture(scope='module', params=NAMES)
def case(request):
    """A detector; all tests of one come together."""
    return filled(request.param)


@pytest.mark.parametrize('name', KEYS)
def test_keys_and_shapes(name):
    with torch.device('meta'):  # names and shapes without memory
        model = build(name)
    assert {key: list(value.shape) for key, value in model.state_dict().items()} == KEYS[name]


def test_features_and_raw_outputs(case):
    model, golden, img = case
    with torch.no_grad():
        feats = model.extract_feat(img)
        raw = reference.flatten(model.rpn_head(feats))
    for name, expected in golden['feats'].items():
        reference.assert_sample(feats[int(name.split('.')[-1])], expected)
    assert set(raw) == set(golden['raw'])
    for name, expected in golden['raw'].items():
        reference.assert_sample(raw[name], expected)


def test_losses_and_gradients(case):
    model, golden, img = case
    truth = [
        reference.ground_truth(golden['seed'], i, golden['angle_version'], golden['input_hw'], golden['num_classes'])
        for i in range(2)
    ]
    boxes, labels = map(list, zip(*truth, strict=True))
    losses = model.forward_train(img, reference.metas(*golden['input_hw']), boxes, labels)
    assert set(losses) == set(golden['losses'])
    for name, expected in golden['losses'].items():
        got = [v.item() for v in losses[name]] if isinstance(expected, list) else losses[name].item()
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-7, err_msg=name)
    norms = reference.grad_norms(model, losses)
    for group, expected in golden['grad_norm'].items():
        assert norms.get(group, 0) == pytest.approx(expected, rel=1e-3), group


def test_detections(case):
    model, golden, img = case
    with torch.no_grad():
        result = model.simple_test(img, reference.metas(*golden['input_hw']))[0]
    found = np.concatenate([np.c_[boxes, np.full(len(boxes), c)] for c, boxes in enumerate(result)])
    assert len(found) == golden['num_dets']
    gap = np.abs(np.array(golden['dets'])[:, None] - found[None])  # (expected, found, 7)
    near = (gap[..., :4].max(-1) < 1e-2) & (gap[..., 4:6].max(-1) < 1e-4) & (gap[..., 6] == 0)
    assert near.any(1).all()
