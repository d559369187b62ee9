"""Operations on rotated boxes: C++ on the CPU where it was built, plain PyTorch everywhere.

A box is ``(x, y, w, h, theta)``: centre and sides in pixels, theta in radians, clockwise on the
screen.
"""

from .backend import backends
from .box_iou_rotated import box_iou_rotated
from .nms_rotated import batched_nms_rotated, nms_rotated, soft_nms_rotated
from .roi_align_rotated import RoIAlignRotated, roi_align_rotated

__all__ = [
    'RoIAlignRotated',
    'backends',
    'batched_nms_rotated',
    'box_iou_rotated',
    'nms_rotated',
    'roi_align_rotated',
    'soft_nms_rotated',
]
