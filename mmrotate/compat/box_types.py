"""Boxes as objects, as MMRotate 1.x has them: for files written against ``mmrotate.structures.bbox``.

Nothing here needs them: a box is a row of a tensor. An object holds one, ``tensor``; the methods whose names end in an
underscore change it. Points are in pixels, angles of boxes in radians.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor

from mmrotate.core.bbox import along_sides, bbox_flip, hbb2obb, obb2poly, obb2xyxy, polys2obb_np, rbbox_overlaps
from mmrotate.core.bbox.angle import AngleVersion, regularize
from mmrotate.core.bbox.transforms import circumscribed
from mmrotate.datasets.pipelines.image import FLIP_DIRECTIONS
from mmrotate.datasets.pipelines.moves import about, turn_matrix
from mmrotate.ops.polygon import cross
from mmrotate.ops.polygon_iou import box_iou_quadri
from mmrotate.utils.errors import ArgumentError

# of ``regularize_boxes``: whether w is the longer side, and the lowest angle in degrees
_PATTERNS = {'oc': (False, -90.0), 'le90': (True, -90.0), 'le135': (True, -45.0)}
Boxes = TypeVar('Boxes', bound='BaseBoxes')


def rbox2qbox(boxes: Tensor) -> Tensor:
    """Corners (..., 8) of boxes (..., 5), beginning at (w/2, h/2) in the box's own frame, then (w/2, -h/2)."""
    return obb2poly(boxes).unflatten(-1, (4, 2))[..., [2, 1, 0, 3], :].flatten(-2)


def rbox2hbox(boxes: Tensor) -> Tensor:
    """Upright boxes (..., 4) around boxes (..., 5): left, top, right, bottom."""
    return obb2xyxy(boxes)


def hbox2rbox(boxes: Tensor) -> Tensor:
    """Upright boxes (..., 4) as boxes (..., 5) of angle 0."""
    return hbb2obb(boxes, 'r360')  # under which the angle of all upright boxes is 0


def hbox2qbox(boxes: Tensor) -> Tensor:
    """Corners (..., 8) of upright boxes (..., 4), from the left top, clockwise on the screen."""
    return obb2poly(hbox2rbox(boxes))


def qbox2hbox(boxes: Tensor) -> Tensor:
    """Upright boxes (..., 4) around quadrilaterals (..., 8)."""
    return circumscribed(boxes.reshape(-1, 8)).view(*boxes.shape[:-1], 4)


def qbox2rbox(boxes: Tensor) -> Tensor:
    """The smallest boxes (..., 5) around quadrilaterals (..., 8), in the form of le90."""
    found, _ = polys2obb_np(boxes.detach().cpu().reshape(-1, 8).numpy(), 'le90')
    return torch.from_numpy(found).to(boxes).view(*boxes.shape[:-1], 5)


