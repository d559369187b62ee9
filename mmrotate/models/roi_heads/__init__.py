"""Second stages: what is inside each proposal."""

from .bbox_head import RotatedConvFCBBoxHead, RotatedShared2FCBBoxHead
from .oriented_standard_roi_head import OrientedStandardRoIHead
from .roi_extractor import RotatedSingleRoIExtractor

__all__ = [
    'OrientedStandardRoIHead',
    'RotatedConvFCBBoxHead',
    'RotatedShared2FCBBoxHead',
    'RotatedSingleRoIExtractor',
]
