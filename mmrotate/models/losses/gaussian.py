"""Losses of rotated boxes as normal distributions."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate.core.bbox import gaussian
from mmrotate.core.bbox.gaussian import Gaussian
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .weighting import BoxLoss, Divisor, one_of

# the square root of 0 has no gradient
_TINY = 1e-7
# below it, GDLoss_v1 takes two boxes as equal
_TINY_V1 = 1e-6

_REPRESENTATIONS: dict[str, Callable[[Tensor], Gaussian]] = {
    'xy_wh_r': gaussian.boxes_to_gaussian,
    'xy_stddev_pearson': gaussian.pearson_to_gaussian,
}
# from the divergences both ways
_OF_BOTH_WAYS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    'jd': lambda forward, backward: 0.5 * (forward + backward),
    'kld_symmax': torch.maximum,
    'kld_symmin': torch.minimum,
}


def _scale(p: Gaussian, q: Gaussian) -> Tensor:
    """Lengths (n,) that squared Wasserstein distances are compared with: both areas' 1/4 power."""
    return 2 * (p.std.log() + q.std.log()).sum(-1).div(4).exp()


def _root(distance: Tensor) -> Tensor:
    return distance.clamp(min=_TINY).sqrt()


_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {'log1p': torch.log1p, 'sqrt': _root, 'none': lambda d: d}
_FUNCTIONS_V1: dict[str, Callable[[Tensor], Tensor]] = {'log1p': torch.log1p, 'sqrt': torch.sqrt, '': lambda d: d}
_DISTANCES_V1: dict[str, Callable[[Gaussian, Gaussian], Tensor]] = {
    'kld': lambda p, t: 2 * gaussian.kl_divergence(p, t),
    'bcd': gaussian.bhattacharyya,
    'gwd': gaussian.wasserstein,
    'probiou': gaussian.bhattacharyya,
}


def _divergence(loss_type: str, pred: Gaussian, target: Gaussian, alpha: float) -> Tensor:
    """Squared Wasserstein distance for ``'gwd'``, else one of the forms of the divergence."""
    if loss_type == 'gwd':
        return gaussian.wasserstein(pred, target, alpha)
    forward = gaussian.kl_divergence(target, pred, alpha)
    if loss_type == 'kld':
        return forward
    return _OF_BOTH_WAYS[loss_type](forward, gaussian.kl_divergence(pred, target, alpha))


