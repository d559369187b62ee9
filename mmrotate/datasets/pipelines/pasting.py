"""Objects of one image on another."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from mmrotate.core.bbox import obb2poly_np
from mmrotate.registry import PIPELINES
from mmrotate.utils.errors import ArgumentError

from .boxes import keep_boxes
from .mixing import mixed_samples


@PIPELINES.register_module()
@dataclass(eq=False)
class CopyPaste:
    """Pastes objects of another image at their places onto this one (Ghiasi et al., CVPR 2021).

    What is pasted is what the objects' boxes hold. Objects of this image that are hidden by them go.

    Args:
        max_num_pasted: at most this many objects.
        bbox_occluded_thr: an object stays whose visible part reaches as far as before, up to this many pixels on each
            side,
        mask_occluded_thr: or of which more than this many pixels are to be seen.
        selected: paste a random number of them, else all.
        version: angle version of the boxes; in a dataset by default that of the dataset.
    """

    max_num_pasted: int = 100
    bbox_occluded_thr: float = 10
    mask_occluded_thr: float = 300
    selected: bool = True
    version: str = 'le90'

    def get_indexes(self, dataset: Any) -> int:
        """Index of another image."""
        return int(np.random.randint(len(dataset)))

    def __call__(self, results: dict) -> dict:
        """Paste."""
        (other,) = mixed_samples(results, 'CopyPaste', 1)
        other = {**other}
        h, w = results['img'].shape[:2]
        if other['img'].shape[:2] != (h, w):
            raise ArgumentError(
                f'CopyPaste needs two images of one size, got {other["img"].shape[:2]} and {(h, w)}: resize, crop or '
                'pad them before it'
            )
        keep_boxes(other, 'gt_bboxes', self._chosen(len(other['gt_bboxes'])))
        masks = [_mask(box, h, w, self.version) for box in other['gt_bboxes']]
        if not masks:
            return results
        pasted = np.any(masks, 0)
        visible = np.array([self._stays(_mask(box, h, w, self.version), pasted) for box in results['gt_bboxes']], bool)
        keep_boxes(results, 'gt_bboxes', visible)
        img = results['img'].copy()
        img[pasted] = other['img'][pasted]
        results['img'] = img
        for key in ('gt_bboxes', 'gt_labels'):
            results[key] = np.concatenate([results[key], other[key]])
        return results

    def _chosen(self, count: int) -> np.ndarray:
        """Mask (count,) of the objects to paste."""
        most = min(count, self.max_num_pasted)
        number = int(np.random.randint(most + 1)) if self.selected else most
        mask = np.zeros(count, bool)
        mask[np.random.choice(count, number, replace=False)] = True
        return mask

    def _stays(self, mask: np.ndarray, pasted: np.ndarray) -> bool:
        left = mask & ~pasted
        if left.sum() > self.mask_occluded_thr:
            return True
        return bool(left.any() and np.abs(_extent(left) - _extent(mask)).max() <= self.bbox_occluded_thr)


def _mask(box: np.ndarray, h: int, w: int, version: str) -> np.ndarray:
    """Which pixels (h, w) a box covers."""
    corners = obb2poly_np(box[None].astype(np.float32), version).reshape(4, 2)
    mask = np.zeros((h, w), np.uint8)
    cv2.fillConvexPoly(mask, np.rint((corners - 0.5) * 16).astype(np.int32), 1, shift=4)
    return mask.astype(bool)


def _extent(mask: np.ndarray) -> np.ndarray:
    """First and last row and column of a mask."""
    rows, cols = (np.flatnonzero(np.any(mask, axis)) for axis in (1, 0))
    return np.array([rows[0], rows[-1], cols[0], cols[-1]])
