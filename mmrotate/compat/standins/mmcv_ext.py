"""What ``mmcv._ext`` of mmcv 2.x holds, its compiled operations, by the operations here.

They write into tensors that the caller has made. A gradient is that of the operation itself, done once more.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate import ops
from mmrotate.utils import UserError

from . import ops as upright

_MODES = ('iou', 'iof')
_METHODS = ('naive', 'linear', 'gaussian')


def absent(name: str) -> Callable:
    """An operation that is not here: it says so when it is called."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise UserError(
            f'mmcv._ext.{name}: mmcv-lite comes without its compiled operations, and none here does the work of this '
            'one; with the whole of mmcv 2.x built for this PyTorch it is there'
        )

    return refuse


def _write_gradients(function: Callable, inputs: Sequence[Tensor], grad: Tensor, into: Sequence[Tensor]) -> None:
    """Write the gradients of ``function`` at ``inputs`` into the first tensors; ``grad`` is that of its result."""
    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        grads = torch.autograd.grad(function(*leaves), leaves, grad.detach(), allow_unused=True)
    for target, found in zip(into, grads, strict=True):
        target.copy_(0 if found is None else found)


# ---------------------------------------------------------------- suppression and overlaps


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Indices of the upright boxes (n, 4) to keep, best first."""
    return upright.nms(boxes, scores, iou_threshold, offset)[1]


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Indices (k,) of the upright boxes to keep; the first k of ``dets`` (n, 5) get them with their new scores."""
    found, kept = upright.soft_nms(boxes, scores, iou_threshold, sigma, min_score, _METHODS[method], offset)
    dets[: len(kept)] = found
    return kept


def nms_rotated(
    dets: Tensor, scores: Tensor, order: Tensor, dets_sorted: Tensor, labels: Tensor, iou_threshold: float, multi: bool
) -> Tensor:
    """Indices of the rotated boxes (n, 5) to keep, best first, in each of the ``labels`` (n,) where ``multi``."""
    return ops.nms_rotated(dets[:, :5], scores, iou_threshold, labels.long() if multi else None)[1]


def nms_quadri(
    dets: Tensor, scores: Tensor, order: Tensor, dets_sorted: Tensor, iou_threshold: float, multi: bool
) -> Tensor:
    """Indices of the quadrilaterals (n, 8) to keep, best first; where ``multi`` a last column is their label."""
    return ops.nms_quadri(dets[:, :8], scores, iou_threshold, dets[:, 8].long() if multi else None)[1]


def bbox_overlaps(bboxes1: Tensor, bboxes2: Tensor, ious: Tensor, mode: int, aligned: bool, offset: int) -> None:
    """Overlaps of upright boxes."""
    ious.copy_(upright.bbox_overlaps(bboxes1, bboxes2, _MODES[mode], aligned, offset).view_as(ious))


def box_iou_rotated(bboxes1: Tensor, bboxes2: Tensor, ious: Tensor, mode_flag: int, aligned: bool) -> None:
    """Overlaps of rotated boxes."""
    ious.copy_(ops.box_iou_rotated(bboxes1, bboxes2, _MODES[mode_flag], aligned).view_as(ious))


def box_iou_quadri(bboxes1: Tensor, bboxes2: Tensor, ious: Tensor, mode_flag: int, aligned: bool) -> None:
    """Overlaps of quadrilaterals."""
    ious.copy_(ops.box_iou_quadri(bboxes1, bboxes2, _MODES[mode_flag], aligned).view_as(ious))


def convex_iou(pointsets: Tensor, polygons: Tensor, ious: Tensor) -> None:
    """Overlaps of the hulls of point sets (n, 18) with quadrilaterals (m, 8)."""
    ious.copy_(ops.convex_iou(pointsets, polygons))


def min_area_polygons(pointsets: Tensor, polygons: Tensor) -> None:
    """Smallest rectangles (n, 8) around point sets (n, 18)."""
    polygons.copy_(ops.min_area_polygons(pointsets))


def points_in_polygons_forward(points: Tensor, polygons: Tensor, output: Tensor) -> None:
    """1 where a point (n, 2) is inside of a quadrilateral (m, 8), else 0."""
    output.copy_(ops.points_in_polygons(points, polygons))


# ---------------------------------------------------------------- regions


def _roi_align(rois: Tensor, given: dict[str, Any]) -> Callable[[Tensor], Tensor]:
    size = (given['aligned_height'], given['aligned_width'])
    settings = (given['spatial_scale'], given['sampling_ratio'], 'avg', given['aligned'])
    if given['pool_mode'] != 1:
        raise UserError("RoIAlign: pool_mode='avg' is there, got 'max'")
    return lambda maps: upright.roi_align(maps, rois, size, *settings)


def roi_align_forward(input: Tensor, rois: Tensor, output: Tensor, y: Tensor, x: Tensor, **given: Any) -> None:
    """Features of upright regions."""
    output.copy_(_roi_align(rois, given)(input))


