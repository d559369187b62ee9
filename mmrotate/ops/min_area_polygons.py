"""Smallest rectangles around point sets."""

import torch
from torch import Tensor

from mmrotate.utils.graph import current_graph

from .backend import bare, call, operation, threads, uses_cpp
from .checks import check_boxes
from .polygon import cross, hulls_of, points_of, sides_of

# rectangles within this share of the least area count as equal, and the one turned least serves:
# around a triangle all three are
_TIE = 1e-9
# what runs a file may do so in float32, as OpenVINO does: equal areas come out this far apart
_TIE_OF_FILES = 4e-6


def min_area_polygons(pointsets: Tensor) -> Tensor:
    """The rectangle of least area around each point set, without gradient.

    One of its sides lies on a side of the convex hull (Freeman and Shapira, 1975); of several such
    rectangles the one turned least serves.

    Args:
        pointsets: (n, 18): nine points as x, y in pixels.

    Returns:
        (n, 8): the corners x1, y1, ..., x4, y4. Turned by its angle, in [0, pi/2) clockwise on the
        screen, the first is the upper right one, and the others follow counter-clockwise. NaN where
        a point is not finite. float64 for float64 points, else float32.

    Raises:
        ValueError: a shape or type that makes no sense.
    """
    check_boxes('pointsets', pointsets, 18)
    return (_op if current_graph() is None else _torch)(*bare(pointsets))


@operation('min_area_polygons', lambda points: points.new_empty(points.size(0), 8))
def _op(points: Tensor) -> Tensor:
    if not uses_cpp(points):
        return _torch(points)
    out = points.new_empty(len(points), 8)
    call('min_area_polygons', out.dtype, points, len(points), threads(), out)
    return out


def _torch(points: Tensor) -> Tensor:
    hulls = hulls_of(points_of(points))
    origin = hulls.corners[:, :1]
    corners, ways = hulls.corners - origin, sides_of(hulls.corners)
    length = ways.norm(dim=-1, keepdim=True)
    along = torch.where(length > 0, ways / length, ways.new_tensor([1.0, 0.0]))
    # turned by quarters until it runs to the right and down, or level
    for _ in range(3):
        turned = torch.stack([-along[..., 1], along[..., 0]], -1)
        done = (along[..., 0] > 0) & (along[..., 1] >= 0)
        along = torch.where(done[..., None], along, turned)
    x = (along[:, :, None] * corners[:, None]).sum(-1)  # (n, sides, corners)
    y = cross(along[:, :, None], corners[:, None])
    size = (x.amax(2) - x.amin(2)) * (y.amax(2) - y.amin(2))
    size = torch.where((length[..., 0] > 0) | (hulls.number < 2)[:, None], size, torch.inf)
    least = size.amin(1, True)
    tie = _TIE if current_graph() is None else _TIE_OF_FILES
    tied = size - least <= least * tie  # not 1 + tie: exported files take it for 1
    best = torch.where(tied, along[..., 1] / along[..., 0], torch.inf).argmin(1)
    rows = torch.arange(best.size(0), device=best.device)
    x, y, along = x[rows, best], y[rows, best], along[rows, best, None]
    xs = torch.stack([x.amax(1), x.amin(1), x.amin(1), x.amax(1)], 1)[..., None]
    ys = torch.stack([y.amin(1), y.amin(1), y.amax(1), y.amax(1)], 1)[..., None]
    out = origin + xs * along + ys * torch.stack([-along[..., 1], along[..., 0]], -1)
    return torch.where((hulls.number > 0)[:, None], out.flatten(1), torch.nan).to(points.dtype)
