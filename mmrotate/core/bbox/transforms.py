"""Conversions between rotated boxes, polygons and horizontal boxes, for tensors and arrays.

Forms: ``obb`` (n, 5) as x, y, w, h, theta; ``poly`` (n, 8) as four corners x1, y1 ... x4, y4, clockwise on the
screen; ``xyxy`` (n, 4) as left, top, right, bottom; ``hbb`` an obb with sides along the axes.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmrotate.ops.min_area_rects import min_area_rects
from mmrotate.utils.errors import ArgumentError

from .angle import AngleVersion, ArrayLike, angle_version, namespace, norm_angle, regularize

if TYPE_CHECKING:
    from torch import Tensor

# polygons with a shorter side in pixels are no object (their box would have no direction)
MIN_SIDE = 2.0
# squared lengths below it count as it: the square root of 0 has no gradient
_TINY = 1e-12


def _stack(parts: Sequence[ArrayLike]) -> ArrayLike:
    return namespace(parts[0]).stack(tuple(parts), -1)


def _columns(boxes: ArrayLike, count: int = 5, name: str = 'boxes') -> list[ArrayLike]:
    """The first ``count`` columns of boxes (..., count), which may have their scores in one more."""
    if not boxes.ndim or boxes.shape[-1] not in (count, count + 1):
        expected = f'(n, {count}), or (n, {count + 1}) with scores'
        raise ArgumentError(f'{name} must have shape {expected}, got {tuple(boxes.shape)}')
    return [boxes[..., i] for i in range(count)]


def _bounds(boxes: ArrayLike) -> tuple[ArrayLike, ArrayLike]:
    """Width and height of the circumscribed horizontal boxes."""
    _, _, w, h, theta = _columns(boxes, name='rbboxes')
    xp = namespace(theta)
    cos, sin = abs(xp.cos(theta)), abs(xp.sin(theta))
    return cos * w + sin * h, sin * w + cos * h


def along_sides(points: 'Tensor', boxes: 'Tensor') -> 'tuple[Tensor, Tensor]':
    """Where points (..., 2) lie from the centres of boxes (..., 5), along the side w and along h; both broadcast."""
    x, y, _, _, theta = boxes.unbind(-1)
    dx, dy = points[..., 0] - x, points[..., 1] - y
    cos, sin = theta.cos(), theta.sin()
    return cos * dx + sin * dy, cos * dy - sin * dx


def obb2poly(rbboxes: ArrayLike, version: str = 'oc') -> ArrayLike:
    """Corners (n, 8) of boxes (n, 5), or of results (n, 6), beginning at (-w/2, -h/2) in the box's own frame."""
    angle_version(version)
    x, y, w, h, theta = _columns(rbboxes, name='rbboxes')
    xp = namespace(theta)
    cos, sin = xp.cos(theta), xp.sin(theta)
    wx, wy = w / 2 * cos, w / 2 * sin
    hx, hy = -h / 2 * sin, h / 2 * cos
    xs = (x - wx - hx, x + wx - hx, x + wx + hx, x - wx + hx)
    ys = (y - wy - hy, y + wy - hy, y + wy + hy, y - wy + hy)
    return _stack([c for corner in zip(xs, ys, strict=True) for c in corner])


def obb2xyxy(rbboxes: ArrayLike, version: str = 'oc') -> ArrayLike:
    """Circumscribed horizontal boxes (n, 4) of boxes (n, 5), or of results (n, 6)."""
    angle_version(version)
    w, h = _bounds(rbboxes)
    x, y = rbboxes[..., 0], rbboxes[..., 1]
    return _stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2])


def _upright(x: ArrayLike, y: ArrayLike, w: ArrayLike, h: ArrayLike, version: str) -> ArrayLike:
    """Horizontal boxes of width ``w`` and height ``h`` as (n, 5) in a version's form."""
    rule, xp = angle_version(version), namespace(w)
    zero = xp.zeros_like(w)
    turn = w < h if rule.long_edge else zero < rule.upright
    theta = xp.where(turn, zero + rule.upright, zero)
    return _stack([x, y, xp.where(turn, h, w), xp.where(turn, w, h), theta])


def obb2hbb(rbboxes: ArrayLike, version: str = 'oc') -> ArrayLike:
    """Circumscribed horizontal boxes (n, 5), as rotated boxes, of boxes (n, 5), or of results (n, 6)."""
    width, height = _bounds(rbboxes)
    return _upright(rbboxes[..., 0], rbboxes[..., 1], width, height, version)


def hbb2obb(hbboxes: ArrayLike, version: str = 'oc') -> ArrayLike:
    """Horizontal boxes (n, 4) as left, top, right, bottom, or such results (n, 5) -> (n, 5)."""
    left, top, right, bottom = _columns(hbboxes, 4, 'hbboxes')
    return _upright((left + right) / 2, (top + bottom) / 2, right - left, bottom - top, version)


def in_version(boxes: ArrayLike, version: str | AngleVersion) -> ArrayLike:
    """The same rectangles (..., 5), at any angle, in the form of a version."""
    x, y, w, h, theta = _columns(boxes)
    w, h, theta = regularize(w, h, theta, version)
    return _stack([x, y, w, h, theta])


