"""Coders between priors (anchors, proposals) and boxes."""

from .csl import CSLCoder
from .delta import DeltaXYWHAHBBoxCoder, DeltaXYWHAOBBoxCoder, DeltaXYWHBBoxCoder
from .distance_point import CenterSizeAnglePointCoder, DistanceAnglePointCoder, DistancePointBBoxCoder
from .gaucho import GauChoDeltaCoder, GauChoPointCoder
from .phase import ACMCoder, PSCCoder, PseudoAngleCoder, code_size
from .touching import GVFixCoder, GVRatioCoder, MidpointOffsetCoder
