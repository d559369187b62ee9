"""Heads on every position of a feature pyramid."""

from .anchor_free_head import RotatedAnchorFreeHead
from .anchor_head import RotatedAnchorHead
from .base import BaseDenseHead
from .csl_head import CSLRRetinaHead
from .detr_head import (
    RHINOPositiveHungarianClassificationHead,
    RotatedDeformableDETRHead,
    RotatedDINOHead,
    RotatedRTDETRHead,
)
from .fcos_head import CSLRFCOSHead, RotatedFCOSHead
from .h2rbox_head import H2RBoxHead, H2RBoxV2Head
from .oriented_reppoints_head import OrientedRepPointsHead
from .refine_head import ODMRefineHead, RotatedRetinaRefineHead
from .reppoints_head import KLDRepPointsHead, RotatedRepPointsHead
from .retina_head import RotatedRetinaHead
from .rpn_head import OrientedRPNHead, RotatedRPNHead
from .rtmdet_head import RotatedRTMDetHead, RotatedRTMDetSepBNHead
from .sam_reppoints_head import SAMRepPointsHead
from .yolox_head import RotatedYOLOXHead
