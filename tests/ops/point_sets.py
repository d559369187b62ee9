"""Point sets and quadrilaterals to try the operations on, and their exact overlaps."""

import numpy as np
import shapely
import torch
from hypothesis import strategies as st

from tests.helpers.exact import exact_hull_areas


def random_points(count, points, size=200.0, spread=40.0, dtype=torch.float32):
    """Sets (count, 2 * points) of points within ``spread`` pixels, spread over ``size`` pixels."""
    places = torch.rand(count, 1, 2, dtype=torch.float64) * size
    return (places + torch.rand(count, points, 2, dtype=torch.float64) * spread).flatten(1).to(dtype)


def shapely_hull(row):
    return shapely.MultiPoint(np.asarray(row, dtype=np.float64).reshape(-1, 2)).convex_hull


def shapely_overlaps(rows1, rows2, mode='iou'):
    """Overlaps (n, m) of float64 of the hulls of rows of points in a general position."""
    hulls1, hulls2 = ([shapely_hull(row) for row in rows] for rows in (rows1, rows2))
    out = torch.zeros(len(hulls1), len(hulls2), dtype=torch.float64)
    for i, p in enumerate(hulls1):
        for j, q in enumerate(hulls2):
            shared = p.intersection(q).area
            out[i, j] = shared / (p.area if mode == 'iof' else p.area + q.area - shared)
    return out


def exact_hull_overlap(row1, row2, mode='iou'):
    """Overlap of two hulls in any position; ``mode`` may be ``'giou'`` too."""
    p, q, shared, both = exact_hull_areas(row1.view(-1, 2).tolist(), row2.view(-1, 2).tolist())
    if mode == 'giou':
        if not both:
            return 0.0
        joint = p + q - shared
        return float(shared / joint + joint / both - 1) if joint else -1.0
    base = p if mode == 'iof' else p + q - shared
    return float(shared / base) if p and q else 0.0


def has_area(*rows):
    """Whether no hull is a point, or a line but for the rounding of its corners."""
    for row in rows:
        points = row.double().view(-1, 2)
        area = float(exact_hull_areas(points.tolist(), points.tolist())[0])
        if area <= 1e-9 * torch.cdist(points, points).max().item() ** 2:
            return False
    return True


@st.composite
def hard_sets(draw, count, offsets=(0.0, 1e6)):
    """Nine points (1, 18) and four (1, 8) of float64: tiny, huge, needle-thin, in a line, equal."""
    scale = draw(st.sampled_from([1e-3, 1.0, 30.0, 1e5]))
    ratio = draw(st.sampled_from([1.0, 1.0, 1e-3, 0.0]))
    # few places: sides coincide, corners touch, points repeat, three are in a line
    place = draw(st.sampled_from([st.integers(0, 4).map(float), st.floats(0, 4, width=32)]))
    points = draw(st.lists(st.tuples(place, place), min_size=count + 4, max_size=count + 4))
    table = torch.tensor(points, dtype=torch.float64) * scale
    turn = draw(st.sampled_from([0.0, 0.3]))
    table[:, 1] = table[:, 1] * ratio + table[:, 0] * turn
    table += draw(st.sampled_from(offsets))
    return table[:count].reshape(1, -1), table[count:].reshape(1, -1)
