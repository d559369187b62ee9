"""Boxes as normal distributions by the Cholesky factors of their covariance: no angle, so none that jumps.

The factor is [[alpha, 0], [gamma, beta]] with positive alpha and beta, in pixels (GauCho, Marques et al.,
CVPR 2025). It is of a form that no symmetry of the box changes.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError

from ..angle import angle_version as version_of
from ..gaussian import boxes_to_cholesky, cholesky_to_gaussian, gaussian_to_boxes
from ..transforms import in_version
from .delta import DeltaCoder, Parts, same_count

# factors of more pixels, over the stride, are cut
_FAR = 1e6


def _decoded(factors: Tensor, version: str) -> Tensor:
    """Boxes (..., 5) in the form of a version, of means and factors (..., 5)."""
    return in_version(gaussian_to_boxes(cholesky_to_gaussian(factors)), version)


def _without_front(version: str) -> str:
    """The version; an ArgumentError if its boxes have a front, which a distribution has not."""
    if version_of(version).heading:
        raise ArgumentError(f'a normal distribution looks the same after half a turn: it loses the front of {version}')
    return version


@TASK_UTILS.register_module()
class GauChoPointCoder:
    """Offsets of the centre from a point, and the Cholesky factors: x, y, alpha, beta, gamma in pixels.

    Args:
        angle_version: Angle version of the boxes.
    """

    def __init__(self, angle_version: str = 'le90') -> None:
        self.angle_version = _without_front(angle_version)

    def activate(self, sides: Tensor, last: Tensor, stride: int) -> tuple[Tensor, Tensor]:
        """What a head's maps (N, 4, H, W) and (N, 1, H, W) mean: the first four numbers in pixels, and gamma."""
        offset, factors = sides.float().split(2, 1)
        sides = torch.cat([offset, factors.clamp(max=math.log(_FAR)).exp()], 1)
        return sides * stride, last.float() * stride

    def encode(self, points: Tensor, gt_bboxes: Tensor) -> Tensor:
        """Numbers (n, 5) that :meth:`decode` takes from points (n, 2) to boxes (n, 5)."""
        same_count(points, gt_bboxes)
        found = boxes_to_cholesky(gt_bboxes.float())
        return torch.cat([found[:, :2] - points[:, :2].float(), found[:, 2:]], -1)

    def factors(self, points: Tensor, preds: Tensor) -> Tensor:
        """Means and factors (n, 5), see :func:`cholesky_to_gaussian`, of points (n, 2) and numbers (n, 5)."""
        same_count(points, preds)
        return torch.cat([points[:, :2].float() + preds[:, :2].float(), preds[:, 2:].float()], -1)

    def decode(self, points: Tensor, preds: Tensor, max_shape: Sequence[int] | None = None) -> Tensor:
        """Boxes (n, 5) of points (n, 2) and numbers (n, 5), whatever ``max_shape``."""
        return _decoded(self.factors(points, preds), self.angle_version)


@TASK_UTILS.register_module()
class GauChoDeltaCoder(DeltaCoder):
    """The same from a rotated prior (n, 5): offsets in units of the prior's double factors alpha and beta, log ratios
    of both, and the difference of gamma in units of the double beta.

    Args:
        target_means: See :class:`DeltaCoder`.
        target_stds: Likewise.
        angle_range: Angle version of the boxes.
    """

    prior_dim = 5
    encode_size = 5
    angle_unit = None  # no delta is an angle

    def __init__(
        self,
        target_means: Sequence[float] | None = None,
        target_stds: Sequence[float] | None = None,
        angle_range: str = 'le90',
    ) -> None:
        super().__init__(target_means, target_stds, clip_border=False)
        self.angle_range = _without_front(angle_range)

    def _prior(self, bboxes: Tensor) -> Parts:
        x, y, *factors = boxes_to_cholesky(bboxes[:, :5]).unbind(-1)
        return x, y, *(2 * factor for factor in factors)

    def _target(self, prior: Parts, gt_bboxes: Tensor) -> Parts:
        x, y, alpha, beta, gamma = self._prior(gt_bboxes)
        return x, y, alpha, beta, (gamma - prior[4]) / prior[3]

    def _boxes(self, prior: Parts, parts: Parts, max_shape: Sequence[int] | None) -> Tensor:
        dx, dy, alpha, beta, last = parts
        gamma = prior[4] + last * prior[3]
        means = (prior[0] + dx, prior[1] + dy)
        return _decoded(torch.stack([*means, alpha / 2, beta / 2, gamma / 2], -1), self.angle_range)
