"""Overlaps of rotated boxes."""

import torch
from torch import Tensor

from .backend import bare, call, chosen, operation, threads, triton_kernels
from .checks import check_boxes, check_choice, check_flag, check_tensor
from .geometry import overlaps, table, touching

# pairs that the plain implementation holds at once: about 120 MB where all of them touch
_CHUNK = 125_000
# in the order of csrc/geometry.h
_MODES = ('iou', 'iof', 'giou')


def box_iou_rotated(
    bboxes1: Tensor, bboxes2: Tensor, mode: str = 'iou', aligned: bool = False, clockwise: bool = True
) -> Tensor:
    """Overlaps of rotated boxes, without gradient.

    Args:
        bboxes1: (n, 5) as x, y, w, h in pixels, theta in radians, or a batch (..., n, 5).
        bboxes2: (m, 5), or (..., m, 5) of the same batch; m = n where ``aligned``.
        mode: ``'iou'``: intersection over union; ``'iof'``: over the area of ``bboxes1``;
            ``'giou'``: IoU, less the share of the hull around both that neither fills
            (Rezatofighi et al., Generalized Intersection over Union, CVPR 2019).
        aligned: Compare pairs only.
        clockwise: Whether theta runs clockwise on the screen (y down).

    Returns:
        (..., n, m), or (..., n) for aligned boxes, in [0, 1], of ``'giou'`` in [-1, 1]; the least
        for boxes without an area or not finite. float64 for float64 boxes, else float32.

    Raises:
        ValueError: a shape, type or mode that makes no sense.
    """
    check_choice('mode', mode, _MODES)
    check_flag('aligned', aligned)
    check_flag('clockwise', clockwise)
    check_tensor('bboxes1', bboxes1)
    check_tensor('bboxes2', bboxes2)
    if bboxes1.dim() > 2 and bboxes1.shape[:-2] == bboxes2.shape[:-2]:
        return _batched(bboxes1, bboxes2, mode, aligned, clockwise)
    check_boxes('bboxes1', bboxes1)
    check_boxes('bboxes2', bboxes2)
    if aligned and len(bboxes1) != len(bboxes2):
        raise ValueError(f'aligned boxes must be of one count, got {len(bboxes1)} and {len(bboxes2)}')
    return _op(*bare(bboxes1, bboxes2), mode, bool(aligned), bool(clockwise))


def _batched(bboxes1: Tensor, bboxes2: Tensor, mode: str, aligned: bool, clockwise: bool) -> Tensor:
    batch, n, m = bboxes1.shape[:-2], bboxes1.size(-2), bboxes2.size(-2)
    first, second = bboxes1.flatten(0, -3), bboxes2.flatten(0, -3)
    if aligned and n == m:  # no need to go image by image
        first, second = first.flatten(0, 1), second.flatten(0, 1)
        return box_iou_rotated(first, second, mode, True, clockwise).view(*batch, n)
    pairs = zip(first, second, strict=True)
    out = [box_iou_rotated(a, b, mode, aligned, clockwise) for a, b in pairs]
    return torch.stack(out).view(*batch, n, m) if out else first.new_zeros(*batch, n, m)


@operation('box_iou_rotated', table)
def _op(bboxes1: Tensor, bboxes2: Tensor, mode: str, aligned: bool, clockwise: bool) -> Tensor:
    bboxes1, bboxes2 = bboxes1.contiguous(), bboxes2.contiguous()
    args, backend = (bboxes1, bboxes2, mode, aligned, clockwise), chosen(bboxes1, bboxes2)
    if backend != 'cpp':
        return _torch(*args) if backend == 'torch' else triton_kernels().box_iou_rotated(*args)
    out, flags = table(*args), (_MODES.index(mode), aligned, clockwise, threads())
    call('box_iou_rotated', out.dtype, bboxes1, len(bboxes1), bboxes2, len(bboxes2), *flags, out)
    return out


def _torch(bboxes1: Tensor, bboxes2: Tensor, mode: str, aligned: bool, clockwise: bool) -> Tensor:
    if not clockwise:
        sign = bboxes1.new_tensor([1, 1, 1, 1, -1])
        bboxes1, bboxes2 = bboxes1 * sign, bboxes2 * sign
    if aligned:
        pairs = zip(bboxes1.split(_CHUNK), bboxes2.split(_CHUNK), strict=True)
        return torch.cat([overlaps(a, b, mode).to(a.dtype) for a, b in pairs])
    out = bboxes1.new_zeros(len(bboxes1), len(bboxes2))
    rows = max(_CHUNK // max(len(bboxes2), 1), 1)
    for start in range(0, len(bboxes1), rows):
        part = bboxes1[start : start + rows]
        if mode == 'giou':  # boxes that are apart have one too
            out[start : start + rows] = overlaps(part[:, None], bboxes2[None], mode)
            continue
        # most pairs do not touch
        i, j = touching(part[:, None], bboxes2[None]).nonzero(as_tuple=True)
        out[start + i, j] = overlaps(part[i], bboxes2[j], mode).to(out.dtype)
    return out
