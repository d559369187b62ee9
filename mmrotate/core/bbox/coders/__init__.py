"""Coders between priors (anchors, proposals) and boxes."""

from .delta_xywh import DeltaXYWHBBoxCoder
from .delta_xywha import DeltaXYWHAHBBoxCoder, DeltaXYWHAOBBoxCoder
from .midpoint_offset import MidpointOffsetCoder

__all__ = [
    'DeltaXYWHAHBBoxCoder',
    'DeltaXYWHAOBBoxCoder',
    'DeltaXYWHBBoxCoder',
    'MidpointOffsetCoder',
]