class BaseBoxes:
    """Boxes of one kind, (..., ``box_dim``), which move as their corners do.

    Args:
        data: A tensor, an array or nested lists.
        dtype: Of the tensor; None: that of a tensor, else float32.
        device: Where the tensor is to be; None: where it is.
        clone: Whether a tensor is copied.
    """

    box_dim: ClassVar[int]
    kind: ClassVar[str]

    def __init__(self, data: Any, dtype: Any = None, device: Any = None, clone: bool = True) -> None:
        dtype = dtype or (None if torch.is_tensor(data) else torch.float32)
        tensor = torch.as_tensor(data, dtype=dtype, device=device)
        if not tensor.numel():
            tensor = tensor.reshape(-1, self.box_dim)
        if tensor.dim() < 2 or tensor.size(-1) != self.box_dim:
            raise ArgumentError(f'{type(self).__name__} are (..., {self.box_dim}), got {tuple(tensor.shape)}')
        self.tensor = tensor.clone() if clone else tensor

    def __len__(self) -> int:
        return len(self.tensor)

    def __getitem__(self: Boxes, index: Any) -> Boxes:
        return type(self)(torch.atleast_2d(self.tensor[index]))

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.tensor})'

    def clone(self: Boxes) -> Boxes:
        """A copy."""
        return type(self)(self.tensor)

    def to(self: Boxes, *args: Any, **kwargs: Any) -> Boxes:
        """The same of another type or on another device, as of ``Tensor.to``."""
        return type(self)(self.tensor.to(*args, **kwargs), clone=False)

    @classmethod
    def cat(cls: type[Boxes], boxes: 'Sequence[BaseBoxes]', dim: int = 0) -> Boxes:
        """Several as one."""
        return cls(torch.cat([each.tensor for each in boxes], dim), clone=False)

    def convert_to(self, kind: str) -> 'BaseBoxes':
        """These boxes as ``'rbox'``, ``'qbox'`` or ``'hbox'``."""
        if kind not in _KINDS:
            raise ArgumentError(f'kinds of boxes are {list(_KINDS)}, got {kind!r}')
        return _KINDS[kind](self.tensor if kind == self.kind else _CONVERTERS[self.kind, kind](self.tensor))

    @property
    def corners(self) -> Tensor:
        """(..., 4, 2)."""
        return self.convert_to('qbox').tensor.unflatten(-1, (4, 2))

    @property
    def centers(self) -> Tensor:
        """Centres (..., 2): means of the corners."""
        return self.corners.mean(-2)

    @property
    def areas(self) -> Tensor:
        """In square pixels, (...)."""
        corners = self.corners
        return cross(corners, corners.roll(-1, -2)).sum(-1).abs() / 2

    def project_(self, homography_matrix: Any) -> None:
        """Move corners by a matrix (3, 3); the boxes are those around them then."""
        matrix = torch.as_tensor(homography_matrix).to(self.tensor)
        moved = self.corners @ matrix[:, :2].T + matrix[:, 2]
        self._move_to(moved[..., :2] / moved[..., 2:])

    def flip_(self, img_shape: Sequence[int], direction: str = 'horizontal') -> None:
        """Mirror in an image (height, width, ...); direction: 'horizontal', 'vertical' or 'diagonal'."""
        if direction not in FLIP_DIRECTIONS:
            raise ArgumentError(f'direction must be one of {FLIP_DIRECTIONS}, got {direction!r}')
        sign = [-1.0 if direction in (name, 'diagonal') else 1.0 for name in ('horizontal', 'vertical')]
        self._project(about((img_shape[1] / 2, img_shape[0] / 2), np.diag(sign)))

    def translate_(self, distances: Sequence[float]) -> None:
        """Shift by x and y pixels."""
        self._project(np.column_stack([np.eye(2), distances]))

    def rotate_(self, center: Sequence[float], angle: float) -> None:
        """Turn by degrees, clockwise on the screen, about a point x, y."""
        self._project(about(center, turn_matrix(angle)))

    def rescale_(self, scale_factor: Sequence[float]) -> None:
        """Go along with an image whose width and height change by two factors."""
        self._project(np.column_stack([np.diag(scale_factor), [0, 0]]))

    def _project(self, matrix: np.ndarray) -> None:
        """``project_`` by a matrix (2, 3)."""
        self.project_(np.vstack([matrix, [0, 0, 1]]))

    def _move_to(self, corners: Tensor) -> None:
        """Become the boxes around corners (..., 4, 2)."""
        self.tensor = QuadriBoxes(corners.flatten(-2)).convert_to(self.kind).tensor

    def resize_(self, scale_factor: Sequence[float]) -> None:
        """Grow by two factors, along x and y, where they are."""
        centers = self.centers[..., None, :]
        self._move_to(centers + (self.corners - centers) * self.tensor.new_tensor(scale_factor))

    def clip_(self, img_shape: Sequence[int]) -> None:
        """Nothing: a box that is cut at the border of an image would be none of its kind any more."""

    def is_inside(self, img_shape: Sequence[int], all_inside: bool = False, allowed_border: float = 0) -> Tensor:
        """Which centres (...) are in an image (height, width, ...), or at most ``allowed_border`` pixels outside of it.

        ``all_inside`` changes nothing, as in 1.x.
        """
        size = self.tensor.new_tensor([img_shape[1], img_shape[0]])
        return ((self.centers >= -allowed_border) & (self.centers <= size + allowed_border)).all(-1)

    def find_inside_points(self, points: Tensor, is_aligned: bool = False) -> Tensor:
        """Which points (n, 2) are in which boxes (m, ...): (n, m), or (n,) of pairs; those on an outline are."""
        corners = self.corners
        offsets = (points[:, None] if is_aligned else points[:, None, None]) - corners
        turns = cross((corners.roll(-1, -2) - corners).expand_as(offsets), offsets)
        return (turns >= 0).all(-1) | (turns <= 0).all(-1)


