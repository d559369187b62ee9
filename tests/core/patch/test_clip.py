import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from mmrotate.core.patch.clip import inside_shares

PLACE = st.integers(-20, 60)


def quadrilaterals(seed, count):
    """Simple quadrilaterals, some of them dented: corners at random distances around a centre."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, (count, 4)), 1)
    reach = rng.uniform(2, 40, (count, 4))
    around = np.stack([np.cos(angles), np.sin(angles)], -1) * reach[..., None]
    return (around + rng.uniform(0, 100, (count, 1, 2))).reshape(count, 8)


@pytest.mark.parametrize('seed', range(4))
def test_shares_are_those_of_shapely(seed):
    polygons = [p for p in quadrilaterals(seed, 60) if Polygon(p.reshape(4, 2)).is_valid]
    starts = np.random.default_rng(seed).uniform(-20, 90, (25, 2))
    windows = np.concatenate([starts, starts + np.random.default_rng(seed + 9).uniform(5, 80, (25, 2))], 1)
    shapes = [Polygon(p.reshape(4, 2)) for p in polygons]
    expected = [[shape.intersection(box(*window)).area / shape.area for window in windows] for shape in shapes]
    np.testing.assert_allclose(inside_shares(np.array(polygons), windows), expected, atol=1e-12)


@given(st.lists(PLACE, min_size=8, max_size=8), PLACE, PLACE, st.integers(1, 50))
def test_windows_side_by_side_share_an_object(places, x, y, size):
    # whatever the polygon, crossing or of no area: tiles of the plane share what it has
    polygon = np.array([places], float)
    starts = np.stack(np.meshgrid(np.arange(x - 100, x + 150, size), np.arange(y - 100, y + 150, size)), -1).reshape(
        -1, 2
    )
    shares = inside_shares(polygon, np.concatenate([starts, starts + size], 1))
    assert ((shares >= 0) & (shares <= 1)).all()
    shape = Polygon(polygon.reshape(4, 2))
    if shape.is_valid and shape.area > 0:
        assert shares.sum() == pytest.approx(1)


def test_what_lies_within_is_whole():
    # thirds: their area, halved by the window, would be 1 less a rounding
    polygon = np.array([[1 / 3, 0, 10, 1 / 7, 9, 10, 0, 9]])
    assert inside_shares(polygon, np.array([[0, 0, 10, 10], [20, 0, 30, 10]])).tolist() == [[1, 0]]
    assert inside_shares(np.zeros((0, 8)), np.zeros((2, 4))).shape == (0, 2)
    assert inside_shares(polygon, np.zeros((0, 4))).shape == (1, 0)
