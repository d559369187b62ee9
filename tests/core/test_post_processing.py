"""Non-maximum suppression in each class."""

import pytest
import torch

from mmrotate.core import aug_multiclass_nms_rotated, multiclass_nms_rotated
from mmrotate.ops import nms_rotated
from tests.helpers.golden import random_boxes

NMS = dict(iou_thr=0.1)


@pytest.fixture
def scored():
    generator = torch.Generator().manual_seed(0)
    return random_boxes(40, 0, 80), torch.rand(40, 4, generator=generator)


def test_every_class_by_itself(scored):
    boxes, scores = scored
    dets, labels, index = multiclass_nms_rotated(boxes, scores, 0.3, NMS, return_inds=True)
    for c in range(3):
        above = (scores[:, c] > 0.3).nonzero().squeeze(1)
        expected, keep = nms_rotated(boxes[above], scores[above, c], 0.1)
        torch.testing.assert_close(dets[labels == c], expected)
        assert index[labels == c].tolist() == (above[keep] * 3 + c).tolist()
    assert (dets[:-1, 5] >= dets[1:, 5]).all()


def test_boxes_of_each_class(scored):
    boxes, scores = scored
    shifts = torch.tensor([0.0, 500, 1000])
    per_class = boxes[:, None].repeat(1, 3, 1)
    per_class[..., 0] += shifts
    dets, labels = multiclass_nms_rotated(per_class.flatten(1), scores, 0.3, NMS)
    plain, plain_labels = multiclass_nms_rotated(boxes, scores, 0.3, NMS)
    dets[:, 0] -= shifts[labels]
    torch.testing.assert_close(dets, plain, atol=1e-3, rtol=0)
    assert labels.tolist() == plain_labels.tolist()


def test_options(scored):
    boxes, scores = scored
    dets, labels = multiclass_nms_rotated(boxes, scores, 0.3, 0.1, max_num=5)
    assert (len(dets), len(labels)) == (5, 5)
    factors = torch.linspace(0, 1, 40)
    weighted, _ = multiclass_nms_rotated(boxes, scores, 0.3, NMS, score_factors=factors)
    assert weighted[0, 5] < 1
    agnostic, _ = multiclass_nms_rotated(
        boxes, scores, 0.3, dict(iou_threshold=0.1, class_agnostic=True)
    )
    best, which = scores[:, :3].max(1)
    assert len(agnostic) < len(multiclass_nms_rotated(boxes, scores, 0.3, NMS)[0])
    assert agnostic[0, 5] == best.max()
    assert which.max() < 3
    with pytest.raises(ValueError, match='iou_thr'):
        multiclass_nms_rotated(boxes, scores, 0.3, dict(type='nms'))


def test_nothing_left(scored):
    boxes, scores = scored
    for b, s, thr in ((boxes, scores, 2.0), (boxes[:0], scores[:0], 0.1)):
        dets, labels = multiclass_nms_rotated(b, s, thr, NMS)
        assert dets.shape == (0, 6)
        assert labels.shape == (0,)


def test_merged_views(scored):
    boxes, scores = scored
    dets, labels = multiclass_nms_rotated(boxes, scores, 0.3, NMS)
    again, again_labels = aug_multiclass_nms_rotated(
        torch.cat([dets, dets]), torch.cat([labels, labels]), 0.3, NMS, -1, 3
    )
    torch.testing.assert_close(again, dets)
    assert again_labels.tolist() == labels.tolist()
