import numpy as np
import pytest

from mmrotate.track import Line, Tracks, Zone


def frame(*objects):
    """Tracks of (id, x, y, label)."""
    boxes = np.array([[x, y, 10, 4, 0.1, 0.9] for _, x, y, _ in objects], np.float32).reshape(-1, 6)
    return Tracks(np.array([o[0] for o in objects], int), boxes, np.array([o[3] for o in objects], int))


def test_a_line_counts_by_side_and_class():
    line = Line((0, 50), (100, 50))  # who goes along it has what is below at the right
    for y in (30, 45, 50, 55, 70):
        line.update(frame((1, 20, y, 0), (2, 40, 100 - y, 1), (3, 150, y, 0), (4, 60, 40, 0)))
    assert (dict(line.right), dict(line.left)) == ({0: 1}, {1: 1})  # 3 goes past its end, 4 stays
    line.update(frame((1, 20, 20, 0)))
    assert dict(line.left) == {1: 1, 0: 1}


def test_a_line_is_crossed_by_who_was_not_seen_on_it():
    line = Line((0, 50), (100, 50))
    line.update(frame((1, 20, 0, 0)))
    line.update(frame())
    line.update(frame((1, 30, 100, 0)))
    assert sum(line.right.values()) == 1


def test_a_zone_counts_now_at_most_and_ever():
    zone = Zone(np.array([[0, 0], [100, 0], [100, 100]]))
    zone.update(frame((1, 80, 20, 0), (2, 90, 30, 1), (3, 20, 80, 0)))
    assert (dict(zone.now), zone.most, dict(zone.ever)) == ({0: 1, 1: 1}, 2, {0: 1, 1: 1})
    zone.update(frame((1, 300, 20, 0), (4, 50, 20, 0)))
    assert (dict(zone.now), zone.most, dict(zone.ever)) == ({0: 1}, 2, {0: 2, 1: 1})
    zone.update(frame())
    assert (dict(zone.now), zone.most) == ({}, 2)


def test_what_is_no_line_and_no_zone():
    with pytest.raises(ValueError, match='two different points'):
        Line((1, 1), (1, 1))
    with pytest.raises(ValueError, match='three corners'):
        Zone(np.zeros((2, 2)))
