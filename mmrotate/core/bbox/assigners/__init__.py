"""Assigners: which prior belongs to which object."""

from .assign_result import AssignResult
from .atss_assigner import ATSSKldAssigner, ATSSObbAssigner, SASAssigner
from .convex_assigner import ConvexAssigner, ConvexOverlaps, MaxConvexIoUAssigner
from .max_iou_assigner import MaxIoUAssigner