class RotatedBoxes(BaseBoxes):
    """Boxes (..., 5): x, y, w, h, theta."""

    box_dim, kind = 5, 'rbox'

    @property
    def centers(self) -> Tensor:
        """Centres (..., 2)."""
        return self.tensor[..., :2]

    @property
    def widths(self) -> Tensor:
        """Sides w (...)."""
        return self.tensor[..., 2]

    @property
    def heights(self) -> Tensor:
        """Sides h (...)."""
        return self.tensor[..., 3]

    @property
    def areas(self) -> Tensor:
        """In square pixels, (...)."""
        return self.widths * self.heights

    def regularize_boxes(
        self, pattern: str | None = None, width_longer: bool = True, start_angle: float = -90
    ) -> Tensor:
        """The same rectangles (..., 5) in one form.

        Args:
            pattern: ``'oc'``, ``'le90'`` or ``'le135'``, in place of the others.
            width_longer: Whether w is to be the longer side; else theta is in a quarter turn from ``start_angle`` on,
                instead of half a turn.
            start_angle: The lowest angle, in degrees.
        """
        if pattern is not None:
            if pattern not in _PATTERNS:
                raise ArgumentError(f'pattern must be one of {list(_PATTERNS)}, got {pattern!r}')
            width_longer, start_angle = _PATTERNS[pattern]
        w, h, theta = self.tensor[..., 2:].unbind(-1)
        start = math.radians(start_angle)
        if width_longer:
            form = regularize(w, h, theta, AngleVersion(start, math.pi, True, 0.0, False))
        else:  # 'oc' leaves out its lowest angle, this the highest one
            end = start + math.pi / 2
            w, h, rest = regularize(w, h, end - theta, 'oc')
            form = w, h, end - rest
        self.tensor = torch.cat([self.centers, torch.stack(form, -1)], -1)
        return self.tensor

    def flip_(self, img_shape: Sequence[int], direction: str = 'horizontal') -> None:
        """Mirror in an image (height, width, ...); direction: 'horizontal', 'vertical' or 'diagonal'."""
        self.tensor = bbox_flip(self.tensor, img_shape, direction)

    def translate_(self, distances: Sequence[float]) -> None:
        """Shift by x and y pixels."""
        self._set(self.centers + self.tensor.new_tensor(distances), self.tensor[..., 2:])

    def rotate_(self, center: Sequence[float], angle: float) -> None:
        """Turn by degrees, clockwise on the screen, about a point x, y; angles may leave their range."""
        matrix = self.tensor.new_tensor(about(center, turn_matrix(angle)))
        theta = self.tensor[..., 4:] + math.radians(angle)
        self._set(self.centers @ matrix[:, :2].T + matrix[:, 2], self.tensor[..., 2:4], theta)

    def rescale_(self, scale_factor: Sequence[float]) -> None:
        """Go along with an image whose width and height change by two factors.

        Sides change as lines of their directions do. The side h keeps the direction of its line, and w is square to it.
        """
        (across, down), (_, _, w, h, theta) = scale_factor, self.tensor.unbind(-1)
        cos, sin = theta.cos(), theta.sin()
        w, h = w * torch.hypot(across * cos, down * sin), h * torch.hypot(across * sin, down * cos)
        sides = torch.stack([w, h, torch.atan2(across * sin, down * cos)], -1)
        self._set(self.centers * self.tensor.new_tensor([across, down]), sides)

    def resize_(self, scale_factor: Sequence[float]) -> None:
        """Grow by two factors, along w and h, where they are."""
        sides = self.tensor[..., 2:4] * self.tensor.new_tensor(scale_factor)
        self._set(self.centers, sides, self.tensor[..., 4:])

    def find_inside_points(self, points: Tensor, is_aligned: bool = False, eps: float = 0.01) -> Tensor:
        """Which points (n, 2) are in which boxes (m, 5), ``eps`` pixels from the sides: (n, m), or (n,) of pairs."""
        along, across = along_sides(points if is_aligned else points[:, None], self.tensor)
        return (along.abs() <= self.widths / 2 - eps) & (across.abs() <= self.heights / 2 - eps)

    @staticmethod
    def overlaps(boxes1: BaseBoxes, boxes2: BaseBoxes, mode: str = 'iou', is_aligned: bool = False) -> Tensor:
        """Overlaps (n, m), or (n,) of pairs; ``mode``: ``'iou'`` or ``'iof'``, over the areas of the first."""
        return rbbox_overlaps(boxes1.tensor, boxes2.tensor, mode, is_aligned)

    def _set(self, *parts: Tensor) -> None:
        self.tensor = torch.cat(parts, -1)