@MODELS.register_module()
class GDLoss(BoxLoss):
    """Distance of boxes as normal distributions (Yang et al., ICML 2021 and NeurIPS 2021).

    Args:
        loss_type: ``'gwd'`` (Wasserstein), ``'kld'`` (Kullback-Leibler, of the target from the prediction),
            ``'jd'`` (mean of both directions), ``'kld_symmax'``, ``'kld_symmin'``.
        representation: ``'xy_wh_r'``: boxes x, y, w, h in pixels and theta; or ``'xy_stddev_pearson'``: x, y,
            standard deviations along the axes, correlation.
        fun: ``'log1p'``, ``'sqrt'`` or ``'none'``, applied to the distance.
        tau: From 1 on, the loss is ``1 - 1 / (tau + distance)``; below, the distance.
        alpha: Weighs shapes against centres.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
        normalize: Divide ``'gwd'`` by the boxes' scale.
        sqrt: Take the square root of a divergence; ``'gwd'`` always is one.
    """

    needs_decoded = True
    box_dim = 5

    def __init__(
        self,
        loss_type: str,
        representation: str = 'xy_wh_r',
        fun: str = 'log1p',
        tau: float = 0.0,
        alpha: float = 1.0,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        *,
        normalize: bool = True,
        sqrt: bool = True,
    ) -> None:
        super().__init__(reduction, loss_weight)
        self.loss_type = one_of('loss_type', loss_type, ('gwd', 'kld', *_OF_BOTH_WAYS))
        self.representation = one_of('representation', representation, _REPRESENTATIONS)
        self.fun = one_of('fun', fun, _FUNCTIONS)
        self.tau, self.alpha = tau, alpha
        self.normalize, self.sqrt = normalize, sqrt

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Boxes (n, 5) and (n, 5) -> (n,)."""
        return self.between(*map(_REPRESENTATIONS[self.representation], (pred, target)))

    def between(self, p: Gaussian, t: Gaussian) -> Tensor:
        """Losses (n,) of the distributions ``p`` against ``t``."""
        distance = _divergence(self.loss_type, p, t, self.alpha)
        if self.sqrt or self.loss_type == 'gwd':
            distance = _root(distance)
        if self.normalize and self.loss_type == 'gwd':
            distance = distance / _scale(p, t)
        return self.of_distance(distance)

    def of_distance(self, distance: Tensor) -> Tensor:
        """Losses (n,) of distances."""
        distance = _FUNCTIONS[self.fun](distance)
        return 1 - 1 / (self.tau + distance) if self.tau >= 1 else distance


@MODELS.register_module()
class GDLoss_v1(BoxLoss):
    """The first form of :class:`GDLoss`, ``1 - 1 / (tau + fun(distance))``.

    A mean is that over the boxes of weight above 0, each of weight 1 and whatever ``avg_factor`` is: so the
    published models were trained.

    Args:
        loss_type: ``'kld'`` (twice the divergence of the prediction from the target), ``'bcd'`` (Bhattacharyya),
            ``'gwd'`` (squared Wasserstein), or ``'probiou'``: the loss is the Hellinger distance, and neither
            ``fun`` nor ``tau`` matters.
        fun: ``'sqrt'``, ``'log1p'`` or ``''``; the last is for ``'gwd'`` the logarithm of 1 plus the distance
            over the boxes' scale, without tau.
        tau: Above 0.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
    """

    needs_decoded = True
    box_dim = 5

    def __init__(
        self, loss_type: str, fun: str = 'sqrt', tau: float = 1.0, reduction: str = 'mean', loss_weight: float = 1.0
    ) -> None:
        super().__init__(reduction, loss_weight)
        self.loss_type = one_of('loss_type', loss_type, _DISTANCES_V1)
        self.fun = one_of('fun', fun, _FUNCTIONS_V1)
        self.tau = tau

    def reduce(self, loss: Tensor, weight: Tensor | None, reduction: str, avg_factor: Divisor) -> Tensor:
        """Losses (n,) of which those of weight above 0 count alike."""
        assert weight is not None
        counts = (weight > 0).to(loss)
        return super().reduce(loss, counts, reduction, counts.sum() if reduction == 'mean' else None)

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Boxes (n, 5) and (n, 5) -> (n,)."""
        return self.between(gaussian.boxes_to_gaussian(pred), gaussian.boxes_to_gaussian(target))

    def between(self, p: Gaussian, t: Gaussian) -> Tensor:
        """Losses (n,) of the distributions ``p`` against ``t``."""
        distance = _DISTANCES_V1[self.loss_type](p, t).clamp(min=_TINY_V1)
        if self.loss_type == 'probiou':
            return gaussian.hellinger(distance)
        if self.fun == '' and self.loss_type == 'gwd':
            return (distance.sqrt() / _scale(p, t)).log1p()
        return 1 - 1 / (self.tau + _FUNCTIONS_V1[self.fun](distance))


