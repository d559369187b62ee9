"""``bbox2delta`` and ``delta2bbox`` of 0.3 for midpoint offsets, over :class:`MidpointOffsetCoder`."""

from collections.abc import Sequence

from torch import Tensor

from mmrotate.core.bbox.coders import MidpointOffsetCoder


def bbox2delta(
    proposals: Tensor,
    gt: Tensor,
    means: Sequence[float] = (0.0,) * 6,
    stds: Sequence[float] = (1.0,) * 6,
    version: str = 'oc',
) -> Tensor:
    """Deltas (n, 6) from priors (n, 4), as corners, to boxes (n, 5)."""
    return MidpointOffsetCoder(means, stds, version).encode(proposals, gt)


def delta2bbox(
    rois: Tensor,
    deltas: Tensor,
    means: Sequence[float] = (0.0,) * 6,
    stds: Sequence[float] = (1.0,) * 6,
    wh_ratio_clip: float = 0.016,
    version: str = 'oc',
) -> Tensor:
    """Boxes (n, k * 5) of priors (n, 4), as corners, and deltas (n, k * 6)."""
    return MidpointOffsetCoder(means, stds, version).decode(rois, deltas, wh_ratio_clip=wh_ratio_clip)
