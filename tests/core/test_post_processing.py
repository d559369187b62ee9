"""Non-maximum suppression in each class."""

import pytest
import torch

from mmrotate.core import aug_multiclass_nms_rotated, multiclass_nms_rotated
from mmrotate.ops import nms_rotated, soft_nms_rotated
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
    everything, classes = multiclass_nms_rotated(boxes, scores, 0.3, NMS)
    assert len(everything) > 5
    dets, labels = multiclass_nms_rotated(boxes, scores, 0.3, 0.1, max_num=5)
    torch.testing.assert_close(dets, everything[:5])
    assert labels.tolist() == classes[:5].tolist()
    agnostic, labels = multiclass_nms_rotated(boxes, scores, 0.3, dict(iou_threshold=0.1, class_agnostic=True))
    rows, columns = (scores[:, :3] > 0.3).nonzero(as_tuple=True)
    expected, keep = nms_rotated(boxes[rows], scores[rows, columns], 0.1)
    torch.testing.assert_close(agnostic, expected)
    assert labels.tolist() == columns[keep].tolist()
    with pytest.raises(ValueError, match='iou_thr'):
        multiclass_nms_rotated(boxes, scores, 0.3, dict(type='nms'))


def test_factors_act_after_the_threshold(scored):
    boxes, scores = scored
    scores = scores.round(decimals=1)  # 0.3 itself is not above the threshold
    factors = torch.linspace(0.1, 1, 40)
    dets, labels, index = multiclass_nms_rotated(boxes, scores, 0.3, 1.0, score_factors=factors, return_inds=True)
    rows = index // 3
    assert len(dets) == (scores[:, :3] > 0.3).sum()
    torch.testing.assert_close(dets[:, 5], scores[rows, labels] * factors[rows])
    assert dets[:, 5].min() < 0.3


@pytest.mark.parametrize('width', [5, 15])
def test_nothing_left(scored, width):
    boxes, scores = scored
    boxes = boxes.repeat(1, width // 5)
    for b, s, thr in ((boxes, scores, 2.0), (boxes[:0], scores[:0], 0.1)):
        dets, labels, index = multiclass_nms_rotated(b, s, thr, NMS, 10, None, True)
        assert dets.shape == (0, 6)
        assert labels.shape == index.shape == (0,)
        assert labels.dtype == index.dtype == torch.long
    none = aug_multiclass_nms_rotated(torch.zeros(0, 6), torch.zeros(0), 0.1, NMS, 10, 3)
    assert [part.shape for part in none] == [(0, 6), (0,)]


def test_merged_views(scored):
    boxes, scores = scored
    dets, labels = multiclass_nms_rotated(boxes, scores, 0.3, NMS)
    again, again_labels = aug_multiclass_nms_rotated(
        torch.cat([dets, dets]), torch.cat([labels, labels]), 0.3, NMS, -1, 3
    )
    torch.testing.assert_close(again, dets)
    assert again_labels.tolist() == labels.tolist()


def test_soft_nms_lowers_scores(scored):
    boxes, scores = scored
    nms = dict(type='soft_nms', iou_threshold=0.1, min_score=0.01)
    dets, labels = multiclass_nms_rotated(boxes, scores, 0.3, nms)
    for c in range(3):
        above = scores[:, c] > 0.3
        expected, _ = soft_nms_rotated(boxes[above], scores[above, c], 0.1, min_score=0.01)
        torch.testing.assert_close(dets[labels == c], expected)
    assert len(dets) > len(multiclass_nms_rotated(boxes, scores, 0.3, NMS)[0])


def test_an_unknown_kind_of_nms(scored):
    with pytest.raises(ValueError, match="'soft_nms', got 'wbf'"):
        multiclass_nms_rotated(*scored, 0.3, dict(NMS, type='wbf'))
