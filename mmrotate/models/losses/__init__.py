"""Losses of classification and box regression."""

from .boxes import GIoULoss, IoULoss, L1Loss, RotatedIoULoss, SmoothL1Loss
from .classification import CrossEntropyLoss, FocalLoss, SmoothFocalLoss, accuracy
from .gaussian import GDLoss, GDLoss_v1, KFLoss, KLDRepPointsLoss
from .points import BCConvexGIoULoss, ConvexGIoULoss, SpatialBorderLoss
from .weighting import loss_of_rows, regression_loss, takes_boxes
