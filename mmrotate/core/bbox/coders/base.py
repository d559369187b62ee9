"""What the coders share: statistics of the deltas, and bounds of what they decode."""

import math
from collections.abc import Sequence

from torch import Tensor

# sides change by at most this factor: exp() of an untrained head stays finite
WH_RATIO_CLIP = 16 / 1000


class DeltaCoder:
    """Normalises deltas by means and standard deviations.

    Args:
        target_means: Mean of each delta.
        target_stds: Standard deviation of each delta, not 0.
    """

    # numbers of a prior
    prior_dim: int

    def __init__(self, target_means: Sequence[float], target_stds: Sequence[float]) -> None:
        if len(target_means) != len(target_stds):
            raise ValueError(
                f'target_means and target_stds must be of one length, got {len(target_means)} and {len(target_stds)}'
            )
        self.means, self.stds = tuple(target_means), tuple(target_stds)

    @property
    def encode_size(self) -> int:
        """Deltas of one box."""
        return len(self.means)

    def _normalize(self, deltas: Tensor) -> Tensor:
        return (deltas - deltas.new_tensor(self.means)) / deltas.new_tensor(self.stds)

    def _denormalize(self, deltas: Tensor) -> Tensor:
        """Deltas (n, k * size) -> (n, k, size)."""
        deltas = deltas.unflatten(1, (-1, self.encode_size))
        return deltas * deltas.new_tensor(self.stds) + deltas.new_tensor(self.means)


def same_count(priors: Tensor, others: Tensor) -> None:
    """Raise ValueError unless there are as many priors as others."""
    if len(priors) != len(others):
        raise ValueError(f'as many priors as boxes are needed, got {len(priors)}, {len(others)}')


def xyxy_to_cxcywh(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centre and sides of horizontal boxes (n, 4), each (n,)."""
    left, top, right, bottom = boxes[:, :4].unbind(-1)
    return (left + right) * 0.5, (top + bottom) * 0.5, right - left, bottom - top


def centre_and_size_deltas(prior: Sequence[Tensor], centre: Sequence[Tensor], sides: Sequence[Tensor]) -> list[Tensor]:
    """dx, dy in units of the prior's sides and log ratios of the sides (R-CNN, appendix C)."""
    px, py, pw, ph = prior
    return [(centre[0] - px) / pw, (centre[1] - py) / ph, (sides[0] / pw).log(), (sides[1] / ph).log()]


def decode_offsets(sides: Sequence[Tensor], deltas: Sequence[Tensor], limit: float | None) -> list[Tensor]:
    """Offsets of centres in pixels, from deltas in units of the prior's sides.

    Args:
        sides: Of the priors.
        deltas: dx, dy.
        limit: Largest offset in pixels; None for any.
    """
    offsets = [side * delta for side, delta in zip(sides, deltas, strict=True)]
    return offsets if limit is None else [d.clamp(-limit, limit) for d in offsets]


def decode_sides(prior: Sequence[Tensor], deltas: Sequence[Tensor], wh_ratio_clip: float) -> tuple[Tensor, Tensor]:
    """Sides of boxes from those of priors and log ratios, kept within a factor."""
    limit = abs(math.log(wh_ratio_clip))
    w, h = (p * d.clamp(-limit, limit).exp() for p, d in zip(prior, deltas, strict=True))
    return w, h
