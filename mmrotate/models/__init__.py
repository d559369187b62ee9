"""Detectors and their parts; importing registers them all."""

from . import backbones, dense_heads, detectors, losses, necks, roi_heads
from .builder import (
    ROTATED_BACKBONES,
    ROTATED_DETECTORS,
    ROTATED_HEADS,
    ROTATED_LOSSES,
    ROTATED_NECKS,
    ROTATED_ROI_EXTRACTORS,
    ROTATED_SHARED_HEADS,
    build_backbone,
    build_detector,
    build_head,
    build_loss,
    build_neck,
    build_roi_extractor,
    build_shared_head,
)
