"""Anchors on the positions of a feature pyramid."""

from .builder import build_prior_generator
from .generator import AnchorGenerator, RotatedAnchorGenerator
from .utils import anchor_inside_flags, rotated_anchor_inside_flags

__all__ = [
    'AnchorGenerator',
    'RotatedAnchorGenerator',
    'anchor_inside_flags',
    'build_prior_generator',
    'rotated_anchor_inside_flags',
]
