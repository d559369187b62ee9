"""Features of rotated regions whose orientation channels turn with the region."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .backend import compute_dtype
from .geometry import wide
from .roi_align_rotated import roi_align_rotated


def riroi_align_rotated(
    features: Tensor,
    rois: Tensor,
    output_size: int | Sequence[int],
    spatial_scale: float,
    num_samples: int = 0,
    num_orientations: int = 8,
    clockwise: bool = False,
) -> Tensor:
    """Rotation-invariant RoIAlign (Han et al., ReDet, CVPR 2021), differentiable to ``features``.

    It is :func:`roi_align_rotated` with pixel centres at whole numbers, followed by a cyclic shift of each group of
    orientation channels by the region's angle. Between two shifts it mixes channel ``k`` with ``k + 1``, as the
    published models were trained; the paper's text would give ``k - 1``.

    Args, besides those of :func:`roi_align_rotated`:
        features: Maps (N, C * num_orientations, H, W), the orientations of a channel together.
        num_samples: Its ``sampling_ratio``: samples of a cell in each direction.
        num_orientations: Orientations that a full turn is divided into.

    Returns:
        (n, C * num_orientations, h, w) of the type of ``features``.

    Raises:
        ValueError: the channels are no multiple of the orientations, or as of RoIAlign.
    """
    if num_orientations < 1 or features.dim() != 4 or features.size(1) % num_orientations:
        raise ValueError(f'features must be maps (N, C * {num_orientations}, H, W), got {tuple(features.shape)}')
    args = (output_size, spatial_scale, num_samples, False, clockwise)
    pooled = roi_align_rotated(features.to(compute_dtype(features)), rois, *args)
    pooled = pooled.unflatten(1, (-1, num_orientations))
    # a region that is not finite reads 0 from every channel
    turn = (wide(rois[:, 5].detach()) * (num_orientations / (2 * math.pi))).nan_to_num(0, 0, 0)
    share = (turn - turn.floor())[:, None, None]
    orientation = torch.arange(num_orientations, device=rois.device)
    source = ((orientation - turn.floor().long()[:, None]) % num_orientations)[..., None]
    mix = (1 - share) * (source == orientation)
    mix = mix + share * ((source + 1) % num_orientations == orientation)
    with torch.autocast(features.device.type, enabled=False):
        mixed = mix.to(pooled.dtype)[:, None] @ pooled.flatten(3)
    return mixed.view_as(pooled).flatten(1, 2).to(features.dtype)


class RiRoIAlignRotated(nn.Module):
    """See :func:`riroi_align_rotated`; its arguments after the regions, with ``out_size``."""

    def __init__(
        self,
        out_size: int | Sequence[int],
        spatial_scale: float,
        num_samples: int = 0,
        num_orientations: int = 8,
        clockwise: bool = False,
    ) -> None:
        super().__init__()
        self.output_size = (out_size, out_size) if isinstance(out_size, int) else tuple(out_size)
        self.settings = (spatial_scale, num_samples, num_orientations, clockwise)

    def forward(self, features: Tensor, rois: Tensor) -> Tensor:
        """Maps (N, C, H, W) and regions (n, 6) -> (n, C, h, w)."""
        return riroi_align_rotated(features, rois, self.output_size, *self.settings)