class QuadriBoxes(BaseBoxes):
    """Quadrilaterals (..., 8): x1, y1, ..., x4, y4."""

    box_dim, kind = 8, 'qbox'

    @property
    def widths(self) -> Tensor:
        """Sides (...) of squares of the same areas."""
        return self.areas.sqrt()

    @property
    def heights(self) -> Tensor:
        """As ``widths``."""
        return self.widths

    @staticmethod
    def overlaps(boxes1: BaseBoxes, boxes2: BaseBoxes, mode: str = 'iou', is_aligned: bool = False) -> Tensor:
        """Overlaps (n, m) of the hulls, or (n,) of pairs; ``mode``: ``'iou'`` or ``'iof'``, over areas of the first."""
        return box_iou_quadri(boxes1.tensor, boxes2.tensor, mode, is_aligned)


class HorizontalBoxes(BaseBoxes):
    """Upright boxes (..., 4): left, top, right, bottom."""

    box_dim, kind = 4, 'hbox'

    @property
    def widths(self) -> Tensor:
        """(...)."""
        return self.tensor[..., 2] - self.tensor[..., 0]

    @property
    def heights(self) -> Tensor:
        """(...)."""
        return self.tensor[..., 3] - self.tensor[..., 1]

    def clip_(self, img_shape: Sequence[int]) -> None:
        """Cut at the border of an image (height, width, ...)."""
        width, height = img_shape[1], img_shape[0]
        self.tensor = self.tensor.minimum(self.tensor.new_tensor([width, height, width, height])).clamp(min=0)


_KINDS: dict[str, type[BaseBoxes]] = {each.kind: each for each in (RotatedBoxes, QuadriBoxes, HorizontalBoxes)}
_CONVERTERS: dict[tuple[str, str], Callable[[Tensor], Tensor]] = {
    ('rbox', 'qbox'): rbox2qbox,
    ('rbox', 'hbox'): rbox2hbox,
    ('qbox', 'rbox'): qbox2rbox,
    ('qbox', 'hbox'): qbox2hbox,
    ('hbox', 'rbox'): hbox2rbox,
    ('hbox', 'qbox'): hbox2qbox,
}
