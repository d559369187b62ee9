"""Random affine transforms of image and boxes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mmrotate.core.bbox import obb2poly_np, polys2obb_np
from mmrotate.core.bbox.angle import regularize
from mmrotate.registry import PIPELINES
from mmrotate.utils.errors import ArgumentError

from .boxes import centres_inside, keep_boxes, large_and_compact


@PIPELINES.register_module()
@dataclass(eq=False)
class RandomAffine:
    """Scales, turns, shears and shifts the image and its boxes at random.

    It scales and turns about the upper left corner. A sheared box becomes the rectangle that the angle version makes
    of its corners. Objects whose centre is cut off go, the others stay whole, and a sample that loses all its objects
    so is dropped.

    Args:
        max_rotate_degree: the largest angle, to both sides.
        max_translate_ratio: the largest shift, as a share of the new width and height.
        scaling_ratio_range: the factor is drawn between these.
        max_shear_degree: the largest angle of the shear along x and along y.
        border: (height, width) that the image grows by at each side, in pixels; negative to shrink it, as after a
            mosaic, which makes it twice as large: ``(-img_scale[0] // 2, -img_scale[1] // 2)``.
        border_val: value of new pixels, one for each channel.
        min_bbox_size: objects stay whose sides are both longer, in pixels, if ``skip_filter`` is False.
        min_area_ratio: a name of MMDetection without effect, as boxes are not cut.
        max_aspect_ratio: objects stay whose sides have at most this ratio, if ``skip_filter`` is False.
        bbox_clip_border: likewise without effect.
        skip_filter: do not ask for ``min_bbox_size`` and ``max_aspect_ratio``.
        version: angle version of the boxes: 'oc', 'le90' or 'le135'; in a dataset by default that of the dataset.
    """

    max_rotate_degree: float = 10.0
    max_translate_ratio: float = 0.1
    scaling_ratio_range: tuple[float, float] = (0.5, 1.5)
    max_shear_degree: float = 2.0
    border: tuple[int, int] = (0, 0)
    border_val: Sequence[float] = (114, 114, 114)
    min_bbox_size: float = 2
    min_area_ratio: float = 0.2
    max_aspect_ratio: float = 20
    bbox_clip_border: bool = True
    skip_filter: bool = True
    version: str = 'oc'

    def __post_init__(self) -> None:
        low, high = self.scaling_ratio_range
        if not 0 < low <= high:
            raise ArgumentError(f'scaling_ratio_range: (smallest, largest) above 0, got {self.scaling_ratio_range}')
        if not 0 <= self.max_translate_ratio <= 1:
            raise ArgumentError(f'max_translate_ratio must be in [0, 1], got {self.max_translate_ratio}')

    def __call__(self, results: dict) -> dict | None:
        """Transform; changes img_shape and pad_shape."""
        h, w = (side + 2 * grown for side, grown in zip(results['img'].shape, self.border, strict=False))
        if min(h, w) < 1:
            raise ArgumentError(f'RandomAffine: border={self.border} leaves nothing of {results["img"].shape[:2]}')
        matrix = self._matrix(h, w)
        move(results, matrix, (h, w), self.border_val, self.version)
        had_objects = len(results.get('gt_bboxes', ())) > 0
        for key in results.get('bbox_fields', []):
            mask = centres_inside(results[key], h, w)
            if not self.skip_filter:
                mask &= large_and_compact(results[key], self.min_bbox_size, self.max_aspect_ratio)
            keep_boxes(results, key, mask)
        return None if had_objects and not len(results['gt_bboxes']) else results

    def _matrix(self, h: int, w: int) -> np.ndarray:
        """Where a point of the image goes, as (2, 3)."""
        angle, *shears = np.radians(
            [np.random.uniform(-most, most) for most in (self.max_rotate_degree, *[self.max_shear_degree] * 2)]
        )
        factor = np.random.uniform(*self.scaling_ratio_range)
        most = self.max_translate_ratio
        shift = [np.random.uniform(-most, most) * side for side in (w, h)]
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        shear = np.array([[1, math.tan(shears[0])], [math.tan(shears[1]), 1]])
        return np.column_stack([factor * shear @ turn, shift])


@PIPELINES.register_module()
@dataclass(eq=False)
class RandomShift:
    """Shifts the image and its boxes by whole pixels at random; new pixels are 0.

    Objects whose centre is cut off go, the others stay whole; the image is not shifted if no object would be left.

    Args:
        shift_ratio: probability of a shift.
        max_shift_px: the largest shift in x and in y, in pixels.
        filter_thr_px: objects stay whose sides are both longer, in pixels.
        version: angle version of the boxes, which the step does not change.
    """

    shift_ratio: float = 0.5
    max_shift_px: int = 32
    filter_thr_px: float = 1
    version: str = 'oc'

    def __post_init__(self) -> None:
        if not 0 <= self.shift_ratio <= 1 or self.max_shift_px < 0:
            raise ArgumentError(
                f'shift_ratio in [0, 1], max_shift_px >= 0: got {self.shift_ratio}, {self.max_shift_px}'
            )

    def __call__(self, results: dict) -> dict:
        """Shift."""
        if np.random.random_sample() >= self.shift_ratio:
            return results
        shift = np.random.randint(-self.max_shift_px, self.max_shift_px + 1, 2)
        moved = {**results}
        h, w = results['img'].shape[:2]
        move(moved, np.column_stack([np.eye(2), shift]), (h, w), 0, self.version)
        for key in results.get('bbox_fields', []):
            large = (moved[key][:, 2:4] > self.filter_thr_px).all(1)
            keep_boxes(moved, key, centres_inside(moved[key], h, w) & large)
        had_objects = len(results.get('gt_bboxes', ())) > 0
        return results if had_objects and not len(moved['gt_bboxes']) else moved


def move(
    results: dict, matrix: np.ndarray, shape: tuple[int, int], border: float | Sequence[float], version: str
) -> None:
    """Move the pixels and the boxes of a sample by a matrix (2, 3), into an image of ``shape`` (h, w)."""
    # cv2 counts from the centre of the first pixel, boxes from its corner
    of_pixels = matrix.astype(np.float64)
    of_pixels[:, 2] += 0.5 * (matrix[:, :2].sum(1) - 1)
    fill = [border] * 4 if isinstance(border, (int, float)) else list(border)
    for key in results.get('img_fields', ['img']):
        results[key] = cv2.warpAffine(results[key], of_pixels, shape[::-1], borderValue=fill)
    results['img_shape'] = results['pad_shape'] = results['img'].shape
    for key in results.get('bbox_fields', []):
        results[key] = _moved(results[key].reshape(-1, 5), matrix, version)


def _moved(boxes: np.ndarray, matrix: np.ndarray, version: str) -> np.ndarray:
    """Boxes (n, 5) moved by a matrix (2, 3)."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    (cos, _), (sin, _) = linear
    if np.allclose(linear, [[cos, -sin], [sin, cos]]):  # nothing is sheared
        x, y = (boxes[:, :2] @ linear.T + shift).T
        w, h = boxes[:, 2:4].T * math.hypot(cos, sin)
        moved = np.stack([x, y, *regularize(w, h, boxes[:, 4] + math.atan2(sin, cos), version)], 1)
    else:
        corners = obb2poly_np(boxes, version).reshape(-1, 2) @ linear.T + shift
        moved = polys2obb_np(corners.reshape(-1, 8), version)[0]
    return moved.astype(np.float32).reshape(-1, 5)
