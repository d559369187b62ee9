"""Random rotation of image and boxes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from mmrotate.core.bbox.angle import regularize
from mmrotate.registry import PIPELINES
from mmrotate.utils.errors import ArgumentError

from .boxes import keep_boxes

_QUARTERS = (90, 180, -90, -180)
_SMALLEST = 5  # pixels


@PIPELINES.register_module()
@dataclass(eq=False)
class PolyRandomRotate:
    """Turns the image and its boxes about the centre of the image at random.

    A box stays if its centre is in the new image and both sides are longer than 5 pixels, whether it was turned or
    not; a sample that loses all its objects so is dropped.

    Args:
        rotate_ratio: probability of a rotation.
        mode: 'range' draws an angle from 0 to ``angles_range``, 'value' takes one out of it.
        angles_range: the largest angle, or the angles; degrees, counter-clockwise on the screen.
        auto_bound: the new image holds the whole turned one, else it keeps its size.
        rect_classes: labels of classes whose boxes are always upright: an image with one of them is turned by
            quarter turns only.
        version: angle version of the boxes: 'oc', 'le90' or 'le135'; in a dataset by default that of the dataset.
        allow_negative: with 'range' draw from -``angles_range`` on.
    """

    rotate_ratio: float = 0.5
    mode: str = 'range'
    angles_range: float | Sequence[float] = 180
    auto_bound: bool = False
    rect_classes: Sequence[int] | None = None
    version: str = 'le90'
    allow_negative: bool = False
    rm_coords: np.ndarray = field(init=False, repr=False)
    rm_image: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.mode not in ('range', 'value'):
            raise ArgumentError(f"PolyRandomRotate: mode must be 'range' or 'value', got {self.mode!r}")
        if isinstance(self.angles_range, (int, float)) != (self.mode == 'range') or self.angles_range == []:
            raise ArgumentError(
                "PolyRandomRotate: angles_range is a number for mode 'range' and a list of angles for 'value', "
                f'got {self.angles_range!r} for {self.mode!r}'
            )
        self.rect_classes = list(self.rect_classes or [])

    def __call__(self, results: dict) -> dict | None:
        """Rotate; sets rotate and rotate_angle (degrees), changes img_shape and pad_shape."""
        results['rotate'] = bool(self.is_rotate)
        angle = results['rotate_angle'] = self._angle(results) if results['rotate'] else 0.0
        h, w = results['img'].shape[:2]
        bound_h, bound_w = self._bounds(w, h, angle)
        place = (w / 2, h / 2), angle, bound_h, bound_w
        self.rm_coords = self.create_rotation_matrix(*place)
        if results['rotate']:
            # cv2 counts from the centre of the first pixel, boxes from its corner
            self.rm_image = self.create_rotation_matrix(*place, offset=-0.5)
            for key in results.get('img_fields', ['img']):
                results[key] = self.apply_image(results[key], bound_h, bound_w)
            results['img_shape'] = results['pad_shape'] = results['img'].shape
        had_objects = len(results.get('gt_bboxes', ())) > 0
        for key in results.get('bbox_fields', []):
            results[key] = self._turn(results[key], angle)
            keep_boxes(results, key, self.filter_border(results[key], bound_h, bound_w))
        return None if had_objects and not len(results['gt_bboxes']) else results

    @property
    def is_rotate(self) -> bool:
        """Whether to turn this image: drawn anew each time."""
        return bool(np.random.rand() < self.rotate_ratio)

    def _angle(self, results: dict) -> float:
        """An angle in degrees."""
        if self.rect_classes and np.isin(results['gt_labels'], self.rect_classes).any():
            return float(np.random.choice(_QUARTERS))
        if self.mode == 'value':
            return float(np.random.choice(self.angles_range))
        return float(self.angles_range * np.random.uniform(-1 if self.allow_negative else 0, 1))  # type: ignore[operator]

    def _bounds(self, w: int, h: int, angle: float) -> tuple[int, int]:
        """Height and width of the new image."""
        if not self.auto_bound:
            return h, w
        turn = cv2.getRotationMatrix2D((w / 2, h / 2), angle, 1)[:, :2]
        size = np.rint(np.abs(turn) @ [w, h]).astype(int)
        return int(size[1]), int(size[0])

    def create_rotation_matrix(
        self, center: Sequence[float], angle: float, bound_h: int, bound_w: int, offset: float = 0
    ) -> np.ndarray:
        """Where a point goes, as (2, 3).

        Args:
            center: Point (x, y) that the image is turned about.
            angle: In degrees, counter-clockwise on the screen.
            bound_h: Height of the new image; it and the width count with ``auto_bound``.
            bound_w: Width of the new image.
            offset: Of the coordinates, both of x and y, from those that begin at the image's corner.
        """
        matrix: np.ndarray = cv2.getRotationMatrix2D(tuple(center), angle, 1)
        if self.auto_bound:
            matrix[:, 2] += np.array([bound_w, bound_h]) / 2 - center
        matrix[:, 2] += offset * (1 - matrix[:, :2].sum(1))
        return matrix

    def apply_image(self, img: np.ndarray, bound_h: int, bound_w: int, interp: int = cv2.INTER_LINEAR) -> np.ndarray:
        """The image turned by ``self.rm_image``, of this height and width."""
        return cv2.warpAffine(img, self.rm_image, (bound_w, bound_h), flags=interp)

    def apply_coords(self, coords: np.ndarray) -> np.ndarray:
        """Points (n, 2) turned by ``self.rm_coords``."""
        return coords @ self.rm_coords[:, :2].T + self.rm_coords[:, 2]

    def filter_border(self, bboxes: np.ndarray, h: int, w: int) -> np.ndarray:
        """Mask (n,) of the boxes (n, 5) that stay in an image of this height and width."""
        inside: np.ndarray = (bboxes[:, :2] > 0) & (bboxes[:, :2] < (w, h)) & (bboxes[:, 2:4] > _SMALLEST)
        return np.asarray(inside.all(1))

    def _turn(self, boxes: np.ndarray, angle: float) -> np.ndarray:
        """Boxes (n, 5) turned, with angles in the version's range."""
        x, y = self.apply_coords(boxes[:, :2]).T
        w, h, theta = boxes[:, 2:].astype(np.float64).T
        turned = regularize(w, h, theta - math.radians(angle), self.version)
        return np.stack([x, y, *turned], axis=1).astype(np.float32)
