"""Detectors and their parts; importing registers them all."""

from . import backbones, builder, dense_heads, detectors, losses, necks, roi_heads
from .builder import *

__all__ = ['backbones', 'dense_heads', 'detectors', 'losses', 'necks', 'roi_heads']
__all__ += builder.__all__
