"""``bbox2delta`` and ``delta2bbox`` of 0.3 for rotated priors, over :class:`DeltaXYWHAOBBoxCoder`."""

from collections.abc import Sequence

from torch import Tensor

from mmrotate.core.bbox.coders import DeltaXYWHAOBBoxCoder


def bbox2delta(
    proposals: Tensor,
    gt: Tensor,
    means: Sequence[float] = (0.0,) * 5,
    stds: Sequence[float] = (1.0,) * 5,
    angle_range: str = 'oc',
    norm_factor: float | None = None,
    edge_swap: bool = False,
    proj_xy: bool = False,
) -> Tensor:
    """Deltas (n, 5) from priors (n, 5) to boxes (n, 5)."""
    return DeltaXYWHAOBBoxCoder(means, stds, angle_range, norm_factor, edge_swap, proj_xy).encode(proposals, gt)


def delta2bbox(
    rois: Tensor,
    deltas: Tensor,
    means: Sequence[float] = (0.0,) * 5,
    stds: Sequence[float] = (1.0,) * 5,
    max_shape: Sequence[int] | None = None,
    wh_ratio_clip: float = 0.016,
    add_ctr_clamp: bool = False,
    ctr_clamp: int = 32,
    angle_range: str = 'oc',
    norm_factor: float | None = None,
    edge_swap: bool = False,
    proj_xy: bool = False,
) -> Tensor:
    """Boxes (n, k * 5) of priors (n, 5) and deltas (n, k * 5)."""
    clamp = (add_ctr_clamp, ctr_clamp)
    coder = DeltaXYWHAOBBoxCoder(means, stds, angle_range, norm_factor, edge_swap, proj_xy, *clamp)
    return coder.decode(rois, deltas, max_shape, wh_ratio_clip)
