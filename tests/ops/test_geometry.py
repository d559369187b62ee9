import math

import pytest
import torch
from hypothesis import given

from mmrotate.ops import geometry
from tests.ops.oracles import exact_areas, exact_overlaps, hard_pairs, property_test, random_boxes


def test_intersection_of_a_square_and_itself_turned():
    # the octagon that is left of a square of side 2 turned by 45 degrees: 8 (sqrt 2 - 1)
    boxes = torch.tensor([[3, 4, 2, 2, 0], [3, 4, 2, 2, math.pi / 4]], dtype=torch.float64)
    area = geometry.intersection_area(boxes[0], boxes[1])
    assert area.item() == pytest.approx(8 * (math.sqrt(2) - 1), rel=1e-12)


@property_test
@given(hard_pairs())
def test_intersection_is_exact(pair):
    area1, area2, shared = map(float, exact_areas(*pair))
    got = geometry.intersection_area(*pair).item()
    assert got == pytest.approx(shared, rel=1e-6, abs=1e-8 * min(area1, area2))


def test_shapes_broadcast():
    boxes1, boxes2 = random_boxes(7, 60), random_boxes(4, 60)
    got = geometry.overlaps(boxes1[:, None], boxes2[None], 'iou')
    torch.testing.assert_close(got, exact_overlaps(boxes1, boxes2), rtol=1e-9, atol=1e-9)


def test_boxes_that_are_none_overlap_nothing():
    nan, inf = math.nan, math.inf
    rows = [[0, 0, 0, 2, 0], [0, 0, 2, -1, 0], [nan, 0, 2, 2, 0], [0, 0, 2, inf, 0], [0] * 5]
    bad = torch.tensor([*rows, [0, 0, 2, 2, nan]])
    good = torch.tensor([[0, 0, 2, 2, 0.0]])
    assert not geometry.valid_boxes(bad).any()
    assert geometry.valid_boxes(good).all()
    assert geometry.overlaps(bad, good, 'iou').tolist() == [0.0] * len(bad)
    assert geometry.overlaps(good, bad, 'iof').tolist() == [0.0] * len(bad)


def test_touching_turns_away_only_what_does_not_overlap():
    boxes1, boxes2 = random_boxes(60), random_boxes(60)
    near = geometry.touching(boxes1[:, None], boxes2[None])
    assert 0.02 < near.float().mean() < 0.9
    assert exact_overlaps(boxes1, boxes2)[~near].max() == 0


def test_wide():
    assert geometry.wide(torch.zeros(1)).dtype == torch.float64
