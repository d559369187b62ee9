"""Losses of classification and box regression."""

from .boxes import BalancedL1Loss, GIoULoss, IoULoss, L1Loss, MSELoss, RotatedIoULoss, SmoothL1Loss
from .classification import CrossEntropyLoss, FocalLoss, PolyLoss, SmoothFocalLoss, accuracy
from .consistency import H2RBoxConsistencyLoss, H2RBoxV2ConsistencyLoss
from .gaussian import GDLoss, GDLoss_GauCho, GDLoss_v1, KFLoss, KLDRepPointsLoss, ProbIoULoss
from .harmonized import GHMC, GHMR
from .horizontal import BoundedIoULoss, CIoULoss, DIoULoss
from .points import BCConvexGIoULoss, ConvexGIoULoss, SpatialBorderLoss
from .quality import (
    DEIMMalLoss,
    DistributionFocalLoss,
    GaussianFocalLoss,
    QualityFocalLoss,
    RTDETRVarifocalLoss,
    VarifocalLoss,
)
from .weighting import loss_of_rows, mean_over_processes, over_processes, regression_loss, takes_boxes, weighted_loss
