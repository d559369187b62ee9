"""Parts that do not go together are refused when the model is built."""

import pytest
import torch

from mmrotate.core import GaussianMixture, bbox_flip, rbbox_overlaps
from mmrotate.core.anchor import RotatedAnchorGenerator
from mmrotate.models import build_detector, build_head, build_loss, build_neck
from mmrotate.registry import MODELS, TASK_UTILS
from tests.helpers import zoo


def _retina(method='rotated_retinanet_obb', assigner=None, **kwargs):
    cfg = zoo.tiny(method, 'le90')
    cfg['bbox_head'] |= kwargs
    cfg['train_cfg']['assigner'] |= assigner or {}
    return build_detector(cfg).bbox_head


def test_deltas_of_another_width():
    with pytest.raises(ValueError, match=r'regresses 5 numbers .* DeltaXYWHBBoxCoder takes 4'):
        _retina(bbox_coder=dict(type='DeltaXYWHBBoxCoder'))


def test_rotated_anchors_for_a_coder_of_horizontal_ones():
    with pytest.raises(ValueError, match='but bbox_coder, DeltaXYWHAHBBoxCoder, takes 4'):
        _retina(bbox_coder=dict(type='DeltaXYWHAHBBoxCoder', angle_range='le90'))


def test_overlaps_of_horizontal_boxes_for_rotated_anchors():
    """Those would take x, y, w, h for corners."""
    with pytest.raises(ValueError, match=r'RotatedAnchorGenerator makes .*, BboxOverlaps2D, takes'):
        _retina(assigner=dict(iou_calculator=dict(type='BboxOverlaps2D')))


@pytest.mark.parametrize(
    'loss', [dict(type='RotatedIoULoss'), dict(type='GDLoss', loss_type='gwd'), dict(type='KFLoss')]
)
def test_losses_of_boxes_get_boxes_without_being_told(loss):
    head = _retina(loss_bbox=loss, reg_decoded_bbox=False)
    assert head.reg_decoded_bbox == (loss['type'] != 'KFLoss')  # it wants deltas too


def test_losses_of_boxes_of_another_width():
    with pytest.raises(ValueError, match='GIoULoss is a loss of 4 numbers'):
        _retina(loss_bbox=dict(type='GIoULoss'))
    with pytest.raises(ValueError, match='GDLoss is a loss of 5 numbers'):
        build_head(
            dict(
                type='OrientedRPNHead',
                in_channels=8,
                anchor_generator=dict(type='AnchorGenerator', scales=[8], ratios=[1.0], strides=[4, 8]),
                loss_bbox=dict(type='GDLoss', loss_type='gwd'),
            )
        )


def test_a_part_of_ones_own_says_nothing_and_passes():
    class Overlaps:
        pass

    assert _retina(assigner=dict(iou_calculator=dict(type=Overlaps))).assigner is not None


WRONG = [
    dict(type='ResNet', depth=18, style='tensorflow'),
    dict(type='ResNet', depth=18, num_stages=2),
    dict(type='ConvNeXt', gap_before_final_norm=True),
    dict(type='FPN', in_channels=[8, 8], out_channels=8, num_outs=1),
    dict(type='FPN', in_channels=[8, 8], out_channels=8, num_outs=3, add_extra_convs='on_top'),
    dict(type='FocalLoss', use_sigmoid=False),
    dict(type='SmoothL1Loss', beta=0),
    dict(type='GDLoss', loss_type='gwd', fun='cube'),
    dict(type='RotatedBBoxHead', with_cls=False, with_reg=False),
    dict(type='RotatedConvFCBBoxHead', num_shared_fcs=1, num_cls_convs=1),
    dict(type='DeltaXYWHAOBBoxCoder', target_means=(0,) * 4),
    dict(type='ATSSObbAssigner', topk=0),
    dict(type='CSLCoder', angle_version='le90', window='round'),
    dict(type='RotatedAnchorGenerator', strides=[8], ratios=[1.0], scales=[1], octave_base_scale=4),
]


@pytest.mark.parametrize('cfg', WRONG, ids=lambda cfg: cfg['type'])
def test_a_constructors_error_is_what_0_x_raised_and_a_value_error(cfg):
    registry = MODELS if MODELS.get(cfg['type']) else TASK_UTILS
    for kind in (AssertionError, ValueError):
        with pytest.raises(kind):
            registry.build(dict(cfg))


CALLS = [
    lambda: rbbox_overlaps(torch.rand(2, 5), torch.rand(2, 5), mode='dice'),
    lambda: rbbox_overlaps(torch.rand(2, 5), torch.rand(3, 5), is_aligned=True),
    lambda: bbox_flip(torch.rand(2, 5), (8, 8), direction='up'),
    lambda: GaussianMixture(2).check_size(torch.rand(3, 4, 3)),
    lambda: RotatedAnchorGenerator([8], [1.0], [4]).grid_priors([(2, 2)] * 2, device='cpu'),
    lambda: build_neck(dict(type='FPN', in_channels=[8, 8], out_channels=8, num_outs=2))([torch.rand(1, 8, 4, 4)]),
    lambda: build_loss(dict(type='GDLoss', loss_type='gwd'))(torch.rand(2, 5), torch.rand(3, 5)),
]


@pytest.mark.parametrize('call', CALLS)
def test_so_is_the_error_of_a_call(call):
    for kind in (AssertionError, ValueError):
        with pytest.raises(kind):
            call()
