"""Boxes of another kind: upright ones, quadrilaterals, rotated ones."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from mmrotate.core.bbox import hbb2obb, obb2poly_np, obb2xyxy, polys2obb_np
from mmrotate.registry import PIPELINES
from mmrotate.utils.errors import ArgumentError

# numbers of a box of each kind
_WIDTHS = dict(hbox=4, rbox=5, qbox=8)


@PIPELINES.register_module()
@dataclass(eq=False)
class ConvertBoxType:
    """Makes boxes (x, y, w, h, theta) of others, or others of them.

    An upright box is the least one around a rotated one or a quadrilateral; a rotated box of a quadrilateral is that
    of the angle version. The kind that boxes have is told by their width.

    Args:
        box_type_mapping: kind for each field, such as ``dict(gt_bboxes='rbox')``: 'hbox' (n, 4) as x1, y1, x2, y2,
            'rbox' (n, 5), 'qbox' (n, 8), the corners.
        version: angle version of rotated boxes; in a dataset by default that of the dataset.
    """

    box_type_mapping: Mapping[str, str]
    version: str = 'le90'

    def __post_init__(self) -> None:
        if strange := sorted(set(self.box_type_mapping.values()) - set(_WIDTHS)):
            raise ArgumentError(f'box_type_mapping: kinds of boxes are {list(_WIDTHS)}, got {strange}')

    def __call__(self, results: dict) -> dict:
        """Convert."""
        for key, kind in self.box_type_mapping.items():
            results[key] = convert_boxes(results[key], kind, self.version)
        return results


def convert_boxes(boxes: np.ndarray, kind: str, version: str) -> np.ndarray:
    """Boxes of any kind (n, 4), (n, 5) or (n, 8) as those of a kind; see :class:`ConvertBoxType`."""
    width = boxes.shape[-1]
    if width not in _WIDTHS.values():
        raise ArgumentError(f'boxes (n, 4), (n, 5) or (n, 8) are needed, got {boxes.shape}')
    if width == _WIDTHS[kind]:
        return boxes
    if width == 8 and kind == 'hbox':
        corners = boxes.reshape(-1, 4, 2)
        return np.concatenate([corners.min(1), corners.max(1)], 1)
    if width == 8:
        return polys2obb_np(boxes, version)[0].astype(np.float32)
    rotated = hbb2obb(torch.from_numpy(boxes), version).numpy() if width == 4 else boxes
    if kind == 'hbox':
        return obb2xyxy(torch.from_numpy(rotated), version).numpy()
    return rotated if kind == 'rbox' else obb2poly_np(rotated, version)
