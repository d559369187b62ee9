"""Features of rotated regions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .backend import call, check_boxes, compute_dtype, threads, uses_cpp

# samples that the plain implementation holds at once
_CHUNK = 200_000


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
        rois: (n, 6) as index into N, x, y, w, h in pixels of the image, theta in radians.
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
    size = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
    if input.dim() != 4 or not input.is_floating_point():
        raise ValueError(
            f'input must be floating-point maps (N, C, H, W), got {tuple(input.shape)} of '
            f'{input.dtype}'
        )
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
        self.output_size = (size, size) if isinstance(size, int) else tuple(size)
        self.spatial_scale = float(spatial_scale)
        self.sampling_ratio = int(sampling_ratio if sample_num is None else sample_num)
        self.aligned = aligned
        self.clockwise = clockwise

    def forward(self, input: Tensor, rois: Tensor) -> Tensor:
        """Maps (N, C, H, W) and regions (n, 6) -> (n, C, h, w)."""
        return roi_align_rotated(
            input,
            rois,
            self.output_size,
            self.spatial_scale,
            self.sampling_ratio,
            self.aligned,
            self.clockwise,
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
    input: Tensor,
    rois: Tensor,
    out_h: int,
    out_w: int,
    scale: float,
    sampling: int,
    aligned: bool,
    clockwise: bool,
) -> Tensor:
    _check_index(rois, input.size(0))
    rest = (out_h, out_w, scale, sampling, aligned, clockwise)
    maps = input.permute(0, 2, 3, 1).contiguous()
    if not uses_cpp(input, rois):
        return _torch(maps, rois, *rest)
    _, height, width, channels = maps.shape
    out = maps.new_empty(len(rois), out_h * out_w, channels)
    sizes = (len(rois), height, width, channels)
    call('roi_align_rotated', maps.dtype, maps, rois.contiguous(), *sizes, *rest, threads(), out)
    return out.transpose(1, 2).reshape(len(rois), channels, out_h, out_w).contiguous()


@_op.register_fake
def _(
    input: Tensor,
    rois: Tensor,
    out_h: int,
    out_w: int,
    scale: float,
    sampling: int,
    aligned: bool,
    clockwise: bool,
) -> Tensor:
    return input.new_empty(len(rois), input.size(1), out_h, out_w)


@torch.library.custom_op('mmrotate::roi_align_rotated_backward', mutates_args=())
def _backward_op(
    grad: Tensor,
    rois: Tensor,
    shape: list[int],
    out_h: int,
    out_w: int,
    scale: float,
    sampling: int,
    aligned: bool,
    clockwise: bool,
) -> Tensor:
    """Gradient (N, C, H, W) of the maps for a gradient (n, C, h, w) of the features."""
    count, channels, height, width = shape
    rest = (out_h, out_w, scale, sampling, aligned, clockwise)
    grad = grad.flatten(2).transpose(1, 2).contiguous()
    out = grad.new_zeros(count, height, width, channels)
    if uses_cpp(grad, rois):
        sizes = (len(rois), height, width, channels)
        args = (grad, rois.contiguous(), *sizes, *rest, threads(), out)
        call('roi_align_rotated_backward', grad.dtype, *args)
    else:
        _torch_backward(grad, rois, out, *rest)
    return out.permute(0, 3, 1, 2).contiguous()


@_backward_op.register_fake
def _(
    grad: Tensor,
    rois: Tensor,
    shape: list[int],
    out_h: int,
    out_w: int,
    scale: float,
    sampling: int,
    aligned: bool,
    clockwise: bool,
) -> Tensor:
    return grad.new_empty(shape)


def _setup_context(ctx: torch.autograd.function.FunctionCtx, inputs: tuple, output: Tensor) -> None:
    input, rois, *rest = inputs
    ctx.save_for_backward(rois)
    ctx.shape, ctx.rest = list(input.shape), rest  # type: ignore[attr-defined]


def _backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple:
    (rois,) = ctx.saved_tensors  # type: ignore[attr-defined]
    grad_input = _backward_op(grad, rois, ctx.shape, *ctx.rest)  # type: ignore[attr-defined]
    return (grad_input, *[None] * 7)


_op.register_autograd(_backward, setup_context=_setup_context)


def _check_index(rois: Tensor, count: int) -> None:
    if len(rois) and rois.device.type == 'cpu':
        low, high = rois[:, 0].aminmax()
        if low < 0 or high >= count:
            raise ValueError(
                f'rois point to the maps {int(low)} to {int(high)}, but there are {count}'
            )


def _samples(
    rois: Tensor,
    height: int,
    width: int,
    grid: tuple[int, int, int, int],
    scale: float,
    aligned: bool,
    clockwise: bool,
) -> tuple[Tensor, Tensor]:
    """Pixels (n, cells, samples * 4) of a batch's maps and their weights, which sum to 1 inside.

    ``grid`` is cells and samples of a cell: (out_h, out_w, rows, cols).
    """
    out_h, out_w, rows, cols = grid
    offset = 0.5 if aligned else 0.0
    x, y, w, h = (rois[:, 1:5] * scale).unbind(1)
    if not aligned:
        w, h = w.clamp(min=1), h.clamp(min=1)
    theta = rois[:, 5] if clockwise else -rois[:, 5]
    steps_v = (torch.arange(out_h * rows, device=rois.device) + 0.5) / (out_h * rows) - 0.5
    steps_u = (torch.arange(out_w * cols, device=rois.device) + 0.5) / (out_w * cols) - 0.5
    v = (h[:, None] * steps_v.to(h)).view(-1, out_h, 1, rows, 1)
    u = (w[:, None] * steps_u.to(w)).view(-1, 1, out_w, 1, cols)
    cos, sin = (t.view(-1, 1, 1, 1, 1) for t in (theta.cos(), theta.sin()))
    px = (x - offset).view(-1, 1, 1, 1, 1) + u * cos - v * sin
    py = (y - offset).view(-1, 1, 1, 1, 1) + u * sin + v * cos
    px, py = (p.reshape(len(rois), out_h * out_w, -1) for p in (px, py))
    inside = (py >= -1) & (py <= height) & (px >= -1) & (px <= width)
    px, py = px.clamp(0, width - 1), py.clamp(0, height - 1)
    x0, y0 = px.floor(), py.floor()
    fx, fy = px - x0, py - y0
    x1, y1 = (x0 + 1).clamp(max=width - 1), (y0 + 1).clamp(max=height - 1)
    base = rois[:, 0].long().view(-1, 1, 1) * height * width
    at = [base + (b * width + a).long() for b in (y0, y1) for a in (x0, x1)]
    weight = [b * a * inside for b in (1 - fy, fy) for a in (1 - fx, fx)]
    return torch.cat(at, -1), torch.cat(weight, -1) / (rows * cols)


def _groups(
    rois: Tensor, height: int, width: int, out_h: int, out_w: int, scale: float, sampling: int,
    aligned: bool, clockwise: bool,
) -> list[tuple[Tensor, Tensor, Tensor]]:  # fmt: skip
    """Indices (k,), pixels and weights of regions with one grid of samples, in chunks."""
    cells = rois[:, [4, 3]] * scale
    if not aligned:
        cells = cells.clamp(min=1)
    counts = (cells / cells.new_tensor([out_h, out_w])).ceil().long()
    counts = counts.clamp(min=0) if sampling <= 0 else torch.full_like(counts, sampling)
    found = []
    for rows, cols in counts.unique(dim=0).tolist():
        if rows * cols == 0:
            continue  # no sample: stays zero
        index = (counts == counts.new_tensor([rows, cols])).all(1).nonzero().squeeze(1)
        for part in index.split(max(_CHUNK // (out_h * out_w * rows * cols), 1)):
            grid = (out_h, out_w, rows, cols)
            samples = _samples(rois[part], height, width, grid, scale, aligned, clockwise)
            found.append((part, *samples))
    return found


def _torch(maps: Tensor, rois: Tensor, out_h: int, out_w: int, *rest: float) -> Tensor:
    """Features (n, C, h, w) of maps (N, H, W, C)."""
    _, height, width, channels = maps.shape
    out = maps.new_zeros(len(rois), out_h * out_w, channels)
    pixels = maps.view(-1, channels)
    for index, at, weight in _groups(rois, height, width, out_h, out_w, *rest):
        for k in range(at.size(-1)):
            out[index] += pixels[at[..., k]] * weight[..., k, None]
    return out.transpose(1, 2).reshape(len(rois), channels, out_h, out_w).contiguous()


def _torch_backward(
    grad: Tensor, rois: Tensor, out: Tensor, out_h: int, out_w: int, *rest: float
) -> None:
    """Add the gradient (n, cells, C) of the features to that of the maps (N, H, W, C)."""
    _, height, width, channels = out.shape
    pixels = out.view(-1, channels)
    for index, at, weight in _groups(rois, height, width, out_h, out_w, *rest):
        for k in range(at.size(-1)):
            values = grad[index] * weight[..., k, None]
            pixels.index_add_(0, at[..., k].flatten(), values.flatten(0, 1))
