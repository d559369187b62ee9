"""Features of rotated regions."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .backend import call, check_boxes, chosen, compute_dtype, threads, triton_kernels
from .bilinear import bilinear
from .geometry import wide

# samples that the plain implementation holds at once
_CHUNK = 200_000


class _Settings(NamedTuple):
    """In the order in which the C++ functions take them."""

    out_h: int
    out_w: int
    scale: float
    sampling: int
    aligned: bool
    clockwise: bool


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
        sampling_ratio: Samples of a cell in each direction; 0: as many as the cell has pixels.
        aligned: Pixel centres lie at half numbers; else at whole ones, and regions are at least
            one pixel large.
        clockwise: Whether theta runs clockwise on the screen (y down).

    Returns:
        (n, C, h, w) of the type of ``input``.

    Raises:
        ValueError: a shape, type or index that makes no sense.
    """
    size = _pair(output_size)
    if input.dim() != 4 or not input.is_floating_point():
        raise ValueError(f'input must be floating-point maps (N, C, H, W), got {tuple(input.shape)} of {input.dtype}')
    check_boxes('rois', rois, 6)
    dtype = compute_dtype(input)
    out = _op(
        input.to(dtype),
        rois.detach().to(dtype),
        size[0],
        size[1],
        float(spatial_scale),
        sampling_ratio,
        aligned,
        clockwise,
    )
    return out.to(input.dtype)


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError(f'output_size must be one or two positive numbers, got {size}')
    return pair[0], pair[1]


