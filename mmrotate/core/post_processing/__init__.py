"""From scored candidates to detections."""

from .nms import aug_multiclass_nms_rotated, multiclass_nms_rotated
