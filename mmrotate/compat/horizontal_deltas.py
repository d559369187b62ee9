"""``bbox2delta`` and ``delta2bbox`` of 0.3 for horizontal priors, over :class:`DeltaXYWHAHBBoxCoder`."""

from collections.abc import Sequence

from torch import Tensor

from mmrotate.core.bbox.coders import DeltaXYWHAHBBoxCoder


def bbox2delta(
    proposals: Tensor,
    gt: Tensor,
    means: Sequence[float] = (0.0,) * 5,
    stds: Sequence[float] = (1.0,) * 5,
    angle_range: str = 'oc',
    norm_factor: float | None = None,
    edge_swap: bool = False,
) -> Tensor:
    """Deltas (n, 5) from priors (n, 4), as corners, to boxes (n, 5)."""
    return DeltaXYWHAHBBoxCoder(means, stds, angle_range, norm_factor, edge_swap).encode(proposals, gt)


def delta2bbox(
    rois: Tensor,
    deltas: Tensor,
    means: Sequence[float] = (0.0,) * 5,
    stds: Sequence[float] = (1.0,) * 5,
    wh_ratio_clip: float = 0.016,
    add_ctr_clamp: bool = False,
    ctr_clamp: int = 32,
    angle_range: str = 'oc',
    norm_factor: float | None = None,
    edge_swap: bool = False,
) -> Tensor:
    """Boxes (n, k * 5) of priors (n, 4), as corners, and deltas (n, k * 5)."""
    clamp = (add_ctr_clamp, ctr_clamp)
    coder = DeltaXYWHAHBBoxCoder(means, stds, angle_range, norm_factor, edge_swap, False, *clamp)
    return coder.decode(rois, deltas, wh_ratio_clip=wh_ratio_clip)
