"""Features of rotated regions, also of maps whose orientation channels turn with the region."""

import math
from collections import namedtuple
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .backend import call, check_boxes, check_maps, chosen, compute_dtype, operation, threads, triton_kernels
from .geometry import wide

# samples that the plain implementation holds at once
_CHUNK = 200_000
# in the order in which the operations and the C++ functions take them
_Settings = namedtuple('_Settings', 'out_h out_w scale sampling aligned clockwise')
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
        sampling_ratio: Samples of a cell in each direction; 0: as many as the cell has pixels.
        aligned: Pixel centres lie at half numbers; else at whole ones, and regions are at least one pixel large.
        clockwise: Whether theta runs clockwise on the screen (y down).

    Returns:
        (n, C, h, w) of the type of ``input``.

    Raises:
        ValueError: a shape, type or index that makes no sense.
    """
    size = _pair(output_size)
    check_maps('input', input)
    check_boxes('rois', rois, 6)
    dtype = compute_dtype(input)
    settings = _Settings(*size, float(spatial_scale), sampling_ratio, aligned, clockwise)
    return _op(input.to(dtype), rois.detach().to(dtype), *settings).to(input.dtype)


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError(f'output_size must be one or two positive numbers, got {size}')
    return pair[0], pair[1]


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
        self.output_size, self.spatial_scale = _pair(size), float(spatial_scale)
        self.sampling_ratio = int(sampling_ratio if sample_num is None else sample_num)
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
        self.output_size = _pair(out_size)
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
    settings, backend = _Settings(*args), chosen(input, rois)
    shape = (len(rois), input.size(1), settings.out_h, settings.out_w)
    if backend == 'triton':
        on_map = _on_map(rois, settings)
        return triton_kernels().roi_align_rotated(input, on_map, shape[2:], settings.sampling, settings.clockwise)
    if backend == 'cpp':
        out = input.new_empty(shape)
        call('roi_align_rotated', input.dtype, input, rois, len(rois), *input.shape, *settings, threads(), out)
        return out
    cells = input.new_zeros(len(rois), settings.out_h * settings.out_w, input.size(1))
    pixels = input.permute(0, 2, 3, 1).contiguous().flatten(0, 2)
    for index, at, weight in _samples(rois, input.size(2), input.size(3), settings):
        cells[index] += pixels[at] * weight.to(cells.dtype)
    return cells.transpose(1, 2).reshape(shape).contiguous()


@operation(
    'roi_align_rotated_backward',
    lambda grad, rois, count, height, width, *_: grad.new_empty(count, grad.size(1), height, width),
    f'(Tensor grad, Tensor rois, SymInt count, SymInt height, SymInt width, {_SCHEMA}) -> Tensor',
)
def _backward_op(grad: Tensor, rois: Tensor, count: int, height: int, width: int, *args: Any) -> Tensor:
    """Gradient (N, C, H, W) of the maps for a gradient (n, C, h, w) of the features."""
    settings, backend = _Settings(*args), chosen(grad, rois)
    shape = (count, grad.size(1), height, width)
    # its atomic sums come in any order; those of PyTorch heed the setting
    if backend == 'triton' and not torch.are_deterministic_algorithms_enabled():
        args = (_on_map(rois, settings), shape, settings.sampling, settings.clockwise)
        return triton_kernels().roi_align_rotated_backward(grad, *args)
    if backend == 'cpp':
        out = grad.new_empty(shape)
        call('roi_align_rotated_backward', grad.dtype, grad, rois, len(rois), *shape, *settings, threads(), out)
        return out
    pixels, cells = grad.new_zeros(count * height * width, grad.size(1)), grad.flatten(2).transpose(1, 2)
    for index, at, weight in _samples(rois, height, width, settings):
        pixels.index_add_(0, at.flatten(), (cells[index] * weight.to(grad.dtype)).flatten(0, 1))
    return pixels.view(count, height, width, shape[1]).permute(0, 3, 1, 2).contiguous()


def _setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
    input, rois, *settings = inputs
    ctx.save_for_backward(rois)
    ctx.rest = (input.size(0), *input.shape[2:], *settings)


def _backward(ctx: Any, grad: Tensor) -> tuple:
    return (_backward_op(grad, *ctx.saved_tensors, *ctx.rest), *[None] * 7)


_op.register_autograd(_backward, setup_context=_setup_context)


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
    """Indices (k,) of regions, and a pixel (k, cells) and its weight (k, cells, 1) for each of their cells.

    Regions with the same number of samples per cell come together, in chunks, four pixels for each sample.
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
            shares = weight.flatten(2)[..., None] / (rows * cols)
            yield from ((part, *each) for each in zip(at.flatten(2).unbind(2), shares.unbind(2), strict=True))


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
    px, py = x + u * cos - v * sin, y + u * sin + v * cos
    return px.reshape(len(rois), out_h * out_w, -1), py.reshape(len(rois), out_h * out_w, -1)


def bilinear(x: Tensor, y: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Four pixels (..., 4) around points, row * width + column, of int64, and how much each counts (..., 4).

    Coordinates (...) are 0 at the centre of the first pixel. A point up to one pixel outside of the map takes the value
    of the border; one further out, or not finite, reads nothing: its weights are 0.
    """
    inside = (x >= -1) & (x <= width) & (y >= -1) & (y <= height)
    x = torch.where(inside, x, 0).clamp(0, width - 1)
    y = torch.where(inside, y, 0).clamp(0, height - 1)
    x0, y0 = x.floor(), y.floor()
    x1, y1 = (x0 + 1).clamp(max=width - 1), (y0 + 1).clamp(max=height - 1)
    fx, fy = x - x0, y - y0
    pixels = [(row * width + col).long() for row in (y0, y1) for col in (x0, x1)]
    weights = [v * u * inside for v in (1 - fy, fy) for u in (1 - fx, fx)]
    return torch.stack(pixels, -1), torch.stack(weights, -1)
