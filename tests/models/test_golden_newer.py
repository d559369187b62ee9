"""Whole detectors against what MMRotate 1.x computes, by the configs of today."""

import math
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmrotate.core.bbox import CSLCoder, DistanceAnglePointCoder, obb2hbb
from mmrotate.models import build_detector
from tests.helpers import reference

CONFIGS = {path.stem: path for path in (Path(__file__).parents[2] / 'configs').glob('[a-z]*/*.py')}
FOLDER = 'newer/models'
# 25 million weights and more, of which some are tested at every change
LARGE = ('rotated_rtmdet_l-', 'rotated_rtmdet_m-', 'rotated-', 'gaussian_fcos', 'h2rbox')
QUICK = (
    'rotated-fcos-hbox-le90_r50_fpn_psc_rr-6x_hrsc',
    'gaussian_fcos_r50_fpn_gaucho_probiou_1x_dota_le90',
    'h2rbox-le90_r50_fpn_adamw-1x_dota',
    'h2rbox_v2-le90_r50_fpn-1x_dota__turned',
)
NAMES = sorted(path.name.removesuffix('.json.gz') for path in (reference.GOLDEN / FOLDER).iterdir())
CASES = [
    pytest.param(name, marks=[pytest.mark.slow] * (name.startswith(LARGE) and name not in QUICK)) for name in NAMES
]
KEYS = reference.load_all('newer/*_keys*.json.gz')


def without_scope(node):
    """A config of 1.x with the names of today."""
    if isinstance(node, dict):
        return {key: without_scope(value) for key, value in node.items()}
    if isinstance(node, list):
        return [without_scope(value) for value in node]
    return node.removeprefix('mmdet.') if isinstance(node, str) else node


def model_config(name, overrides=()):
    cfg = Config.fromfile(CONFIGS[name], import_custom_modules=False)
    cfg.merge_from_dict(without_scope(dict(overrides)))
    return reference.make_deterministic(cfg.model.to_dict())


@lru_cache(maxsize=1)
def filled(name):
    golden = reference.load_json(f'{FOLDER}/{name}.json.gz')
    model = reference.fill(build_detector(model_config(golden['config'], golden.get('overrides', {}))))
    reference.adjust(model, golden.get('adjust', []))
    return model, golden, reference.image(golden['seed'], *golden['input_hw'])


@pytest.fixture(scope='module', params=CASES)
def case(request):
    """A detector; all tests of one come together."""
    return filled(request.param)


@pytest.mark.parametrize('name', KEYS)
def test_keys_and_shapes(name):
    config, _, variant = name.partition('__')
    overrides = filled(name)[1]['overrides'] if variant else {}
    with torch.device('meta'):  # names and shapes without memory
        model = build_detector(model_config(config, overrides))
    assert {key: list(value.shape) for key, value in model.state_dict().items()} == KEYS[name]


def in_five(head, outs):
    """Outputs as 1.x has them: numbers of a distribution in one map, and angles of 0."""
    if getattr(head, 'gaussian_coder', None) is None:
        return outs
    scores, sides, last, *rest = outs
    return scores, [torch.cat(maps, 1) for maps in zip(sides, last, strict=True)], [0 * maps for maps in last], *rest


def test_features_and_raw_outputs(case):
    model, golden, img = case
    with torch.no_grad():
        feats = model.extract_feat(img)
        raw = reference.flatten(in_five(model.bbox_head, model.bbox_head(feats)))
    for name, expected in golden['feats'].items():
        reference.assert_sample(feats[int(name.split('.')[-1])], expected)
    assert set(raw) == set(golden['raw'])
    for name, expected in golden['raw'].items():
        reference.assert_sample(raw[name], expected)


def unturned(coder, points, boxes):
    """Distances that reach the sides of boxes as if their angle was 0."""
    return DistanceAnglePointCoder.encode(coder, points, torch.cat([boxes[:, :4], 0 * boxes[:, 4:]], 1))


def truth(golden):
    """Boxes and labels of the two images."""
    facts = [golden[key] for key in ('angle_version', 'input_hw', 'num_classes')]
    boxes, labels = zip(*(reference.ground_truth(golden['seed'], i, *facts) for i in range(2)), strict=True)
    if kind := golden.get('gt', ''):
        boxes = [obb2hbb(each, facts[0]) for each in boxes]
        turn = torch.tensor([0, 0, 0, 0, 0.35 * kind.endswith('turned')])
        boxes = [each + turn for each in boxes]
    return list(boxes), list(labels)


def test_losses_and_gradients(case, monkeypatch):
    model, golden, img = case
    head = model.bbox_head
    if isinstance(head.angle_coder, CSLCoder):
        # ours has labels with a peak, and distances along the sides of a box, as they are decoded: see the next test
        monkeypatch.setattr(head.angle_coder, 'encode', partial(reference.overwritten_labels, head.angle_coder))
        monkeypatch.setattr(head.bbox_coder, 'encode', partial(unturned, head.bbox_coder))
    boxes, labels = truth(golden)
    # distances of FCOS are in pixels when testing, where losses mean nothing
    mode = '' if 'losses' in golden else '_train'
    model.train(bool(mode))
    with monkeypatch.context() as patch:
        patch.setattr(torch, 'rand', lambda *size: torch.full(size, golden.get('rand', math.nan)))
        losses = model.forward_train(img, reference.metas(*golden['input_hw']), boxes, labels)
    assert set(losses) == set(golden['losses' + mode])
    for name, expected in golden['losses' + mode].items():
        values = losses[name]
        values = [v.item() for v in values] if isinstance(values, list) else values.item()
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-7, err_msg=name)
    norms = reference.grad_norms(model, losses)
    model.eval()
    for group, expected in golden['grad_norm' + mode].items():
        assert norms.get(group, 0) == pytest.approx(expected, rel=1e-3), group


def test_upright_distances_are_learned_as_they_are_decoded():
    """The reference learns them from the image's axes, and decodes them along the box's: ours reaches the box."""
    coder = DistanceAnglePointCoder(angle_version='le90')
    box, point = torch.tensor([[50.0, 40.0, 30.0, 10.0, 0.8]]), torch.tensor([[54.0, 43.0]])
    torch.testing.assert_close(coder.decode(point, coder.encode(point, box)), box)
    wrong = torch.cat([unturned(coder, point, box)[:, :4], box[:, 4:]], 1)
    assert (coder.decode(point, wrong) - box).abs().max() > 1


def test_detections(case):
    model, golden, img = case
    with torch.no_grad():
        result = model.simple_test(img, reference.metas(*golden['input_hw']))[0]
    found = np.concatenate([np.c_[boxes, np.full(len(boxes), c)] for c, boxes in enumerate(result)])
    steady = golden['dets_again']
    assert abs(len(found) - golden['num_dets']) <= 1 + abs(golden['num_dets'] - steady[0])
    gap = np.abs(np.array(golden['dets'])[:, None] - found[None])  # (expected, found, 7)
    near = (gap[..., :4].max(-1) < 1e-2) & (gap[..., 4:6].max(-1) < 1e-4) & (gap[..., 6] == 0)
    assert near.any(1).sum() >= steady[1] - 1
