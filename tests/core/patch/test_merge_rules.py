"""Options of merging: across classes, parts at borders, means."""

import math

import numpy as np
import pytest

from mmrotate.core.patch import MergeRule, merge_boxes, merge_results
from mmrotate.utils import UserError

WHOLE = [95, 50, 60, 10, 0, 0.5]
# two patches of 100 pixels, the second 60 further to the right: there WHOLE is whole, the first sees its left end
OFFSETS, SIZES = np.array([[0, 0], [60, 0]]), np.array([[100, 100]] * 2)


def dets(*rows):
    return np.array(rows, np.float32).reshape(-1, 6)


def patches(*parts):
    """Results of the two patches, from detections in the image."""
    return [[dets(*([x - off[0], *rest] for x, *rest in rows))] for rows, off in zip(parts, OFFSETS, strict=True)]


def test_classes_suppress_each_other_on_request():
    boxes, labels = dets([50, 50, 20, 10, 0, 0.9], [51, 50, 20, 10, 0, 0.8]), np.array([0, 1])
    assert len(merge_boxes(boxes, labels, MergeRule())[0]) == 2
    found, classes = merge_boxes(boxes, labels, MergeRule(class_agnostic=True))
    assert found.tolist() == boxes[:1].tolist() and classes.tolist() == [0]


@pytest.mark.parametrize(('length', 'score'), [(35, 0.9), (35, 0.4), (4, 0.9)])
def test_a_part_at_a_border_goes_and_the_whole_stays(length, score):
    part = [90 - length / 2, 50, length, 10, 0, score]
    both = patches([[100 - length / 2, 50, length, 10, 0, score]], [WHOLE])
    (merged,) = merge_results(both, OFFSETS, (160, 100), iof_thr=0.8, sizes=SIZES)
    np.testing.assert_allclose(merged, dets(WHOLE), rtol=1e-6)
    # the same boxes inside of their patches: the scores decide, and what hardly overlaps stays
    inside = patches([part], [WHOLE])
    (merged,) = merge_results(inside, OFFSETS, (160, 100), iof_thr=0.8, sizes=SIZES)
    assert len(merged) == (2 if length == 4 else 1) and merged[0, 5] == np.float32(max(score, WHOLE[5]))


def test_a_border_of_the_image_cuts_nothing():
    left = [4, 50, 8, 10, 0, 0.3]
    wide = [20, 50, 40, 10, 0, 0.2]
    both = patches([left, wide], [])
    both[1] = [dets()]
    (merged,) = merge_results(both, OFFSETS, (160, 100), 0.5, iof_thr=0.8, sizes=SIZES)
    assert len(merged) == 2


def test_a_part_of_another_class_stays():
    both = [[dets([82.5, 50, 35, 10, 0, 0.9]), dets()], [dets(), dets([35, 50, 60, 10, 0, 0.5])]]
    merged = merge_results(both, OFFSETS, (160, 100), iof_thr=0.8, sizes=SIZES)
    assert [len(each) for each in merged] == [1, 1]
    merged = merge_results(both, OFFSETS, (160, 100), iof_thr=0.8, class_agnostic=True, sizes=SIZES)
    assert [len(each) for each in merged] == [0, 1]


@pytest.mark.parametrize('turn', [0, 1, 2, -1])
def test_the_mean_is_weighted_by_the_scores_in_either_form_of_a_box(turn):
    sides = (20, 40) if turn % 2 else (40, 20)
    boxes = dets(
        [50, 50, 42, 22, 1.5, 0.6],
        [53, 50, *sides, 1.7 + turn * math.pi / 2, 0.3],
        [62, 50, 40, 20, 1.5, 0.2],  # goes, but overlaps by less than half
    )
    found, labels = merge_boxes(boxes, np.zeros(3, int), MergeRule(fuse_thr=0.5))
    expected = [(2 * a + b) / 3 for a, b in zip([50, 50, 42, 22, 1.5], [53, 50, 40, 20, 1.7], strict=True)]
    np.testing.assert_allclose(found, dets([*expected, 0.6]), rtol=1e-5)
    assert labels.tolist() == [0]


def test_nothing_and_what_cannot_be():
    assert merge_boxes(dets(), np.zeros(0, int), MergeRule(0.1, True, 0.5, 0.5), np.zeros(0, bool))[0].shape == (0, 6)
    with pytest.raises(ValueError, match='sizes'):
        merge_results([[dets()]], OFFSETS[:1], (9, 9), iof_thr=0.5)
    with pytest.raises(UserError, match=r'fuse_thr must be in \[0, 1\], got 2'):
        merge_results([[dets()]], OFFSETS[:1], (9, 9), fuse_thr=2)
