"""The losses beneath ``GDLoss_v1`` of MMRotate 0.3: of means (n, 2) and covariances (n, 2, 2)."""

from torch import Tensor

from mmrotate.core.bbox.gaussian import moments_to_gaussian
from mmrotate.models.losses import GDLoss_v1

from .losses import Moments


def _between(kind: str, pred: Moments, target: Moments, fun: str, tau: float) -> Tensor:
    return GDLoss_v1(kind, fun, tau).between(moments_to_gaussian(*pred), moments_to_gaussian(*target))


def gwd_loss(pred: Moments, target: Moments, fun: str = 'sqrt', tau: float = 2.0) -> Tensor:
    """:class:`mmrotate.models.losses.GDLoss_v1` of the kind ``gwd``."""
    return _between('gwd', pred, target, fun, tau)


def bcd_loss(pred: Moments, target: Moments, fun: str = 'log1p', tau: float = 1.0) -> Tensor:
    """:class:`mmrotate.models.losses.GDLoss_v1` of the kind ``bcd``, as (n, 1)."""
    return _between('bcd', pred, target, fun, tau)[:, None]


def kld_loss(pred: Moments, target: Moments, fun: str = 'log1p', tau: float = 1.0) -> Tensor:
    """:class:`mmrotate.models.losses.GDLoss_v1` of the kind ``kld``, as (n, 1)."""
    return _between('kld', pred, target, 'sqrt' if fun == 'sqrt' else 'log1p', tau)[:, None]
