"""Features of rotated regions, also of maps whose orientation channels turn with the region."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.utils.graph import current_graph

from .backend import call, chosen, compute_dtype, operation, threads, triton_kernels
from .checks import check_boxes, check_flag, check_maps, check_positive, check_whole, pair_of
from .geometry import wide_outside_graphs
from .roi_samples import Settings, fixed_samples, regions, samples

# in the order of Settings
# samples of a cell in each direction that may be asked for
_MOST_SAMPLES = 128
_SCHEMA = 'SymInt out_h, SymInt out_w, float scale, SymInt sampling, bool aligned, bool clockwise'


def roi_align_rotated(
    input: Tensor,
    rois: Tensor,
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 0,
    aligned: bool = True,
    clockwise: bool = False,
) -> Tensor:
    """Average bilinear samples in the cells of rotated regions, with gradient to ``input``.

    A region is divided into a grid of cells along its own sides, and each cell into a grid of
    samples (Ding et al., RoI Transformer, CVPR 2019; He et al., Mask R-CNN, ICCV 2017).

    Args:
        input: Maps (N, C, H, W).
        rois: (n, 6) as index into N, x, y, w, h in pixels of the image, theta in radians. One
            that is not finite reads nothing: its features are 0.
        output_size: Cells (h, w) of a region, or one number for both.
        spatial_scale: Pixels of the map per pixel of the image.
        sampling_ratio: Samples of a cell in each direction, at most 128; 0: as many as the cell has pixels of the map,
            at most 1e9. Samples off the map cost nothing.
        aligned: Pixel centres lie at half numbers; else at whole ones, and regions are at least one pixel large.
        clockwise: Whether theta runs clockwise on the screen (y down).

    Returns:
        (n, C, h, w) of the type of ``input``.

    Raises:
        ValueError: a shape, type or index that makes no sense.
    """
    size = pair_of('output_size', output_size, 1)
    check_maps('input', input)
    check_boxes('rois', rois, 6)
    check_positive('spatial_scale', spatial_scale)
    check_whole('sampling_ratio', sampling_ratio, 0, _MOST_SAMPLES)
    check_flag('aligned', aligned)
    check_flag('clockwise', clockwise)
    dtype = compute_dtype(input)
    settings = Settings(*size, float(spatial_scale), sampling_ratio, bool(aligned), bool(clockwise))
    maps, boxes = input.to(dtype), rois.detach().to(dtype)
    if current_graph() is not None:
        return _sampled(maps, boxes, settings).to(input.dtype)
    return _op(maps, boxes, *settings).to(input.dtype)


class RoIAlignRotated(nn.Module):
    """See :func:`roi_align_rotated`; its arguments after the regions, also with their older names.

    Args:
        out_size: Older name of ``output_size``.
        sample_num: Older name of ``sampling_ratio``.
    """

    def __init__(
        self,
        output_size: int | Sequence[int] | None = None,
        spatial_scale: float = 1.0,
        sampling_ratio: int = 0,
        aligned: bool = True,
        clockwise: bool = False,
        out_size: int | Sequence[int] | None = None,
        sample_num: int | None = None,
    ) -> None:
        super().__init__()
        size = out_size if output_size is None else output_size
        if size is None:
            raise ValueError('output_size is needed')
        self.output_size, self.spatial_scale = pair_of('output_size', size, 1), spatial_scale
        self.sampling_ratio = sampling_ratio if sample_num is None else sample_num
        self.aligned, self.clockwise = aligned, clockwise

    def _settings(self) -> dict[str, Any]:
        names = ('output_size', 'spatial_scale', 'sampling_ratio', 'aligned', 'clockwise')
        return {name: getattr(self, name) for name in names}

    def forward(self, input: Tensor, rois: Tensor) -> Tensor:
        """Maps (N, C, H, W) and regions (n, 6) -> (n, C, h, w)."""
        return roi_align_rotated(input, rois, **self._settings())

    def extra_repr(self) -> str:
        """Settings, for printing."""
        return ', '.join(f'{name}={value}' for name, value in self._settings().items())


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
    check_whole('num_orientations', num_orientations, 1)
    check_maps('features', features)
    if features.size(1) % num_orientations:
        raise ValueError(f'features must be maps (N, C * {num_orientations}, H, W), got {tuple(features.shape)}')
    args = (output_size, spatial_scale, num_samples, False, clockwise)
    pooled = roi_align_rotated(features.to(compute_dtype(features)), rois, *args)
    pooled = pooled.unflatten(1, (-1, num_orientations))
    # a region that is not finite reads 0 from every channel
    turn = wide_outside_graphs(rois[:, 5].detach()) * (num_orientations / (2 * math.pi))
    # a quarter turn is whole, though its angle has been rounded: a step begins there, and graphs do not see more
    turn = turn.to(compute_dtype(rois)).to(turn.dtype).nan_to_num(0, 0, 0)
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
        self.output_size = pair_of('out_size', out_size, 1)
        self.settings = (spatial_scale, num_samples, num_orientations, clockwise)

    def forward(self, features: Tensor, rois: Tensor) -> Tensor:
        """Maps (N, C, H, W) and regions (n, 6) -> (n, C, h, w)."""
        return riroi_align_rotated(features, rois, self.output_size, *self.settings)


@operation(
    'roi_align_rotated',
    lambda input, rois, out_h, out_w, *_: input.new_empty(rois.size(0), input.size(1), out_h, out_w),
    f'(Tensor input, Tensor rois, {_SCHEMA}) -> Tensor',
)
def _op(input: Tensor, rois: Tensor, *args: Any) -> Tensor:
    if len(rois) and rois.device.type == 'cpu':
        low, high = rois[:, 0].aminmax()
        if not (low >= 0 and high < len(input)):  # also for NaN
            raise ValueError(f'rois point to the maps {low:g} to {high:g}, but there are {len(input)}')
    settings, backend = Settings(*args), chosen(input, rois)
    shape = (len(rois), input.size(1), settings.out_h, settings.out_w)
    if input.numel() == 0:  # a map without pixels: there is nothing to read
        return input.new_zeros(shape)
    if backend == 'triton':
        table = regions(rois, input.size(2), input.size(3), settings)
        return triton_kernels().roi_align_rotated(input, table, shape[2:])
    if backend == 'cpp':
        out = input.new_empty(shape)
        call('roi_align_rotated', input.dtype, input, rois, len(rois), *input.shape, *settings, threads(), out)
        return out
    cells = input.new_zeros(len(rois) * settings.out_h * settings.out_w, input.size(1))
    pixels = _pixels(input)
    for cell, at, weight in samples(rois, input.size(2), input.size(3), settings):
        cells.index_add_(0, cell, pixels[at] * weight.to(cells.dtype))
    return _as_maps(cells, settings).contiguous()


def _sampled(input: Tensor, rois: Tensor, settings: Settings) -> Tensor:
    """The operation for a graph: the same samples of every region, gathered one by one."""
    pixels, height, width = _pixels(input), *input.shape[2:]
    parts = (pixels[at] * weight.to(pixels.dtype) for at, weight in fixed_samples(rois, height, width, settings))
    cells: Any = sum(parts)
    return _as_maps(cells, settings)


def _pixels(maps: Tensor) -> Tensor:
    """Maps (N, C, H, W) -> (N * H * W, C)."""
    return maps.permute(0, 2, 3, 1).contiguous().flatten(0, 2)


def _as_maps(cells: Tensor, settings: Settings) -> Tensor:
    """Cells (n * h * w, C), row by row of each region, -> (n, C, h, w)."""
    return cells.unflatten(0, (-1, settings.out_h, settings.out_w)).permute(0, 3, 1, 2)


@operation(
    'roi_align_rotated_backward',
    lambda grad, rois, count, height, width, *_: grad.new_empty(count, grad.size(1), height, width),
    f'(Tensor grad, Tensor rois, SymInt count, SymInt height, SymInt width, {_SCHEMA}) -> Tensor',
)
def _backward_op(grad: Tensor, rois: Tensor, count: int, height: int, width: int, *args: Any) -> Tensor:
    """Gradient (N, C, H, W) of the maps for a gradient (n, C, h, w) of the features."""
    settings, backend = Settings(*args), chosen(grad, rois)
    shape = (count, grad.size(1), height, width)
    if grad.numel() == 0 or 0 in shape:
        return grad.new_zeros(shape)
    # its atomic sums come in any order; those of PyTorch heed the setting
    if backend == 'triton' and not torch.are_deterministic_algorithms_enabled():
        return triton_kernels().roi_align_rotated_backward(grad, regions(rois, height, width, settings), shape)
    if backend == 'cpp':
        out = grad.new_empty(shape)
        call('roi_align_rotated_backward', grad.dtype, grad, rois, len(rois), *shape, *settings, threads(), out)
        return out
    pixels, cells = grad.new_zeros(count * height * width, grad.size(1)), grad.flatten(2).transpose(1, 2).flatten(0, 1)
    for cell, at, weight in samples(rois, height, width, settings):
        pixels.index_add_(0, at, cells[cell] * weight.to(grad.dtype))
    return pixels.view(count, height, width, shape[1]).permute(0, 3, 1, 2).contiguous()


def _setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
    input, rois, *settings = inputs
    ctx.save_for_backward(rois)
    ctx.rest = (input.size(0), *input.shape[2:], *settings)


def _backward(ctx: Any, grad: Tensor) -> tuple:
    return (_backward_op(grad, *ctx.saved_tensors, *ctx.rest), *[None] * 7)


_op.register_autograd(_backward, setup_context=_setup_context)