class RoIAlignRotated(nn.Module):
    """See :func:`roi_align_rotated`.

    Args:
        output_size: Cells of a region.
        spatial_scale: Pixels of the map per pixel of the image.
        sampling_ratio: Samples of a cell in each direction; 0 adapts.
        aligned: Pixel centres lie at half numbers.
        clockwise: Sense of theta.
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
        self.output_size = _pair(size)
        self.spatial_scale = float(spatial_scale)
        self.sampling_ratio = int(sampling_ratio if sample_num is None else sample_num)
        self.aligned = aligned
        self.clockwise = clockwise

    def forward(self, input: Tensor, rois: Tensor) -> Tensor:
        """Maps (N, C, H, W) and regions (n, 6) -> (n, C, h, w)."""
        return roi_align_rotated(
            input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned, self.clockwise
        )

    def extra_repr(self) -> str:
        """Settings, for printing."""
        return (
            f'output_size={self.output_size}, spatial_scale={self.spatial_scale}, '
            f'sampling_ratio={self.sampling_ratio}, aligned={self.aligned}, '
            f'clockwise={self.clockwise}'
        )


@torch.library.custom_op('mmrotate::roi_align_rotated', mutates_args=())
def _op(
    input: Tensor, rois: Tensor, out_h: int, out_w: int, scale: float, sampling: int, aligned: bool, clockwise: bool
) -> Tensor:
    _check_index(rois, input.size(0))
    settings = _Settings(out_h, out_w, scale, sampling, aligned, clockwise)
    channels, backend = input.size(1), chosen(input, rois)
    if backend == 'triton':
        on_map = _on_map(rois, settings)
        return triton_kernels().roi_align_rotated(input, on_map, (out_h, out_w), sampling, clockwise)
    if backend == 'cpp':
        out = input.new_empty(len(rois), channels, out_h, out_w)
        args = (len(rois), *input.shape, *settings, threads(), out)
        call('roi_align_rotated', input.dtype, input.contiguous(), rois.contiguous(), *args)
        return out
    cells = input.new_zeros(len(rois), out_h * out_w, channels)
    _torch(input.permute(0, 2, 3, 1).contiguous(), rois, settings, cells)
    return cells.transpose(1, 2).reshape(len(rois), channels, out_h, out_w).contiguous()


@_op.register_fake
def _(
    input: Tensor, rois: Tensor, out_h: int, out_w: int, scale: float, sampling: int, aligned: bool, clockwise: bool
) -> Tensor:
    return input.new_empty(rois.size(0), input.size(1), out_h, out_w)


@torch.library.custom_op('mmrotate::roi_align_rotated_backward', mutates_args=())
def _backward_op(
    grad: Tensor,
    rois: Tensor,
    count: int,
    height: int,
    width: int,
    out_h: int,
    out_w: int,
    scale: float,
    sampling: int,
    aligned: bool,
    clockwise: bool,
) -> Tensor:
    """Gradient (N, C, H, W) of the maps for a gradient (n, C, h, w) of the features."""
    channels = grad.size(1)
    settings = _Settings(out_h, out_w, scale, sampling, aligned, clockwise)
    backend = chosen(grad, rois)
    # its atomic sums come in any order; those of PyTorch heed the setting
    if backend == 'triton' and not torch.are_deterministic_algorithms_enabled():
        shape, on_map = (count, channels, height, width), _on_map(rois, settings)
        return triton_kernels().roi_align_rotated_backward(grad, on_map, shape, sampling, clockwise)
    if backend == 'cpp':
        out = grad.new_empty(count, channels, height, width)
        args = (len(rois), *out.shape, *settings, threads(), out)
        call('roi_align_rotated_backward', grad.dtype, grad.contiguous(), rois.contiguous(), *args)
        return out
    out = grad.new_zeros(count, height, width, channels)
    _torch_backward(grad.flatten(2).transpose(1, 2), rois, settings, out)
    return out.permute(0, 3, 1, 2).contiguous()


@_backward_op.register_fake
def _(
    grad: Tensor,
    rois: Tensor,
    count: int,
    height: int,
    width: int,
    out_h: int,
    out_w: int,
    scale: float,
    sampling: int,
    aligned: bool,
    clockwise: bool,
) -> Tensor:
    return grad.new_empty(count, grad.size(1), height, width)


def _setup_context(ctx: torch.autograd.function.FunctionCtx, inputs: tuple, output: Tensor) -> None:
    input, rois, *rest = inputs
    ctx.save_for_backward(rois)
    count, _, height, width = input.shape
    ctx.rest = (count, height, width, *rest)  # type: ignore[attr-defined]


def _backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple:
    (rois,) = ctx.saved_tensors  # type: ignore[attr-defined]
    grad_input = _backward_op(grad, rois, *ctx.rest)  # type: ignore[attr-defined]
    return (grad_input, *[None] * 7)


_op.register_autograd(_backward, setup_context=_setup_context)


def _check_index(rois: Tensor, count: int) -> None:
    if len(rois) and rois.device.type == 'cpu':
        low, high = (float(value) for value in rois[:, 0].aminmax())
        if not (low >= 0 and high < count):  # also for NaN
            raise ValueError(f'rois point to the maps {low:g} to {high:g}, but there are {count}')


def _torch(maps: Tensor, rois: Tensor, settings: _Settings, out: Tensor) -> None:
    """Add the features of regions to ``out`` (n, cells, C); the maps are (N, H, W, C)."""
    _, height, width, channels = maps.shape
    pixels = maps.view(-1, channels)
    for index, at, weight in _samples(rois, height, width, settings):
        for k in range(at.size(-1)):
            out[index] += pixels[at[..., k]] * weight[..., k, None].to(out.dtype)


def _torch_backward(grad: Tensor, rois: Tensor, settings: _Settings, out: Tensor) -> None:
    """Add the gradient (n, cells, C) of the features to that of the maps, ``out`` (N, H, W, C)."""
    _, height, width, channels = out.shape
    pixels = out.view(-1, channels)
    for index, at, weight in _samples(rois, height, width, settings):
        for k in range(at.size(-1)):
            values = grad[index] * weight[..., k, None].to(out.dtype)
            pixels.index_add_(0, at[..., k].flatten(), values.flatten(0, 1))


def _on_map(rois: Tensor, settings: _Settings) -> Tensor:
    """Regions (n, 6) in pixels of the map, whose centres lie at whole numbers; in float64."""
    rois = wide(rois)
    centre, sides = rois[:, 1:3] * settings.scale, rois[:, 3:5] * settings.scale
    if settings.aligned:
        centre = centre - 0.5
    else:
        sides = sides.clamp(min=1)
    return torch.cat([rois[:, :1], centre, sides, rois[:, 5:]], 1)


def _samples(rois: Tensor, height: int, width: int, settings: _Settings) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Indices (k,) of regions, and pixels and weights (k, cells, 4 * samples) of their cells.

    Regions with the same number of samples per cell come together, in chunks.
    """
    out_h, out_w, _, sampling, _, _ = settings
    rois = _on_map(rois, settings)
    counts = (rois[:, [4, 3]] / rois.new_tensor([out_h, out_w])).ceil().clamp(0, 1e9)
    if sampling > 0:
        counts = torch.full_like(counts, sampling)
    counts[~rois.isfinite().all(1)] = 0
    for rows, cols in counts.long().unique(dim=0).tolist():
        if rows * cols == 0:
            continue
        index = (counts == counts.new_tensor([rows, cols])).all(1).nonzero().squeeze(1)
        for part in index.split(max(_CHUNK // (out_h * out_w * rows * cols), 1)):
            x, y = _points(rois[part], rows, cols, settings)
            at, weight = bilinear(x, y, height, width)
            at = at + rois[part, 0].long().view(-1, 1, 1, 1) * height * width
            yield part, at.flatten(2), weight.flatten(2) / (rows * cols)


def _points(rois: Tensor, rows: int, cols: int, settings: _Settings) -> tuple[Tensor, Tensor]:
    """Coordinates (k, cells, samples) of the samples of regions (k, 6), in pixels of the map."""
    out_h, out_w, _, _, _, clockwise = settings
    x, y, w, h, theta = rois[:, 1:].T
    theta = theta if clockwise else -theta

    def steps(cells: int, samples: int) -> Tensor:
        count = cells * samples
        at = torch.arange(count, device=rois.device, dtype=rois.dtype)
        return (at + 0.5) / count - 0.5

    v = (h[:, None] * steps(out_h, rows)).view(-1, out_h, 1, rows, 1)
    u = (w[:, None] * steps(out_w, cols)).view(-1, 1, out_w, 1, cols)
    cos, sin, x, y = (t.view(-1, 1, 1, 1, 1) for t in (theta.cos(), theta.sin(), x, y))
    px = x + u * cos - v * sin
    py = y + u * sin + v * cos
    return px.reshape(len(rois), out_h * out_w, -1), py.reshape(len(rois), out_h * out_w, -1)