def roi_align_backward(grad: Tensor, rois: Tensor, y: Tensor, x: Tensor, grad_input: Tensor, **given: Any) -> None:
    """Their gradient, for maps of any values."""
    _write_gradients(_roi_align(rois, given), [torch.zeros_like(grad_input)], grad, [grad_input])


def roi_pool_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Largest features of upright regions, and where they are."""
    size = (pooled_height, pooled_width)
    found, where = torch.ops.torchvision.roi_pool(input, rois, spatial_scale, *size)
    output.copy_(found)
    argmax.copy_(where)


def roi_pool_backward(
    grad: Tensor,
    rois: Tensor,
    argmax: Tensor,
    grad_input: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Their gradient."""
    shape = (*argmax.shape[2:], *grad_input.shape)
    backward = torch.ops.torchvision._roi_pool_backward
    grad_input.copy_(backward(grad, rois, argmax.int(), spatial_scale, *shape))


def _rotated(rois: Tensor, given: dict[str, Any]) -> Callable[[Tensor], Tensor]:
    size = (given['pooled_height'], given['pooled_width'])
    if 'num_orientations' in given:
        more = (given['spatial_scale'], given['num_samples'], given['num_orientations'], given['clockwise'])
        return lambda maps: ops.riroi_align_rotated(maps, rois, size, *more)
    settings = (given['spatial_scale'], given['sampling_ratio'], given['aligned'], given['clockwise'])
    return lambda maps: ops.roi_align_rotated(maps, rois, size, *settings)


def roi_align_rotated_forward(input: Tensor, rois: Tensor, output: Tensor, **given: Any) -> None:
    """Features of rotated regions."""
    output.copy_(_rotated(rois, given)(input))


def roi_align_rotated_backward(grad: Tensor, rois: Tensor, grad_input: Tensor, **given: Any) -> None:
    """Their gradient."""
    _write_gradients(_rotated(rois, given), [torch.zeros_like(grad_input)], grad, [grad_input])


riroi_align_rotated_forward, riroi_align_rotated_backward = roi_align_rotated_forward, roi_align_rotated_backward


def rotated_feature_align_forward(
    features: Tensor, best_rbboxes: Tensor, output: Tensor, spatial_scale: float, points: int
) -> None:
    """Features at the points of each position's box."""
    output.copy_(ops.rotated_feature_align(features, best_rbboxes, spatial_scale, points))


def rotated_feature_align_backward(
    grad: Tensor, best_rbboxes: Tensor, grad_input: Tensor, spatial_scale: float, points: int
) -> None:
    """Their gradient."""

    def align(maps: Tensor) -> Tensor:
        return ops.rotated_feature_align(maps, best_rbboxes, spatial_scale, points)

    _write_gradients(align, [torch.zeros_like(grad_input)], grad, [grad_input])


# ---------------------------------------------------------------- convolutions, reassembly, attention, losses


def _convolution(given: dict[str, Any]) -> tuple:
    """Stride, padding, dilation, groups and groups of offsets of a deformable convolution."""
    plain = 'dH' in given
    names = (('dH', 'dW'), ('padH', 'padW'), ('dilationH', 'dilationW'))
    modulated = (('stride_h', 'stride_w'), ('pad_h', 'pad_w'), ('dilation_h', 'dilation_w'))
    pairs = [(given[high], given[wide]) for high, wide in (names if plain else modulated)]
    return *pairs, given['group'], given['deformable_group']


def deform_conv_forward(
    input: Tensor, weight: Tensor, offset: Tensor, output: Tensor, columns: Tensor, ones: Tensor, **given: Any
) -> None:
    """Deformable convolution."""
    output.copy_(ops.deform_conv2d(input, offset, weight, *_convolution(given)))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    grad: Tensor,
    grad_input: Tensor,
    grad_offset: Tensor,
    weight: Tensor,
    columns: Tensor,
    **given: Any,
) -> None:
    """Its gradients to maps and offsets."""

    def convolve(maps: Tensor, moves: Tensor) -> Tensor:
        return ops.deform_conv2d(maps, moves, weight, *_convolution(given))

    _write_gradients(convolve, [input, offset], grad, [grad_input, grad_offset])


def deform_conv_backward_parameters(
    input: Tensor, offset: Tensor, grad: Tensor, grad_weight: Tensor, columns: Tensor, ones: Tensor, **given: Any
) -> None:
    """Its gradient to the weights."""

    def convolve(weight: Tensor) -> Tensor:
        return ops.deform_conv2d(input, offset, weight, *_convolution(given))

    _write_gradients(convolve, [torch.zeros_like(grad_weight)], grad * given['scale'], [grad_weight])


