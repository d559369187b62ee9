"""Heads on every position of a feature pyramid."""

from .anchor_head import RotatedAnchorHead
from .base import BaseDenseHead
from .csl_head import CSLRRetinaHead
from .fcos_head import CSLRFCOSHead, RotatedAnchorFreeHead, RotatedFCOSHead
from .refine_heads import ODMRefineHead, RotatedRetinaRefineHead
from .retina_head import RotatedRetinaHead
from .rpn_head import OrientedRPNHead, RotatedRPNHead

__all__ = [
    'BaseDenseHead',
    'CSLRFCOSHead',
    'CSLRRetinaHead',
    'ODMRefineHead',
    'OrientedRPNHead',
    'RotatedAnchorFreeHead',
    'RotatedAnchorHead',
    'RotatedFCOSHead',
    'RotatedRPNHead',
    'RotatedRetinaHead',
    'RotatedRetinaRefineHead',
]
