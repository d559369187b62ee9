"""The truths that the other tests rely on, held against each other."""

import pytest

from tests.ops.oracles import exact_overlap, random_boxes, shapely_overlap


@pytest.mark.parametrize('mode', ['iou', 'iof'])
def test_they_agree(mode):
    found = 0
    for first, second in zip(random_boxes(200, 60), random_boxes(200, 60), strict=True):
        exact = exact_overlap(first, second, mode)
        assert shapely_overlap(first, second, mode) == pytest.approx(exact, rel=1e-9, abs=1e-12)
        found += exact > 0
    assert 20 < found < 180
