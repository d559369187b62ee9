"""Second stages: what is inside each proposal."""

from .base_roi_head import RotatedBaseRoIHead
from .bbox_head import RotatedBBoxHead
from .cascade_roi_head import RoITransRoIHead
from .convfc_bbox_head import RotatedConvFCBBoxHead, RotatedKFIoUShared2FCBBoxHead, RotatedShared2FCBBoxHead
from .gv_bbox_head import GVBBoxHead
from .roi_extractor import RotatedSingleRoIExtractor, SingleRoIExtractor
from .standard_roi_head import GVRatioRoIHead, OrientedStandardRoIHead, RotatedStandardRoIHead
from .strip_head import StripHead