def _quadrilaterals(polys: ArrayLike) -> ArrayLike:
    """Corners (n, 8) that were given so, or as (n, 4, 2)."""
    shape = tuple(polys.shape)
    if shape[-1:] != (8,) and shape[-2:] != (4, 2) and shape != (0,):
        raise ArgumentError(f'polys must have shape (n, 8), got {shape}')
    return polys.reshape(-1, 8)


def poly2obb(polys: ArrayLike, version: str = 'oc') -> ArrayLike:
    """Boxes (n, 5) of quadrilaterals (n, 8), from the lengths of the first two edges and a direction.

    Long-edge versions go along the longer edge, ``oc`` along the first one, which is the front under ``r360``. Exact
    for rectangles; for other shapes as the published models were trained.
    """
    x1, y1, x2, y2, x3, y3, x4, y4 = _columns(_quadrilaterals(polys), 8)
    xp = namespace(polys)
    edge1 = xp.sqrt(((x1 - x2) ** 2 + (y1 - y2) ** 2).clip(_TINY))
    edge2 = xp.sqrt(((x2 - x3) ** 2 + (y2 - y3) ** 2).clip(_TINY))
    if not angle_version(version).long_edge:
        theta = xp.arctan2(y2 - y1, x2 - x1)
        if angle_version(version).heading:  # from the back to the front, whichever way the corners go round
            theta = xp.arctan2(y1 + y2 - y3 - y4, x1 + x2 - x3 - x4) + math.pi / 2
        w, h, theta = regularize(edge1, edge2, theta, version)
        return _stack([(x1 + x2 + x3 + x4) / 4, (y1 + y2 + y3 + y4) / 4, w, h, theta])
    first = edge1 > edge2
    across, down = xp.where(first, x2 - x1, x4 - x1), xp.where(first, y2 - y1, y4 - y1)
    theta = norm_angle(xp.arctan2(down, across), version)
    long, short = xp.where(first, edge1, edge2), xp.where(first, edge2, edge1)
    return _stack([(x1 + x3) / 2, (y1 + y3) / 2, long, short, theta])


def _enclosing_rectangles(polys: np.ndarray, version: str) -> np.ndarray:
    """Smallest enclosing rectangles (n, 5) of quadrilaterals (n, 8); those that the published models learned from."""
    return in_version(min_area_rects(polys), version)


def polys2obb_np(polys: np.ndarray, version: str = 'oc') -> tuple[np.ndarray, np.ndarray]:
    """Boxes (n, 5), in float64, of labelled quadrilaterals (n, 8), and a mask (n,) of the objects among them.

    Objects have sides of at least ``MIN_SIDE`` pixels. The version also says how other shapes than rectangles
    are read, see :class:`~mmrotate.core.bbox.angle.AngleVersion`.
    """
    polys = _quadrilaterals(np.asarray(polys))
    by_edges = angle_version(version).edge_labels
    boxes = poly2obb(polys.astype(np.float64), version) if by_edges else _enclosing_rectangles(polys, version)
    return boxes, np.asarray((boxes[:, 2:4] >= MIN_SIDE).all(1))


def poly2obb_np(polys: np.ndarray, version: str = 'oc') -> tuple[float, ...] | None:
    """Box (x, y, w, h, theta) of one quadrilateral of 8 numbers; None where it is degenerate."""
    boxes, good = polys2obb_np(polys, version)
    if len(boxes) != 1:
        raise ArgumentError(f'one quadrilateral of 8 numbers is needed, got {len(boxes)}')
    return tuple(boxes[0].tolist()) if good[0] else None


def obb2poly_np(rbboxes: np.ndarray, version: str = 'oc') -> np.ndarray:
    """Corners (n, 8) of boxes (n, 5), or corners and score (n, 9) of scored boxes (n, 6).

    The first corner is the one nearest to the top left of the circumscribed box; of boxes with a front it stays.
    """
    polys = np.concatenate([obb2poly(rbboxes, version), rbboxes[:, 5:]], 1)
    return polys if angle_version(version).heading else get_best_begin_point(polys)


def heading_gap(boxes: ArrayLike, others: ArrayLike) -> ArrayLike:
    """Angles (n,) in [0, pi] between the directions of boxes (n, 5 or more) and others (n, 5 or more)."""
    gap = (boxes[..., 4] - others[..., 4]) % (2 * math.pi)
    return namespace(gap).minimum(gap, 2 * math.pi - gap)


def circumscribed(polys: 'Tensor') -> 'Tensor':
    """Circumscribed horizontal boxes (n, 4) of polygons (n, 2 k)."""
    corners = polys.unflatten(1, (-1, 2))
    return namespace(corners).cat([corners.amin(1), corners.amax(1)], 1)


def aspect_ratio(polys: 'Tensor') -> 'Tensor':
    """Longer over shorter side (n,) of rectangles given by corners (n, 8)."""
    corners = polys.unflatten(1, (4, 2))
    edges = (corners[:, 1:3] - corners[:, :2]).norm(dim=-1)
    return edges.amax(1) / edges.amin(1).clamp(min=1e-6)


