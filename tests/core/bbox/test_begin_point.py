"""The corner that a polygon begins with."""

import numpy as np
import pytest

from mmrotate.core import bbox

CORNERS = np.array([[3.0, 1], [9, 2], [8, 6], [2, 5]])  # from the one at the top left


@pytest.mark.parametrize('turn', range(4))
def test_begins_at_the_top_left_whatever_it_began_with(turn):
    polygon = np.roll(CORNERS, turn, 0).reshape(1, 8)
    np.testing.assert_array_equal(bbox.get_best_begin_point(polygon), CORNERS.reshape(1, 8))
    scored = np.append(polygon, 0.5)
    expected = np.append(CORNERS, 0.5)
    np.testing.assert_array_equal(bbox.get_best_begin_point_single(scored), expected)
    np.testing.assert_array_equal(bbox.get_best_begin_point(scored[None]), expected[None])


def test_no_polygon():
    for columns in (8, 9):
        assert bbox.get_best_begin_point(np.zeros((0, columns))).shape == (0, columns)


def test_line_length():
    assert bbox.cal_line_length([1, 2], np.array([4, 6])) == pytest.approx(5)
