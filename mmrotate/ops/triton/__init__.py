"""The operations on CUDA in Triton; under ``TRITON_INTERPRET=1`` on the CPU, slowly, for tests."""

from .box_iou_rotated import box_iou_rotated
from .nms_rotated import nms_rotated
from .roi_align_rotated import roi_align_rotated, roi_align_rotated_backward
