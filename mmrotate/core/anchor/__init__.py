"""Anchors on the positions of a feature pyramid."""

from .builder import ROTATED_ANCHOR_GENERATORS, ROTATED_PRIOR_GENERATORS, build_prior_generator
from .generator import AnchorGenerator, MlvlPointGenerator, PseudoAnchorGenerator, RotatedAnchorGenerator
from .utils import anchor_inside_flags, rotated_anchor_inside_flags
