"""Upright boxes (n, 4) as left, top, right, bottom, and the base classes of box parts, as ``mmdet.core`` has them."""

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmrotate.core.bbox import RandomSampler, rbbox2result
from mmrotate.registry import TASK_UTILS

from .ops import batched_nms

_FLIPS = ('horizontal', 'vertical', 'diagonal')


class BaseBBoxCoder(metaclass=ABCMeta):
    """Between boxes and what a head predicts of them."""

    encode_size = 4

    @abstractmethod
    def encode(self, bboxes: Tensor, gt_bboxes: Tensor) -> Any:
        """Priors (n, d) and their boxes (n, e) -> targets."""

    @abstractmethod
    def decode(self, bboxes: Tensor, bboxes_pred: Tensor) -> Any:
        """Priors (n, d) and predictions -> boxes."""


@TASK_UTILS.register_module()
class PseudoBBoxCoder(BaseBBoxCoder):
    """Boxes are predicted as they are."""

    def encode(self, bboxes: Tensor, gt_bboxes: Tensor) -> Tensor:
        """The boxes."""
        return gt_bboxes

    def decode(self, bboxes: Tensor, pred_bboxes: Tensor) -> Tensor:
        """The predictions."""
        return pred_bboxes


class BaseAssigner(metaclass=ABCMeta):
    """Which object each prior is for."""

    @abstractmethod
    def assign(
        self, bboxes: Tensor, gt_bboxes: Tensor, gt_bboxes_ignore: Tensor | None = None, gt_labels: Tensor | None = None
    ) -> Any:
        """Priors (n, d), objects (m, e), those to ignore (k, e), classes (m,) -> an AssignResult."""


class BaseSampler(RandomSampler, metaclass=ABCMeta):
    """Which priors are trained on: a subclass picks positive and negative ones.

    The arguments are those of :class:`mmrotate.core.bbox.RandomSampler`; more are left to the subclass.
    """

    def __init__(
        self, num: int, pos_fraction: float, neg_pos_ub: float = -1, add_gt_as_proposals: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(num, pos_fraction, neg_pos_ub, add_gt_as_proposals, kwargs.pop('context', None))
        self.pos_sampler = self.neg_sampler = self

    @abstractmethod
    def _sample_pos(self, assign_result: Any, num_expected: int, **kwargs: Any) -> Tensor:
        """Indices of at most ``num_expected`` positive priors."""

    @abstractmethod
    def _sample_neg(self, assign_result: Any, num_expected: int, **kwargs: Any) -> Tensor:
        """Indices of at most ``num_expected`` negative priors."""

    def sample(self, assign_result: Any, bboxes: Tensor, gt_bboxes: Tensor, *args: Any, **kwargs: Any) -> Any:
        """See :class:`mmrotate.core.bbox.RandomSampler`."""
        self._assigned = assign_result
        return super().sample(assign_result, bboxes, gt_bboxes, *args, **kwargs)

    def _choose(self, positive: Tensor, negative: Tensor, candidates: Any) -> tuple[Tensor, Tensor, Any]:
        given = dict(bboxes=candidates.bboxes, feats=candidates.feats)
        pos = self.pos_sampler._sample_pos(self._assigned, int(self.num * self.pos_fraction), **given).unique()
        wanted = self.num - len(pos)
        if self.neg_pos_ub >= 0:
            wanted = min(wanted, int(self.neg_pos_ub * max(1, len(pos))))
        return pos, self.neg_sampler._sample_neg(self._assigned, wanted, **given).unique(), None


class BitmapMasks:
    """Masks of instances, which are carried along with an image; no part of this library reads them.

    Args:
        masks: 0 or 1, (n, height, width), or a list of (height, width).
        height, width: Of the image, in pixels.
    """

    def __init__(self, masks: Sequence[np.ndarray] | np.ndarray, height: int, width: int) -> None:
        self.masks = np.asarray(masks).reshape(-1, height, width)
        self.height, self.width = height, width

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, index: Any) -> 'BitmapMasks':
        return BitmapMasks(self.masks[index], self.height, self.width)

    def to_ndarray(self) -> np.ndarray:
        """The masks (n, height, width)."""
        return self.masks


def bbox2result(bboxes: Tensor | np.ndarray, labels: Tensor | np.ndarray, num_classes: int) -> list[np.ndarray]:
    """Boxes with scores (n, 5), or rotated (n, 6), and labels (n,) as a list over classes of float32 (k, 5 or 6)."""
    boxes, classes = torch.as_tensor(bboxes), torch.as_tensor(labels)
    if boxes.size(-1) == 6:
        return rbbox2result(boxes, classes, num_classes)
    dets = boxes.detach().float().cpu().numpy().reshape(-1, 5)
    owners = classes.detach().cpu().numpy()
    return [dets[owners == i] for i in range(num_classes)]


def roi2bbox(rois: Tensor) -> list[Tensor]:
    """RoIs (n, 1 + d) as the boxes (k, d) of each image that has some."""
    return [rois[rois[:, 0] == i, 1:] for i in rois[:, 0].unique()]


