"""The losses of MMRotate 0.3 as functions: ``gwd_loss(pred, target, weight, tau=2, reduction='mean', avg_factor=9)``.

They compute what the classes of :mod:`mmrotate.models.losses` do. Where 0.3 took boxes as normal
distributions, it took means (n, 2) and covariances (n, 2, 2); so do these.
"""

from collections.abc import Callable

from torch import Tensor

from mmrotate.core.bbox.gaussian import moments_to_gaussian
from mmrotate.models.losses import GDLoss, KFLoss, RotatedIoULoss, SmoothFocalLoss, SpatialBorderLoss
from mmrotate.models.losses.weighting import Divisor, weighted_loss

Moments = tuple[Tensor, Tensor]


def postprocess(distance: Tensor, fun: str = 'log1p', tau: float = 1.0) -> Tensor:
    """``fun`` of distances (n,); from ``tau`` 1 on ``1 - 1 / (tau + it)``."""
    return GDLoss('kld', fun=fun, tau=tau).of_distance(distance)


def _of_kind(kind: str) -> Callable[..., Tensor]:
    @weighted_loss
    def loss(
        pred: Moments, target: Moments, fun: str = 'log1p', tau: float = 1.0, alpha: float = 1.0, **kwargs: bool
    ) -> Tensor:
        between = GDLoss(kind, fun=fun, tau=tau, alpha=alpha, **kwargs).between  # type: ignore[arg-type]
        return between(moments_to_gaussian(*pred), moments_to_gaussian(*target))

    loss.__name__ = f'{kind}_loss'
    loss.__doc__ = f':class:`mmrotate.models.losses.GDLoss` of the kind ``{kind}``, of means and covariances.'
    return loss


gwd_loss, kld_loss, jd_loss = map(_of_kind, ('gwd', 'kld', 'jd'))
kld_symmax_loss, kld_symmin_loss = map(_of_kind, ('kld_symmax', 'kld_symmin'))


@weighted_loss
def kfiou_loss(
    pred: Tensor,
    target: Tensor,
    pred_decode: Tensor,
    targets_decode: Tensor,
    fun: str | None = None,
    beta: float = 1 / 9,
    eps: float = 1e-6,
) -> Tensor:
    """:class:`mmrotate.models.losses.KFLoss` of deltas (n, 5) and of their boxes (n, 5)."""
    loss = KFLoss(fun or 'none', beta=beta, eps=eps)
    return loss.compute(pred, target, pred_decode=pred_decode, targets_decode=targets_decode)


@weighted_loss
def rotated_iou_loss(
    pred: Tensor, target: Tensor, linear: bool = False, mode: str = 'log', eps: float = 1e-6
) -> Tensor:
    """:class:`mmrotate.models.losses.RotatedIoULoss` of boxes (n, 5)."""
    return RotatedIoULoss(linear, eps, mode=mode).compute(pred, target)


def smooth_focal_loss(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    gamma: float = 2.0,
    alpha: float = 0.25,
    reduction: str = 'mean',
    avg_factor: Divisor = None,
) -> Tensor:
    """:class:`mmrotate.models.losses.SmoothFocalLoss` of logits and soft targets (n, C)."""
    if weight is not None and weight.dim() == 1 and len(weight) != len(pred):
        weight = weight.view_as(pred)  # of every class, flat
    return SmoothFocalLoss(gamma, alpha, reduction)(pred, target, weight, avg_factor)


def spatial_border_loss(pts: Tensor, gt_bboxes: Tensor) -> Tensor:
    """:class:`mmrotate.models.losses.SpatialBorderLoss` of points (n, 2 k) and corners (n, 8), undivided."""
    return SpatialBorderLoss()(pts, gt_bboxes, pts.new_ones(len(pts)), avg_factor=1.0)


def weighted_spatial_border_loss(
    pts: Tensor, gt_bboxes: Tensor, weight: Tensor, avg_factor: float | None = None
) -> Tensor:
    """The same as (1,), of the rows of ``weight`` (n,) above 0, over ``avg_factor`` or their number."""
    return SpatialBorderLoss()(pts, gt_bboxes, weight, avg_factor)[None]
