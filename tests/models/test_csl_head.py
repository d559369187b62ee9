"""RetinaNet with angles as classes."""

import math

import pytest
import torch

from mmrotate.models import build_detector
from tests.helpers import zoo

METHOD = 'rotated_retinanet_obb_csl_gaussian'
SIZE = (64, 96)


def _head(**kwargs):
    cfg = zoo.tiny(METHOD)
    cfg['bbox_head'] |= kwargs
    torch.manual_seed(0)
    model = build_detector(cfg)
    model.init_weights()
    return model.bbox_head


def _outputs(head, seed=0):
    """Raw outputs on a pyramid of noise."""
    torch.manual_seed(seed)
    sizes = [tuple(-(-s // stride) for s in SIZE) for stride in (8, 16, 32, 64, 128)]
    return head([torch.randn(1, 64, *size) for size in sizes])


def test_every_class_begins_rare():
    head = _head()
    for layer in (head.retina_cls, head.retina_angle_cls):
        torch.testing.assert_close(layer.bias.sigmoid(), torch.full_like(layer.bias, 0.01))
    assert head.retina_reg.bias.eq(0).all()


@pytest.mark.parametrize('encoded', [True, False])
def test_the_best_class_is_the_angle(encoded):
    """One anchor whose class is certain, by hand."""
    head = _head(use_encoded_angle=encoded)
    classes = head.angle_coder.coding_len
    anchors = torch.tensor([[50.0, 60, 40, 20, 0.2]])
    row = torch.zeros(1, 5 + classes)
    row[0, 5 + 30] = 1
    angle = math.radians(30.5 * 4 - 90)  # the middle of class 30
    x, y, w, h, theta = head._decode(anchors, row)[0].tolist()
    assert (x, y, w, h) == pytest.approx((50, 60, 40, 20), abs=1e-3)
    assert theta == pytest.approx(angle + (0.2 if encoded else 0), abs=1e-5)


PSC = dict(type='PSCCoder', angle_version='le90')


@pytest.mark.parametrize('coder', [None, PSC, dict(type='ACMCoder', angle_version='le90')])
@pytest.mark.parametrize('encoded', [True, False])
def test_targets_are_the_codes_that_decode_to_the_object(encoded, coder):
    head = _head(use_encoded_angle=encoded, **({} if coder is None else dict(angle_coder=coder)))
    outs = _outputs(head)
    data = zoo.batch((5,), SIZE, 'le90')
    anchors = head.get_anchors([m.shape[-2:] for m in outs[0]], data['img_metas'])
    truth = data['gt_bboxes'], data['img_metas'], None, data['gt_labels']
    targets = head.get_targets(*anchors, *truth)
    deltas, weights, classes = (torch.cat(targets[i], 1)[0] for i in (2, 3, 4))
    some = weights.any(-1)
    assert some.sum() >= 5
    rows = torch.cat([deltas, classes], 1)[some]
    found = head._decode(torch.cat(anchors[0][0])[some], rows)
    gap = (found[:, None] - data['gt_bboxes'][0]).abs()
    gap[..., 4] = torch.minimum(gap[..., 4], (gap[..., 4] - math.pi).abs())
    nearest = gap[..., :4].amax(-1).argmin(1)
    close = gap[torch.arange(len(gap)), nearest]
    assert close[:, :4].max() < 1e-2
    assert close[:, 4].max() <= (math.radians(2) if coder is None else 0) + 1e-4  # half a class


def test_waves_are_predicted_in_their_range():
    """And begin in its middle, where 1.x begins as if they were rare classes, near -1."""
    head = _head(angle_coder=PSC, loss_angle=dict(type='L1Loss'), use_normalized_angle_feat=True)
    assert head.retina_angle_cls.bias.eq(0).all() and head.cls_layers == ('retina_cls',)
    codes = _outputs(head)[2]
    assert all(maps.size(1) == 9 * 6 and maps.abs().max() < 0.2 for maps in codes)
    torch.nn.init.constant_(head.retina_angle_cls.bias, 1e3)
    assert all(maps.max() == 1 for maps in _outputs(head)[2])


def test_the_angle_can_be_left_to_its_classes():
    data = zoo.batch((5,), SIZE, 'le90')
    truth = data['gt_bboxes'], data['gt_labels'], data['img_metas']
    for shield in (True, False):
        head = _head(shield_reg_angle=shield)
        losses = head.loss(*_outputs(head), *truth)
        sum(losses['loss_bbox']).backward()
        angle_rows = head.retina_reg.weight.grad.unflatten(0, (9, 5))[:, 4]
        assert angle_rows.any() != shield


def test_parts_must_agree():
    with pytest.raises(ValueError, match='got GDLoss on decoded boxes'):
        _head(shield_reg_angle=True, loss_bbox=dict(type='GDLoss', loss_type='gwd'))
    with pytest.raises(ValueError, match='use_encoded_angle=True'):
        _head(bbox_coder=dict(type='GauChoDeltaCoder', angle_range='le90'))
    with pytest.raises(ValueError, match="got 'le90' and 'oc'"):
        _head(angle_coder=dict(type='CSLCoder', angle_version='oc'))
    coder = dict(type='DeltaXYWHAOBBoxCoder', angle_range='le90')
    for kwargs in (dict(norm_factor=2), dict(target_stds=(1, 1, 1, 1, 0.1))):
        with pytest.raises(ValueError, match='use_encoded_angle=True'):
            _head(bbox_coder=coder | kwargs)
        _head(bbox_coder=coder | kwargs, use_encoded_angle=False)
