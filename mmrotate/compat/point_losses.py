"""The losses of point sets of MMRotate 0.3, as functions."""

from typing import Any

from torch import Tensor

from mmrotate.core.bbox import gaussian
from mmrotate.models.losses import BCConvexGIoULoss, ConvexGIoULoss, KLDRepPointsLoss
from mmrotate.models.losses.weighting import Divisor, weighted_loss

from .losses import Moments


@weighted_loss
def kld_loss(pred: Tensor, target: Tensor, eps: float = 1e-6) -> Tensor:
    """:class:`mmrotate.models.losses.KLDRepPointsLoss` of points (n, 9, 2) and corners (n, 4, 2), or flat."""
    return KLDRepPointsLoss(eps).compute(pred.reshape(-1, 18), target.reshape(-1, 8))


def kld_single2single(g1: Any, g2: Moments) -> Tensor:
    """Divergences (n, 1) of fitted mixtures of one distribution from means (n, 2) and covariances (n, 2, 2)."""
    p = gaussian.moments_to_gaussian(g1.mu[:, 0], g1.var[:, 0])
    return gaussian.kl_divergence(p, gaussian.moments_to_gaussian(*g2))[:, None]


class ConvexGIoULossFuction:
    """:class:`mmrotate.models.losses.ConvexGIoULoss`, called as ``apply(pred, target, weight, ...)``."""

    kind: type[ConvexGIoULoss] = ConvexGIoULoss

    @classmethod
    def apply(
        cls,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        reduction: str | None = None,
        avg_factor: Divisor = None,
        loss_weight: float = 1.0,
    ) -> Tensor:
        """Losses of points (n, 18) against corners (n, 8); None for a ``reduction`` gives each."""
        return cls.kind(reduction or 'none', loss_weight)(pred, target, weight, avg_factor)


class BCConvexGIoULossFuction(ConvexGIoULossFuction):
    """The same of :class:`mmrotate.models.losses.BCConvexGIoULoss`."""

    kind = BCConvexGIoULoss


convex_giou_loss = ConvexGIoULossFuction.apply
bc_convex_giou_loss = BCConvexGIoULossFuction.apply