def get_best_begin_point(coordinates: np.ndarray) -> np.ndarray:
    """Turn corners (n, 8) to lie nearest to those of the circumscribed box; further columns stay."""
    coordinates = np.asarray(coordinates)
    if coordinates.ndim != 2 or coordinates.shape[1] < 8:
        raise ArgumentError(f'coordinates must have shape (n, 8), got {coordinates.shape}')
    corners = coordinates[:, :8].reshape(-1, 4, 2)
    low, high = corners.min(1), corners.max(1)
    box = np.stack([low, np.stack([high[:, 0], low[:, 1]], 1), high, np.stack([low[:, 0], high[:, 1]], 1)], 1)
    turned = np.stack([np.roll(corners, -k, axis=1) for k in range(4)], 1)  # (n, 4, 4, 2)
    distance = np.linalg.norm(turned - box[:, None], axis=-1).sum(-1)
    best = turned[np.arange(len(corners)), distance.argmin(1)].reshape(-1, 8)
    return np.concatenate([best, coordinates[:, 8:]], 1)


def get_best_begin_point_single(coordinate: np.ndarray) -> np.ndarray:
    """:func:`get_best_begin_point` of one polygon (8,), or with its score (9,)."""
    return get_best_begin_point(np.asarray(coordinate)[None])[0]


def cal_line_length(point1: Sequence[float], point2: Sequence[float]) -> float:
    """Distance of two points x, y."""
    return math.dist(point1, point2)


def bbox_flip(
    bboxes: ArrayLike, img_shape: Sequence[int], direction: str = 'horizontal', heading: bool = False
) -> ArrayLike:
    """Mirror boxes (n, 5), or results (n, 6), in an image of shape (height, width, ...).

    Angles may leave their version's range.
    ``direction`` is ``'horizontal'``, ``'vertical'`` or ``'diagonal'`` (both); ``heading``: the boxes have a front.
    """
    if direction not in ('horizontal', 'vertical', 'diagonal'):
        raise ArgumentError(f'direction must be horizontal, vertical or diagonal, got {direction!r}')
    x, y, w, h, theta = _columns(bboxes, name='bboxes')
    if direction != 'vertical':
        x = img_shape[1] - x
    if direction != 'horizontal':
        y = img_shape[0] - y
    if direction != 'diagonal':
        theta = -theta
    if heading and direction != 'horizontal':
        theta = theta + math.pi
    return namespace(bboxes).concatenate([_stack([x, y, w, h, theta]), bboxes[..., 5:]], -1)


def bbox_mapping_back(
    bboxes: 'Tensor',
    img_shape: Sequence[int],
    scale_factor: Sequence[float],
    flip: bool,
    flip_direction: str = 'horizontal',
    heading: bool = False,
) -> 'Tensor':
    """Boxes (n, 5), or results (n, 6), of an augmented image in the pixels of the original image.

    ``heading``: the boxes have a front.
    """
    _columns(bboxes, name='bboxes')
    if flip:
        bboxes = bbox_flip(bboxes, img_shape, flip_direction, heading)
    factor = bboxes.new_tensor(np.asarray(scale_factor, np.float32))
    return namespace(bboxes).cat([bboxes[:, :4] / factor, bboxes[:, 4:]], 1)


def rbbox2result(bboxes: 'Tensor', labels: 'Tensor', num_classes: int) -> list[np.ndarray]:
    """Boxes with scores (n, 6) and labels (n,) as a list over classes of float32 (k, 6)."""
    torch = namespace(bboxes)
    if torch.compiler.is_compiling():  # what a compiled detector does ends here
        torch._dynamo.graph_break()
    if bboxes.numel() and (bboxes.dim() != 2 or bboxes.size(1) != 6):
        raise ArgumentError(f'bboxes must have shape (n, 6), got {tuple(bboxes.shape)}')
    dets = bboxes.detach().float().cpu().numpy().reshape(-1, 6)
    classes = labels.detach().cpu().numpy()
    return [dets[classes == i] for i in range(num_classes)]


def rbbox2roi(bbox_list: 'Sequence[Tensor]') -> 'Tensor':
    """Boxes of each image, (n, 5) or horizontal (n, 4), as RoIs (sum n, 6 or 5), the image's index first."""
    columns = [_columns(b, 4 if b.size(-1) == 4 else 5) for b in bbox_list]
    torch = namespace(columns[0][0])
    return torch.cat([torch.stack([torch.full_like(parts[0], i), *parts], 1) for i, parts in enumerate(columns)])


def bbox2roi(bbox_list: 'Sequence[Tensor]') -> 'Tensor':
    """Boxes (n, d) of each image, horizontal or rotated, as RoIs (sum n, 1 + d), the image's index first."""
    pad = namespace(bbox_list[0]).nn.functional.pad
    return namespace(bbox_list[0]).cat([pad(boxes, (1, 0), value=i) for i, boxes in enumerate(bbox_list)])
