"""Operations of ``mmcv.ops`` on upright boxes, by torchvision, and losses of logits."""

from collections.abc import Mapping
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.core.bbox import bbox_overlaps as _overlaps
from mmrotate.ops import batched_nms_rotated, soft_nms_rotated
from mmrotate.ops import sigmoid_focal_loss as _focal_loss
from mmrotate.ops.checks import pair_of
from mmrotate.utils import UserError


def nms(
    boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0, score_threshold: float = 0, max_num: int = -1
) -> tuple[Tensor, Tensor]:
    """Drop every upright box (n, 4) that overlaps a better one more than the threshold.

    Args:
        boxes: Left, top, right, bottom in pixels.
        scores: (n,); only those above ``score_threshold`` are looked at, if that is above 0.
        iou_threshold: In [0, 1].
        offset: Added to the sides, 0 or 1.
        score_threshold: See ``scores``.
        max_num: At most this many; -1 for all.

    Returns:
        Boxes with their scores (k, 5), best first, and their indices (k,).
    """
    inds = torch.arange(len(scores), device=scores.device)
    if score_threshold > 0:
        inds = inds[scores > score_threshold]
    found = boxes[inds].float() + boxes.new_tensor([0.0, 0, offset, offset], dtype=torch.float32)
    kept = inds[torchvision.ops.nms(found, scores[inds].float(), iou_threshold)]
    kept = kept[:max_num] if max_num > 0 else kept
    return torch.cat([boxes[kept], scores[kept, None]], 1), kept


def soft_nms(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float = 0.3,
    sigma: float = 0.5,
    min_score: float = 1e-3,
    method: str = 'linear',
    offset: int = 0,
) -> tuple[Tensor, Tensor]:
    """Lower the scores of upright boxes (n, 4) that overlap better ones: boxes (k, 5) and their indices (k,)."""
    left, top, right, bottom = boxes.unbind(1)
    zero = torch.zeros_like(left)
    rotated = torch.stack(
        [(left + right) / 2, (top + bottom) / 2, right - left + offset, bottom - top + offset, zero], 1
    )
    dets, kept = soft_nms_rotated(rotated, scores, iou_threshold, sigma, min_score, method)
    return torch.cat([boxes[kept], dets[:, 5:]], 1), kept


def batched_nms(
    boxes: Tensor, scores: Tensor, idxs: Tensor, nms_cfg: dict | None, class_agnostic: bool = False
) -> tuple[Tensor, Tensor]:
    """NMS in each class of boxes, upright (n, 4) or rotated (n, 5).

    Args:
        boxes: The boxes.
        scores: (n,).
        idxs: Classes (n,).
        nms_cfg: ``dict(type='nms', iou_threshold=...)``, and for upright boxes also ``'soft_nms'``; None to only sort.
        class_agnostic: Across all classes; also a key of ``nms_cfg``.

    Returns:
        Boxes with their scores in a last column, best first, and their indices (k,).
    """
    if nms_cfg is None:
        order = scores.argsort(descending=True)
        return torch.cat([boxes[order], scores[order, None]], 1), order
    args: dict[str, Any] = dict(nms_cfg)
    kind, agnostic = args.pop('type', 'nms'), args.pop('class_agnostic', class_agnostic)
    limit = args.pop('max_num', -1)
    args.pop('split_thr', None)  # of memory only
    if 'iou_thr' in args:
        args['iou_threshold'] = args.pop('iou_thr')
    if boxes.size(-1) == 5:
        _only_threshold(args)
        dets, kept = batched_nms_rotated(boxes, scores, idxs, args['iou_threshold'], agnostic)
    elif kind not in ('nms', 'soft_nms'):
        raise UserError(f"nms_cfg.type must be 'nms' or 'soft_nms', got {kind!r}")
    else:
        groups = torch.zeros_like(idxs) if agnostic else idxs
        # boxes of one class far from those of every other: the largest class has the least to move
        moved = boxes + (groups * (boxes.max() + 1 if len(boxes) else 0)).to(boxes)[:, None]
        dets, kept = (nms if kind == 'nms' else soft_nms)(moved, scores, **args)
        dets = torch.cat([boxes[kept], dets[:, -1:]], 1)
    return (dets[:limit], kept[:limit]) if limit > 0 else (dets, kept)


def _only_threshold(args: Mapping) -> None:
    if set(args) != {'iou_threshold'}:
        raise UserError(f'nms_cfg of rotated boxes is dict(iou_threshold=...), got the keys {sorted(args)}')


