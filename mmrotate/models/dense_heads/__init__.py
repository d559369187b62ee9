"""Heads on every position of a feature pyramid."""

from .anchor_head import RotatedAnchorHead
from .base import BaseDenseHead
from .fcos_head import CSLRFCOSHead, RotatedAnchorFreeHead, RotatedFCOSHead
from .oriented_reppoints_head import OrientedRepPointsHead
from .reppoints_head import KLDRepPointsHead, RotatedRepPointsHead, SAMRepPointsHead
from .retina_head import CSLRRetinaHead, ODMRefineHead, RotatedRetinaHead, RotatedRetinaRefineHead
from .rpn_head import OrientedRPNHead, RotatedRPNHead
