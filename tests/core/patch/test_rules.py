import numpy as np
import pytest
from shapely import Polygon, box

from mmrotate.core.patch import WindowRules, rules, slide_window
from mmrotate.utils.errors import ArgumentError


def turned_boxes(count, side):
    centre = np.random.rand(count, 1, 2) * side
    size = np.exp(np.random.uniform(1, 6, (count, 2, 1)))
    angle = np.random.rand(count) * np.pi
    along = np.stack([np.cos(angle), np.sin(angle)], 1)[:, None] * size[:, :1] / 2
    across = np.stack([-np.sin(angle), np.cos(angle)], 1)[:, None] * size[:, 1:] / 2
    return (centre + along * np.array([[-1], [1], [1], [-1]]) + across * np.array([[-1], [-1], [1], [1]])).reshape(
        count, 8
    )


def test_sizes_and_gaps_are_divided_by_rates():
    given = WindowRules(sizes=[1024], gaps=[500], rates=[0.5, 1.0, 1.5])
    assert given.scaled == [(2048, 1000), (1024, 500), (682, 333)]
    windows = given.windows(3000, 2500)
    want = slide_window(3000, 2500, [2048, 1024, 682], [1048, 524, 349])
    assert sorted(map(tuple, windows)) == sorted(map(tuple, want))
    # row by row, so that a file that can only be read from top to bottom is read once for each size
    sides = windows[:, 2] - windows[:, 0]
    assert all((np.diff(windows[sides == side, 1]) >= 0).all() for side in set(sides))


def test_a_window_of_two_sizes_comes_once():
    assert len(WindowRules(sizes=[64, 64], gaps=[0, 32]).windows(128, 128)) == 9


@pytest.mark.parametrize('pairs', [1 << 21, 1000])
def test_objects_by_their_share(monkeypatch, pairs):
    monkeypatch.setattr(rules, '_PAIRS', pairs)
    polygons = turned_boxes(200, 1500)
    given = WindowRules(sizes=[512], gaps=[100])
    windows = given.windows(1500, 1400)
    for window, (held, cut) in zip(windows, given.share_out(polygons, windows), strict=True):
        around = box(*window)
        shapes = [Polygon(corners.reshape(4, 2)) for corners in polygons]
        shares = np.array([shape.intersection(around).area / shape.area for shape in shapes])
        np.testing.assert_array_equal(held, np.flatnonzero(shares >= 0.7))
        assert [around.covers(shapes[i]) for i in held] == (~cut).tolist()


def test_an_object_that_touches_the_border_is_whole():
    """The reference marks some of these: it divides their areas by sums in float32."""
    polygons = np.array([[0, 0, 1024, 0, 1024, 1024, 0, 1024], [1000, 7, 1024, 7, 1024, 19.3, 1000, 19.3]])
    windows = np.array([[0, 0, 1024, 1024]])
    [(held, cut)] = WindowRules().share_out(polygons, windows)
    assert held.tolist() == [0, 1] and not cut.any()


@pytest.mark.parametrize('left', [0.1, 37, 100.3])
def test_a_share_at_the_threshold_is_enough(left):
    polygon = [left, 5, left + 10, 5, left + 10, 8.3, left, 8.3]
    [(held, cut)] = WindowRules().share_out(np.array([polygon]), np.array([[left + 3, 0, 1024, 1024]]))
    assert held.tolist() == [0] and cut.all()


def test_windows_without_objects():
    given = WindowRules()
    windows = given.windows(3000, 1000)
    assert [held.tolist() for held, _ in given.share_out(np.zeros((0, 8)), windows)] == [[]] * len(windows)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(sizes=[1, 2], gaps=[0]), 'a gap for each size'),
        (dict(sizes=[], gaps=[]), 'a gap for each size'),
        (dict(sizes=[100], gaps=[100]), 'below their size'),
        (dict(gaps=[-1]), 'below their size'),
        (dict(rates=[0]), 'rates above 0'),
        (dict(iof_thr=0), 'iof_thr in'),
        (dict(img_rate_thr=1.1), 'img_rate_thr in'),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        WindowRules(**options)
