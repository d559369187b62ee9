"""Coders between priors (anchors, proposals) and boxes."""

from .csl import CSLCoder
from .delta import DeltaXYWHAHBBoxCoder, DeltaXYWHAOBBoxCoder, DeltaXYWHBBoxCoder
from .distance_point import DistanceAnglePointCoder, DistancePointBBoxCoder
from .touching import GVFixCoder, GVRatioCoder, MidpointOffsetCoder
