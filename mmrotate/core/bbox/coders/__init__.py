"""Coders between priors (anchors, proposals) and boxes."""

from .csl import CSLCoder
from .delta_xywh import DeltaXYWHBBoxCoder
from .delta_xywha import DeltaXYWHAHBBoxCoder, DeltaXYWHAOBBoxCoder
from .distance_point import DistanceAnglePointCoder, DistancePointBBoxCoder
from .gliding_vertex import GVFixCoder, GVRatioCoder
from .midpoint_offset import MidpointOffsetCoder
