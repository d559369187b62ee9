"""Detectors: image batch in, losses or boxes out."""

from .base import RotatedBaseDetector
from .single_stage import RotatedRetinaNet, RotatedSingleStageDetector
from .two_stage import OrientedRCNN, RotatedTwoStageDetector

__all__ = [
    'OrientedRCNN',
    'RotatedBaseDetector',
    'RotatedRetinaNet',
    'RotatedSingleStageDetector',
    'RotatedTwoStageDetector',
]