def bbox_overlaps(
    bboxes1: Tensor, bboxes2: Tensor, mode: str = 'iou', aligned: bool = False, offset: int = 0
) -> Tensor:
    """Overlaps (n, m) of upright boxes, (n,) where ``aligned``; ``offset`` (0 or 1) is added to the sides."""
    grown = bboxes1.new_tensor([0.0, 0, offset, offset])
    return _overlaps(bboxes1 + grown, bboxes2 + grown, mode, aligned)


def roi_align(
    input: Tensor,
    rois: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 0,
    pool_mode: str = 'avg',
    aligned: bool = True,
) -> Tensor:
    """Features (n, C, h, w) of upright regions (n, 5), the image's index first, in maps (N, C, H, W)."""
    if pool_mode != 'avg':
        raise UserError(f"roi_align: pool_mode='avg' is there, got {pool_mode!r}")
    # torchvision takes a ratio below 1 as "by the size of the region", as mmcv takes 0
    ratio = sampling_ratio or -1
    return torchvision.ops.roi_align(input, rois, pair_of('output_size', output_size, 1), spatial_scale, ratio, aligned)


class RoIAlign(nn.Module):
    """See :func:`roi_align`; its arguments after the regions, also with their older names."""

    def __init__(
        self,
        output_size: int | tuple[int, int] | None = None,
        spatial_scale: float = 1.0,
        sampling_ratio: int = 0,
        pool_mode: str = 'avg',
        aligned: bool = True,
        use_torchvision: bool = False,
        out_size: int | tuple[int, int] | None = None,
        sample_num: int | None = None,
    ) -> None:
        super().__init__()
        size = out_size if output_size is None else output_size
        if size is None:
            raise ValueError('output_size is needed')
        self.output_size, self.spatial_scale = pair_of('output_size', size, 1), float(spatial_scale)
        self.sampling_ratio = sampling_ratio if sample_num is None else sample_num
        self.pool_mode, self.aligned, self.use_torchvision = pool_mode, aligned, use_torchvision

    def forward(self, input: Tensor, rois: Tensor) -> Tensor:
        """Maps (N, C, H, W) and regions (n, 5) -> (n, C, h, w)."""
        size = (self.output_size[0], self.output_size[1])
        return roi_align(input, rois, size, self.spatial_scale, self.sampling_ratio, self.pool_mode, self.aligned)


def roi_pool(input: Tensor, rois: Tensor, output_size: int | tuple[int, int], spatial_scale: float = 1.0) -> Tensor:
    """Largest features (n, C, h, w) of upright regions (n, 5), the image's index first, in maps (N, C, H, W)."""
    return torchvision.ops.roi_pool(input, rois, pair_of('output_size', output_size, 1), spatial_scale)


RoIPool = torchvision.ops.RoIPool


def sigmoid_focal_loss(
    input: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    alpha: float = 0.25,
    weight: Tensor | None = None,
    reduction: str = 'mean',
) -> Tensor:
    """Focal loss of logits (n, C) and labels (n,), of which C is background."""
    return _focal_loss(input, target, gamma, alpha, weight, reduction)


def softmax_focal_loss(
    input: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    alpha: float = 0.25,
    weight: Tensor | None = None,
    reduction: str = 'mean',
) -> Tensor:
    """Focal loss of a softmax: logits (n, C) and labels (n,); ``'mean'`` is the sum over n."""
    log = F.log_softmax(input, 1).gather(1, target[:, None]).squeeze(1)
    loss = -alpha * (1 - log.exp()) ** gamma * log
    if weight is not None:
        loss = loss * weight[target]
    return loss if reduction == 'none' else loss.sum() / (max(len(input), 1) if reduction == 'mean' else 1)


class SigmoidFocalLoss(nn.Module):
    """See :func:`sigmoid_focal_loss`."""

    function = staticmethod(sigmoid_focal_loss)

    def __init__(self, gamma: float, alpha: float, weight: Tensor | None = None, reduction: str = 'mean') -> None:
        super().__init__()
        self.gamma, self.alpha, self.reduction = gamma, alpha, reduction
        self.weight: Tensor | None
        self.register_buffer('weight', weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Logits (n, C) and labels (n,) -> the loss."""
        return self.function(input, target, self.gamma, self.alpha, self.weight, self.reduction)


class SoftmaxFocalLoss(SigmoidFocalLoss):
    """See :func:`softmax_focal_loss`."""

    function = staticmethod(softmax_focal_loss)