def bbox_flip(bboxes: Tensor, img_shape: Sequence[int], direction: str = 'horizontal') -> Tensor:
    """Boxes (..., 4 * k) of the mirrored image of this height and width."""
    if bboxes.size(-1) % 4 or direction not in _FLIPS:
        shape = tuple(bboxes.shape)
        raise AssertionError(f'boxes (..., 4 * k) and one of {_FLIPS} are needed, got {shape}, {direction!r}')
    left, top, right, bottom = bboxes.unflatten(-1, (-1, 4)).unbind(-1)
    if direction != 'vertical':
        left, right = img_shape[1] - right, img_shape[1] - left
    if direction != 'horizontal':
        top, bottom = img_shape[0] - bottom, img_shape[0] - top
    return torch.stack([left, top, right, bottom], -1).flatten(-2)


def bbox_mapping(
    bboxes: Tensor,
    img_shape: Sequence[int],
    scale_factor: Sequence[float],
    flip: bool,
    flip_direction: str = 'horizontal',
) -> Tensor:
    """Boxes (n, 4) of the original image in the pixels of the augmented one."""
    scaled = bboxes * bboxes.new_tensor(scale_factor)
    return bbox_flip(scaled, img_shape, flip_direction) if flip else scaled


def bbox_mapping_back(
    bboxes: Tensor,
    img_shape: Sequence[int],
    scale_factor: Sequence[float],
    flip: bool,
    flip_direction: str = 'horizontal',
) -> Tensor:
    """Boxes (n, 4) of the augmented image in the pixels of the original one."""
    upright = bbox_flip(bboxes, img_shape, flip_direction) if flip else bboxes
    return (upright.view(-1, 4) / upright.new_tensor(scale_factor)).view(bboxes.shape)


def bbox_rescale(bboxes: Tensor, scale_factor: float = 1.0) -> Tensor:
    """Boxes (n, 4), or RoIs (n, 5), whose sides are ``scale_factor`` times as long, around the same centres."""
    first, boxes = bboxes[:, :-4], bboxes[:, -4:]
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * scale_factor
    return torch.cat([first, middle - half, middle + half], 1)


def bbox_xyxy_to_cxcywh(bbox: Tensor) -> Tensor:
    """Corners (..., 4) as centre and sides."""
    low, high = bbox.chunk(2, -1)
    return torch.cat([(low + high) / 2, high - low], -1)


def bbox_cxcywh_to_xyxy(bbox: Tensor) -> Tensor:
    """Centre and sides (..., 4) as corners."""
    middle, size = bbox.chunk(2, -1)
    return torch.cat([middle - size / 2, middle + size / 2], -1)


def distance2bbox(points: Tensor, distance: Tensor, max_shape: Any = None) -> Tensor:
    """Boxes (..., 4) from points (..., 2) and distances to left, top, right and bottom.

    ``max_shape`` is the height and width of the image that they are clipped to; or one for each of a batch (B, 2).
    """
    boxes = torch.cat([points - distance[..., :2], points + distance[..., 2:4]], -1)
    if max_shape is None:
        return boxes
    size = torch.as_tensor(max_shape, dtype=boxes.dtype, device=boxes.device)[..., :2].flip(-1)
    size = torch.cat([size, size], -1)
    return boxes.clamp(min=0).minimum(size[:, None] if size.dim() > 1 else size)


def bbox2distance(points: Tensor, bbox: Tensor, max_dis: float | None = None, eps: float = 0.1) -> Tensor:
    """Distances (n, 4) of points (n, 2) to left, top, right and bottom, cut to 0..``max_dis - eps``."""
    distance = torch.cat([points - bbox[:, :2], bbox[:, 2:4] - points], 1)
    return distance if max_dis is None else distance.clamp(0, max_dis - eps)


def find_inside_bboxes(bboxes: Tensor, img_h: int, img_w: int) -> Tensor:
    """Mask (n,) of boxes (n, 4) that reach into the image."""
    return (bboxes[:, 0] < img_w) & (bboxes[:, 2] > 0) & (bboxes[:, 1] < img_h) & (bboxes[:, 3] > 0)


def multiclass_nms(
    multi_bboxes: Tensor,
    multi_scores: Tensor,
    score_thr: float,
    nms_cfg: dict,
    max_num: int = -1,
    score_factors: Tensor | None = None,
    return_inds: bool = False,
) -> tuple[Tensor, ...]:
    """Detections of an image of upright boxes; for rotated ones see ``multiclass_nms_rotated``.

    Args:
        multi_bboxes: (n, 4), or (n, C * 4) for boxes of each class.
        multi_scores: (n, C + 1), the last column background.
        score_thr: Scores must be above it.
        nms_cfg: See :func:`mmrotate.compat.standins.ops.batched_nms`.
        max_num: At most this many; -1 for all.
        score_factors: Factors (n,) of the scores, after the threshold.
        return_inds: Give the flat indices into (n, C) too.

    Returns:
        Boxes with scores (k, 5), best first, labels (k,) and, if asked for, indices (k,).
    """
    scores = multi_scores[:, :-1]
    index = (scores > score_thr).flatten().nonzero().squeeze(1)
    rows, labels = index // max(scores.size(1), 1), index % max(scores.size(1), 1)
    boxes = multi_bboxes.unflatten(1, (-1, 4))
    boxes = boxes[rows, labels if boxes.size(1) > 1 else 0]
    kept_scores = scores.flatten()[index]
    if score_factors is not None:
        kept_scores = kept_scores * score_factors[rows]
    dets, keep = batched_nms(boxes, kept_scores, labels, nms_cfg)
    if max_num > 0:
        dets, keep = dets[:max_num], keep[:max_num]
    return (dets, labels[keep], index[keep]) if return_inds else (dets, labels[keep])
