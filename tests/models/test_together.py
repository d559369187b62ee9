"""What a batch takes in few operations is what its images give one by one."""

import pytest
import torch

from mmrotate.core.bbox import batches, build_assigner, build_sampler
from mmrotate.models import build_detector
from mmrotate.models.dense_heads import anchor_head, base
from mmrotate.models.roi_heads import base_roi_head, bbox_head
from tests.helpers import configs, zoo
from tests.helpers.golden import random_boxes

SAMPLERS = [
    dict(type='RRandomSampler', num=64, pos_fraction=0.25),
    dict(type='RandomSampler', num=64, pos_fraction=0.5, add_gt_as_proposals=False, neg_pos_ub=2),
    dict(type='InstanceBalancedPosSampler', num=16, pos_fraction=0.5),
    dict(type='IoUBalancedNegSampler', num=64, pos_fraction=0.25, floor_thr=0.1),
    dict(type='PseudoSampler'),
]


@pytest.mark.parametrize('config', SAMPLERS, ids=lambda config: config['type'])
@pytest.mark.parametrize('backend', ['cpp', 'torch'])
def test_assigned_and_sampled_priors(monkeypatch, config, backend):
    if backend == 'torch':
        monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    overlaps = dict(type='RBboxOverlaps2D')
    limits = dict(pos_iou_thr=0.3, neg_iou_thr=(0.05, 0.25), min_pos_iou=0.2, ignore_iof_thr=0.5)
    assigner, sampler = (
        build_assigner(dict(type='MaxIoUAssigner', iou_calculator=overlaps, **limits)),
        build_sampler(config),
    )
    priors = [random_boxes(n, n) for n in (300, 200, 50, 100)]
    gts = [random_boxes(m, m) for m in (20, 0, 7, 1)]
    ignore, labels = [random_boxes(3, 5), random_boxes(0), None, None], [torch.randint(4, (len(g),)) for g in gts]
    results = []
    for image in zip(priors, gts, ignore, labels, strict=True):
        results.append(assigner.assign(*image))
    torch.manual_seed(0)
    alone = [sampler.sample(r, p, g, c) for r, p, g, c in zip(results, priors, gts, labels, strict=True)]
    torch.manual_seed(0)
    found = sampler.sample_batch(assigner.assign_batch(priors, gts, ignore, labels), priors, gts, labels)
    for one, other in zip(alone, found, strict=True):
        assert vars(one).keys() == vars(other).keys()
        for name, value in vars(one).items():
            same = (
                torch.equal(value, vars(other)[name]) if isinstance(value, torch.Tensor) else value == vars(other)[name]
            )
            assert same, name
    assert any(len(one.pos_inds) for one in found)


def _losses(model, data):
    torch.manual_seed(0)
    losses = model.forward_train(data['img'], data['img_metas'], data['gt_bboxes'], data['gt_labels'])
    return {name: torch.stack(value if isinstance(value, list) else [value]) for name, value in losses.items()}


@pytest.mark.parametrize('sizes', [1, 2])
@pytest.mark.parametrize(
    'name', ['retinanet', 'oriented_rcnn', 'rotated_faster_rcnn', 'gliding_vertex', 'roi_trans', 'rotated_atss_obb']
)
def test_losses(monkeypatch, name, sizes):
    model = build_detector(zoo.tiny(name, 'le90') if name == 'rotated_atss_obb' else getattr(configs, name)('le90'))
    model.init_weights()
    data = zoo.batch((4, 0, 3), (64, 96), 'le90')
    data['img'] = data['img'][[0, 1, 0]]
    if sizes == 2:
        for meta in data['img_metas'][1:]:
            meta['img_shape'] = (40, 60, 3)
    together = _losses(model, data)
    monkeypatch.setattr(batches, 'batch_method', lambda *args: None)
    for place in (base, bbox_head):
        monkeypatch.setattr(place, 'batch_method', lambda *args: None)
    assert anchor_head.batch_steps is base_roi_head.batch_steps
    alone = _losses(model, data)
    assert together.keys() == alone.keys()
    for key, value in together.items():
        torch.testing.assert_close(value, alone[key], rtol=1e-5, atol=1e-6)
