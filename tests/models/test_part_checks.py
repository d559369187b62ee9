"""Parts that do not go together are refused when the model is built."""

import pytest

from mmrotate.models import build_detector, build_head
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
