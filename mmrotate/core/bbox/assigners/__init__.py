"""Assigners: which prior belongs to which object."""

from ..overlaps import ConvexOverlaps
from .atss_assigner import ATSSKldAssigner, ATSSObbAssigner, SASAssigner
from .convex_assigner import ConvexAssigner
from .dynamic_assigner import DynamicSoftLabelAssigner, SimOTAAssigner
from .hungarian_assigner import DNGroupHungarianAssigner, HungarianAssigner
from .max_iou_assigner import AssignResult, MaxConvexIoUAssigner, MaxIoUAssigner
