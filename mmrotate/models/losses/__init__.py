"""Losses of classification and box regression."""

from .accuracy import accuracy
from .convex import BCConvexGIoULoss, ConvexGIoULoss
from .cross_entropy import CrossEntropyLoss
from .focal import FocalLoss, SmoothFocalLoss
from .gaussian import GDLoss, GDLoss_v1, KFLoss, KLDRepPointsLoss
from .iou import GIoULoss, IoULoss, RotatedIoULoss
from .smooth_l1 import L1Loss, SmoothL1Loss
from .spatial_border import SpatialBorderLoss
from .weighting import regression_loss, takes_boxes
