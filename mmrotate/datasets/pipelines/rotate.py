"""Random rotation of image and boxes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mmrotate.core.bbox.angle import regularize
from mmrotate.registry import PIPELINES

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
        allow_negative: with 'range' draw from -``angles_range`` on.
        version: angle version of the boxes: 'oc', 'le90' or 'le135'; in a dataset by default that of the dataset.
    """

    rotate_ratio: float = 0.5
    mode: str = 'range'
    angles_range: float | Sequence[float] = 180
    auto_bound: bool = False
    rect_classes: Sequence[int] | None = None
    allow_negative: bool = False
    version: str = 'le90'

    def __post_init__(self) -> None:
        if self.mode not in ('range', 'value'):
            raise ValueError(f"PolyRandomRotate: mode must be 'range' or 'value', got {self.mode!r}")
        if isinstance(self.angles_range, (int, float)) != (self.mode == 'range') or self.angles_range == []:
            raise ValueError(
                "PolyRandomRotate: angles_range is a number for mode 'range' and a list of angles for 'value', "
                f'got {self.angles_range!r} for {self.mode!r}'
            )
        self.rect_classes = list(self.rect_classes or [])

    def __call__(self, results: dict) -> dict | None:
        """Rotate; sets rotate and rotate_angle (degrees), changes img_shape and pad_shape."""
        results['rotate'] = bool(np.random.rand() < self.rotate_ratio)
        angle = results['rotate_angle'] = self._angle(results) if results['rotate'] else 0.0
        h, w = results['img'].shape[:2]
        matrix, size = self._matrix(w, h, angle)
        if results['rotate']:
            # cv2 counts from the centre of the first pixel, boxes from its corner
            pixels = matrix + np.pad((matrix[:, :2].sum(1) - 1)[:, None] / 2, ((0, 0), (2, 0)))
            for key in results.get('img_fields', ['img']):
                results[key] = cv2.warpAffine(results[key], pixels, size)
            results['img_shape'] = results['pad_shape'] = results['img'].shape
        had_objects = len(results.get('gt_bboxes', ())) > 0
        for key in results.get('bbox_fields', []):
            boxes = self._turn(results[key], matrix, angle)
            inside = (boxes[:, :2] > 0) & (boxes[:, :2] < size) & (boxes[:, 2:4] > _SMALLEST)
            results[key] = boxes[inside.all(1)]
            if key == 'gt_bboxes' and 'gt_labels' in results:
                results['gt_labels'] = results['gt_labels'][inside.all(1)]
        return None if had_objects and not len(results['gt_bboxes']) else results

    def _angle(self, results: dict) -> float:
        """An angle in degrees."""
        if self.rect_classes and np.isin(results['gt_labels'], self.rect_classes).any():
            return float(np.random.choice(_QUARTERS))
        if self.mode == 'value':
            return float(np.random.choice(self.angles_range))
        return float(self.angles_range * np.random.uniform(-1 if self.allow_negative else 0, 1))  # type: ignore[operator]

    def _matrix(self, w: int, h: int, angle: float) -> tuple[np.ndarray, tuple[int, int]]:
        """Where a point of the image goes, as (2, 3), and the size (w, h) of the new image."""
        matrix = cv2.getRotationMatrix2D((w / 2, h / 2), angle, 1)
        if not self.auto_bound:
            return matrix, (w, h)
        size = np.rint(np.abs(matrix[:, :2]) @ [w, h]).astype(int)
        matrix[:, 2] += (size - [w, h]) / 2
        return matrix, (int(size[0]), int(size[1]))

    def _turn(self, boxes: np.ndarray, matrix: np.ndarray, angle: float) -> np.ndarray:
        """Boxes (n, 5) moved by ``matrix``, with angles in the version's range."""
        x, y = matrix[:, :2] @ boxes[:, :2].T + matrix[:, 2:]
        w, h, theta = boxes[:, 2:].astype(np.float64).T
        turned = regularize(w, h, theta - math.radians(angle), self.version)
        return np.stack([x, y, *turned], axis=1).astype(np.float32)
