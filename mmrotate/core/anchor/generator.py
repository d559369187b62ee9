"""Anchor generators."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError


@TASK_UTILS.register_module()
class AnchorGenerator:
    """Horizontal anchors (x1, y1, x2, y2) of several sizes and shapes at each position.

    Args:
        strides: Pixels between positions of each level.
        ratios: Heights over widths.
        scales: Sides in units of ``base_sizes``; or give the octaves.
        octave_base_scale: Smallest scale of an octave.
        scales_per_octave: Scales of an octave, ``octave_base_scale * 2 ** (i / count)``.
        base_sizes: Side of a unit of each level; default the strides.
        scale_major: Order of a position's anchors: scales within ratios (True) or the other way.
        centers: Centres of the first position's anchors, per level.
        center_offset: Centre of an anchor within its cell, in units of ``base_sizes``.
    """

    # numbers of a prior
    prior_dim = 4

    def __init__(
        self,
        strides: Sequence[int],
        ratios: Sequence[float],
        scales: Sequence[float] | None = None,
        base_sizes: Sequence[int] | None = None,
        scale_major: bool = True,
        octave_base_scale: float | None = None,
        scales_per_octave: int | None = None,
        centers: Sequence[tuple[float, float]] | None = None,
        center_offset: float = 0.0,
    ) -> None:
        if octave_base_scale is not None and scales_per_octave is not None and scales is None:
            scales = [octave_base_scale * 2 ** (i / scales_per_octave) for i in range(scales_per_octave)]
        elif scales is None or octave_base_scale is not None or scales_per_octave is not None:
            raise ArgumentError('give either scales, or octave_base_scale and scales_per_octave')
        self.strides = [(s, s) if isinstance(s, (int, float)) else tuple(s) for s in strides]
        self.base_sizes = list(base_sizes or [min(stride) for stride in self.strides])
        if len(self.base_sizes) != len(self.strides):
            raise ArgumentError(
                f'base_sizes must be as many as strides, got {len(self.base_sizes)} and {len(self.strides)}'
            )
        self.scales = torch.tensor(scales, dtype=torch.float32)
        self.ratios = torch.tensor(ratios, dtype=torch.float32)
        self.scale_major, self.centers, self.center_offset = scale_major, centers, center_offset
        self.base_anchors = [self._base_anchors(level) for level in range(len(self.strides))]

    @property
    def num_levels(self) -> int:
        """Levels of the pyramid."""
        return len(self.strides)

    @property
    def num_base_priors(self) -> list[int]:
        """Anchors at a position of each level."""
        return [len(anchors) for anchors in self.base_anchors]

    @property
    def num_base_anchors(self) -> list[int]:
        """``num_base_priors`` by its earlier name."""
        return self.num_base_priors

    def _base_anchors(self, level: int) -> Tensor:
        """Anchors (k, 4) of the first position."""
        size = self.base_sizes[level]
        x = y = self.center_offset * size
        if self.centers is not None:
            x, y = self.centers[level]
        h_ratios, scales = self.ratios.sqrt(), self.scales
        orders = [(ratios, scales) if self.scale_major else (scales, ratios) for ratios in (1 / h_ratios, h_ratios)]
        w, h = ((size * outer[:, None] * inner).flatten() for outer, inner in orders)
        return torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1)

    def single_level_grid_priors(
        self,
        featmap_size: tuple[int, int],
        level_idx: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = 'cpu',
    ) -> Tensor:
        """Anchors (h * w * k, prior_dim) of one level, a map of size (h, w)."""
        stride = self.strides[level_idx]
        x = torch.arange(featmap_size[1], device=device) * stride[0]
        y = torch.arange(featmap_size[0], device=device) * stride[1]
        y, x = torch.meshgrid(y, x, indexing='ij')
        shift = torch.stack([x, y, x, y], -1).view(-1, 1, 4)
        return (self.base_anchors[level_idx].to(device) + shift).view(-1, 4).to(dtype)

    def grid_priors(
        self,
        featmap_sizes: Sequence[tuple[int, int]],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = 'cpu',
    ) -> list[Tensor]:
        """Anchors of each level, a map of size (h, w), positions row by row, a position's anchors together."""
        if len(featmap_sizes) != self.num_levels:
            raise ArgumentError(f'the generator has {self.num_levels} strides, but there are {len(featmap_sizes)} maps')
        return [self.single_level_grid_priors(size, i, dtype, device) for i, size in enumerate(featmap_sizes)]

    def valid_flags(
        self, featmap_sizes: Sequence[tuple[int, int]], pad_shape: Sequence[int], device: torch.device | str = 'cpu'
    ) -> list[Tensor]:
        """Masks (h * w * k,) of the anchors whose position lies on the image ``pad_shape``."""
        flags = []
        for level, (h, w) in enumerate(featmap_sizes):
            stride = self.strides[level]
            on_image = torch.zeros(h, w, dtype=torch.bool, device=device)
            on_image[: -(-pad_shape[0] // stride[1]), : -(-pad_shape[1] // stride[0])] = True
            flags.append(on_image.flatten().repeat_interleave(self.num_base_priors[level]))
        return flags


@TASK_UTILS.register_module()
class RotatedAnchorGenerator(AnchorGenerator):
    """The same anchors as rotated boxes (x, y, w, h, 0).

    Their angle is 0 under every version, also under ``oc``, which has no 0: published models were trained so.
    """

    prior_dim = 5

    def single_level_grid_priors(
        self,
        featmap_size: tuple[int, int],
        level_idx: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = 'cpu',
    ) -> Tensor:
        """Anchors (h * w * k, 5) of one level, a map of size (h, w)."""
        corners = super().single_level_grid_priors(featmap_size, level_idx, device=device)
        centre, sides = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
        return torch.cat([centre, sides, torch.zeros_like(sides[:, :1])], 1).to(dtype)


@TASK_UTILS.register_module()
class PseudoAnchorGenerator(AnchorGenerator):
    """One prior at each position, which is the box of the stage before; it makes none itself."""

    prior_dim = 5

    def __init__(self, strides: Sequence[int]) -> None:
        super().__init__(strides, ratios=[1.0], scales=[1.0])

    def single_level_grid_priors(
        self,
        featmap_size: tuple[int, int],
        level_idx: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = 'cpu',
    ) -> Tensor:
        """See :meth:`single_level_grid_anchors`."""
        return self.single_level_grid_anchors(featmap_size, device)

    def single_level_grid_anchors(self, featmap_sizes: tuple[int, int], device: torch.device | str = 'cpu') -> Tensor:
        """Raise ValueError: there are none of its own."""
        raise ArgumentError('a head with a PseudoAnchorGenerator needs rois, the boxes of a stage')


@TASK_UTILS.register_module()
class MlvlPointGenerator(AnchorGenerator):
    """One prior (x, y) at each position.

    Args:
        strides: Pixels between positions of each level.
        offset: Place of a point within its cell, in units of the stride.
    """

    def __init__(self, strides: Sequence[int], offset: float = 0.5) -> None:
        super().__init__(strides, ratios=[1.0], scales=[1.0])
        self.offset = offset

    def single_level_grid_priors(
        self,
        featmap_size: tuple[int, int],
        level_idx: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = 'cpu',
    ) -> Tensor:
        """Points (h * w, 2) of one level, a map of size (h, w)."""
        x, y = (
            (torch.arange(count, device=device) + self.offset) * stride
            for count, stride in zip(featmap_size[::-1], self.strides[level_idx], strict=True)
        )
        return torch.cartesian_prod(y, x).flip(1).to(dtype)