def _as_stored(tensor: Tensor, size: torch.Size) -> Tensor:
    """Offsets or factors for an output of ``size`` (height, width).

    Those of a larger map are read in the order in which they are stored, each image from its first, as mmcv does: its
    published models with DyHead learned so.
    """
    if tensor.shape[2:] == size:
        return tensor
    return tensor.flatten(1)[:, : tensor.size(1) * size.numel()].view(len(tensor), -1, *size)


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    **given: Any,
) -> None:
    """Deformable convolution with a factor for each point."""
    shift, size = bias if given['with_bias'] else None, output.shape[2:]
    moves, factors = _as_stored(offset, size), _as_stored(mask, size)
    output.copy_(ops.modulated_deform_conv2d(input, moves, factors, weight, shift, *_convolution(given)))


def modulated_deform_conv_backward(*tensors: Tensor, **given: Any) -> None:
    """Its gradients to all its tensors."""
    input, weight, bias, _, offset, mask, _, *grads, grad = tensors
    inputs = [input, weight, bias, offset, mask]

    def convolve(maps: Tensor, filters: Tensor, shift: Tensor, moves: Tensor, factors: Tensor) -> Tensor:
        last, size = shift if given['with_bias'] else None, grad.shape[2:]
        moves, factors = _as_stored(moves, size), _as_stored(factors, size)
        return ops.modulated_deform_conv2d(maps, moves, factors, filters, last, *_convolution(given))

    _write_gradients(convolve, inputs, grad, grads)


def _reassemble(given: dict[str, int]) -> Callable[[Tensor, Tensor], Tensor]:
    """Wang et al., CARAFE, ICCV 2019: larger maps, each position a weighted mean around where it comes from."""
    kernel, groups, scale = given['kernel_size'], given['group_size'], given['scale_factor']

    def reassemble(maps: Tensor, weights: Tensor) -> Tensor:
        size = maps.shape[2:]
        around = F.unfold(maps, kernel, padding=kernel // 2).view(len(maps), -1, *size)
        around = around.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        around = around.view(len(maps), groups, -1, kernel**2, *around.shape[2:])
        return (around * weights.view(len(maps), groups, 1, kernel**2, *weights.shape[2:])).sum(3).flatten(1, 2)

    return reassemble


def carafe_forward(
    features: Tensor, masks: Tensor, kept: Tensor, routput: Tensor, rmasks: Tensor, output: Tensor, **given: int
) -> None:
    """Reassembled maps; ``kept`` gets the features, which mmcv stores for the gradient."""
    kept.copy_(features)
    output.copy_(_reassemble(given)(features, masks))


def carafe_backward(grad: Tensor, kept: Tensor, masks: Tensor, *tensors: Tensor, **given: int) -> None:
    """Their gradients to features and weights, which are the last two of ``tensors``."""
    _write_gradients(_reassemble(given), [kept, masks], grad, tensors[-2:])


def carafe_naive_forward(features: Tensor, masks: Tensor, output: Tensor, **given: int) -> None:
    """Reassembled maps."""
    output.copy_(_reassemble(given)(features, masks))


carafe_naive_backward = carafe_backward


def ms_deform_attn_forward(
    value: Tensor, shapes: Tensor, starts: Tensor, locations: Tensor, weights: Tensor, im2col_step: int
) -> Tensor:
    """Attention to a few points of each level, by mmcv's own version in plain PyTorch."""
    module: Any = importlib.import_module('mmcv.ops.multi_scale_deform_attn')
    return module.multi_scale_deformable_attn_pytorch(value, shapes, locations, weights)


def ms_deform_attn_backward(
    value: Tensor,
    shapes: Tensor,
    starts: Tensor,
    locations: Tensor,
    weights: Tensor,
    grad: Tensor,
    *grads: Tensor,
    im2col_step: int,
) -> None:
    """Its gradients to values, locations and weights."""

    def attend(values: Tensor, places: Tensor, factors: Tensor) -> Tensor:
        return ms_deform_attn_forward(values, shapes, starts, places, factors, im2col_step)

    _write_gradients(attend, [value, locations, weights], grad, grads)


def _focal_loss(logits: Tensor, target: Tensor, weight: Tensor, gamma: float, alpha: float) -> Tensor:
    return ops.sigmoid_focal_loss(logits, target, gamma, alpha, weight if weight.numel() else None, 'none')


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Focal loss (n, C) of logits and labels (n,)."""
    output.copy_(_focal_loss(input, target, weight, gamma, alpha))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Its derivative (n, C)."""

    def loss(logits: Tensor) -> Tensor:
        return _focal_loss(logits, target, weight, gamma, alpha)

    _write_gradients(loss, [input], torch.ones_like(input), [grad_input])


def active_rotated_filter_forward(input: Tensor, indices: Tensor, output: Tensor) -> None:
    """Filters turned to every orientation."""
    output.copy_(ops.active_rotated_filter(input, indices))


def active_rotated_filter_backward(grad: Tensor, indices: Tensor, grad_input: Tensor) -> None:
    """Their gradient."""
    filters = torch.zeros_like(grad_input)
    _write_gradients(lambda part: ops.active_rotated_filter(part, indices), [filters], grad, [grad_input])
