"""Losses of classification and box regression."""

from .accuracy import accuracy
from .cross_entropy import CrossEntropyLoss
from .focal import FocalLoss
from .smooth_l1 import L1Loss, SmoothL1Loss

__all__ = ['CrossEntropyLoss', 'FocalLoss', 'L1Loss', 'SmoothL1Loss', 'accuracy']