@MODELS.register_module()
class GDLoss_GauCho(GDLoss_v1):
    """The same of predictions that are distributions themselves, as those of a ``gaussian_coder`` are.

    Args:
        loss_type: See :class:`GDLoss_v1`.
        fun: Likewise.
        tau: Likewise.
        reduction: Likewise.
        loss_weight: Likewise.
        gaussian_prediction: Predictions are means and Cholesky factors (n, 5), see :func:`cholesky_to_gaussian`;
            else boxes.
    """

    def __init__(
        self,
        loss_type: str,
        fun: str = 'log1p',
        tau: float = 1.0,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        gaussian_prediction: bool = False,
    ) -> None:
        super().__init__(loss_type, fun, tau, reduction, loss_weight)
        self.gaussian_prediction = gaussian_prediction

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Predictions (n, 5) and boxes (n, 5) -> (n,)."""
        make = gaussian.cholesky_to_gaussian if self.gaussian_prediction else gaussian.boxes_to_gaussian
        return self.between(make(pred), gaussian.boxes_to_gaussian(target))


@MODELS.register_module()
class ProbIoULoss(BoxLoss):
    """Overlap of boxes as normal distributions of their own variance (ProbIoU, Llerena et al., 2021).

    Args:
        mode: ``'l1'``: 1 - ProbIoU, the Hellinger distance, which is flat for boxes far apart; or ``'l2'``: the
            Bhattacharyya distance, which is not.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
    """

    needs_decoded = True
    box_dim = 5

    def __init__(self, mode: str = 'l1', reduction: str = 'mean', loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)
        self.mode = one_of('mode', mode, ('l1', 'l2'))

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Boxes (n, 5) and (n, 5) -> (n,)."""
        p, t = (gaussian.uniform_to_gaussian(boxes) for boxes in (pred, target))
        distance = gaussian.bhattacharyya(p, t).clamp(min=_TINY)
        return gaussian.hellinger(distance) if self.mode == 'l1' else distance


@MODELS.register_module()
class KFLoss(BoxLoss):
    """Smooth L1 of the centres' deltas and KFIoU of the boxes (Yang et al., ICLR 2023).

    Args:
        fun: ``'none'``: 1 - KFIoU, ``'ln'``: -ln(KFIoU + eps), ``'exp'``: exp(1 - KFIoU) - 1.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
        beta: Difference of deltas at which the smooth L1 becomes linear.
        eps: Keeps quotient and logarithm finite.
    """

    needs_decoded = 'both'
    box_dim = 5

    def __init__(
        self,
        fun: str = 'none',
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        *,
        beta: float = 1 / 9,
        eps: float = 1e-6,
    ) -> None:
        super().__init__(reduction, loss_weight)
        self.fun = one_of('fun', fun, ('none', 'ln', 'exp'))
        self.beta, self.eps = beta, eps

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Deltas (n, 5) and (n, 5), with ``pred_decode`` and ``targets_decode`` (n, 5) -> (n,)."""
        if set(boxes) != {'pred_decode', 'targets_decode'}:
            raise ArgumentError(
                f'KFLoss needs the boxes of both sides, as pred_decode and targets_decode, got {sorted(boxes)}'
            )
        centres = F.smooth_l1_loss(pred[:, :2], target[:, :2], reduction='none', beta=self.beta)
        p, t = (gaussian.boxes_to_gaussian(b) for b in boxes.values())
        overlap = gaussian.kalman_overlap(p, t, self.eps)
        if self.fun == 'ln':
            shapes = -(overlap + self.eps).log()
        else:
            shapes = (1 - overlap).expm1() if self.fun == 'exp' else 1 - overlap
        return centres.sum(-1) + shapes


@MODELS.register_module()
class KLDRepPointsLoss(BoxLoss):
    """Divergence of nine points from a rectangle, both as normal distributions (G-Rep, 2022).

    Args:
        eps: Smallest divergence that counts.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
    """

    box_dim = 18

    def __init__(self, eps: float = 1e-6, reduction: str = 'mean', loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)
        self.eps = eps

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Points (n, 18) and corners (n, 8), both as x, y, ... -> (n,) in [1/2, 1)."""
        p = gaussian.points_to_gaussian(pred.unflatten(-1, (-1, 2)))
        t = gaussian.polygons_to_gaussian(target.unflatten(-1, (-1, 2)))
        divergence = gaussian.kl_divergence(p, t).clamp(min=self.eps)
        return 1 - 1 / (2 + divergence.sqrt())
