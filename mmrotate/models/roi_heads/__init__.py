"""Second stages: what is inside each proposal."""

from .bbox_head import (
    RotatedConvFCBBoxHead,
    RotatedKFIoUShared2FCBBoxHead,
    RotatedShared2FCBBoxHead,
)
from .roi_extractor import RotatedSingleRoIExtractor, SingleRoIExtractor
from .standard_roi_head import (
    OrientedStandardRoIHead,
    RoITransRoIHead,
    RotatedBaseRoIHead,
    RotatedStandardRoIHead,
)

__all__ = [
    'OrientedStandardRoIHead',
    'RoITransRoIHead',
    'RotatedBaseRoIHead',
    'RotatedConvFCBBoxHead',
    'RotatedKFIoUShared2FCBBoxHead',
    'RotatedShared2FCBBoxHead',
    'RotatedSingleRoIExtractor',
    'RotatedStandardRoIHead',
    'SingleRoIExtractor',
]
