"""Dense head on anchors: the one place of anchor targets, their losses and decoding."""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mmrotate.core import build_prior_generator, obb2hbb, rotated_anchor_inside_flags
from mmrotate.core.bbox import build_assigner, build_bbox_coder, build_sampler
from mmrotate.models.builder import build_loss
from mmrotate.models.losses import regression_loss, takes_boxes
from mmrotate.registry import MODELS

from .base import BaseDenseHead, Detections, Levels, flatten_levels, keep_best


class AnchorTargets(NamedTuple):
    """What the anchors of a batch shall say."""

    labels: Tensor  # (N, n) classes, ``num_classes`` for background
    label_weights: Tensor  # (N, n) 0 for anchors that count neither way
    pos_images: Tensor  # (p,) image of each positive anchor
    pos_anchors: Tensor  # (p,) its index in [0, n)
    bbox_targets: Tensor  # (p, d) encoded boxes, or boxes where the loss wants them decoded
    avg_factor: int  # anchors that the losses are divided by, at least 1 of each image


@MODELS.register_module()
class RotatedAnchorHead(BaseDenseHead):
    """Classifies anchors and regresses rotated boxes from them.

    Its priors are the anchors of ``anchor_generator``, or, in a head that refines, the boxes of the stage
    before: ``rois``, per level (N, n, 5), wherever that argument is.

    Args:
        anchor_generator: Config of the anchors.
        bbox_coder: Between anchors and boxes.
        reg_decoded_bbox: Regression loss on decoded boxes.
        assign_by_circumhbbox: Angle version; anchors are then assigned to the circumscribed horizontal
            boxes of the objects. None assigns them to the rotated boxes.
        loss_bbox: One that wants decoded boxes says so itself.
        **kwargs: See :class:`BaseDenseHead`; ``train_cfg`` may have ``allowed_border`` and ``pos_weight``.

    Raises:
        ValueError: coder, priors, overlaps and loss are not of one kind. What a part does not say of itself
            is not checked, so parts of a user's own pass.
    """

    # numbers that an anchor regresses
    bbox_dim = 5
    default_anchors = dict(
        type='RotatedAnchorGenerator',
        octave_base_scale=4,
        scales_per_octave=3,
        ratios=[0.5, 1.0, 2.0],
        strides=[8, 16, 32, 64, 128],
    )

    def __init__(
        self,
        *args: Any,
        anchor_generator: dict | None = None,
        bbox_coder: dict | None = None,
        reg_decoded_bbox: bool = False,
        assign_by_circumhbbox: str | None = 'oc',
        loss_bbox: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.assign_by_circumhbbox = assign_by_circumhbbox
        self.loss_bbox = build_loss(loss_bbox or dict(type='L1Loss'))
        self.reg_decoded_bbox = takes_boxes(self.loss_bbox, reg_decoded_bbox, self.bbox_dim)
        self.bbox_coder = build_bbox_coder(bbox_coder or dict(type='DeltaXYWHAOBBoxCoder'))
        self.anchor_generator = self.prior_generator = build_prior_generator(anchor_generator or self.default_anchors)
        self.num_anchors = self.anchor_generator.num_base_priors[0]
        # a loss that weighs all anchors itself, like the focal, takes no sample of them
        self.sampling = type(self.loss_cls).__name__ not in ('FocalLoss', 'SmoothFocalLoss')
        if self.train_cfg is not None:
            self.assigner = build_assigner(self.train_cfg.assigner)
            sampler = self.train_cfg.get('sampler') if self.sampling else None
            self.sampler = build_sampler(sampler or dict(type='PseudoSampler'))
        self._check_parts()
        self._init_layers()

    def _check_parts(self) -> None:
        coder, generator = self.bbox_coder, self.anchor_generator
        size = getattr(coder, 'encode_size', self.bbox_dim)
        if size != self.bbox_dim:
            raise ValueError(
                f'{type(self).__name__} regresses {self.bbox_dim} numbers for an anchor, but its '
                f'bbox_coder {type(coder).__name__} takes {size}: choose another bbox_coder'
            )
        priors = getattr(generator, 'prior_dim', None)
        overlaps = getattr(getattr(self, 'assigner', None), 'iou_calculator', None)
        for part, fix in ((coder, 'bbox_coder'), (overlaps, "the assigner's iou_calculator")):
            wanted = getattr(part, 'prior_dim', None)
            if None not in (priors, wanted) and priors != wanted:
                raise ValueError(
                    f'{type(generator).__name__} makes boxes of {priors} numbers (4: horizontal, 5: rotated), '
                    f'but {fix}, {type(part).__name__}, takes {wanted}: change one of them'
                )

    def _init_layers(self) -> None:
        self.conv_cls = nn.Conv2d(self.in_channels, self.num_anchors * self.cls_out_channels, 1)
        self.conv_reg = nn.Conv2d(self.in_channels, self.num_anchors * self.bbox_dim, 1)

    def forward_single(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map of one level -> scores (N, A * C, H, W) and deltas (N, A * d, H, W)."""
        return self.conv_cls(x), self.conv_reg(x)

    # ------------------------------------------------------------------ anchors and targets
    def _priors(self, maps: Levels, rois: Levels | None) -> Levels:
        """Priors per level, (n, d) for all images or (N, n, d) for each."""
        return rois or self._grid(maps)

    def _rows(self, bbox_preds: Levels) -> Levels:
        """Maps (N, A * e, H, W) per level -> a row (N, H * W * A, e) for each anchor."""
        return flatten_levels(bbox_preds, bbox_preds[0].size(1) // self.num_anchors)

    def _boxes_to_assign(self, gt_bboxes: Tensor) -> Tensor:
        """Ground truth in the form that anchors are compared with."""
        version = self.assign_by_circumhbbox
        return gt_bboxes if version is None else obb2hbb(gt_bboxes, version)

    def _boxes_to_regress(self, gt_bboxes: Tensor) -> Tensor:
        """Ground truth in the form that the coder takes."""
        return gt_bboxes

    def _inside(self, anchors: Tensor, valid: Tensor, meta: dict) -> Tensor:
        """Mask of the anchors that take part in training."""
        return rotated_anchor_inside_flags(anchors, valid, meta['img_shape'][:2], self.train_cfg.allowed_border)

    def _sample(
        self, counts: list[int], anchors: Tensor, valid: Tensor, boxes: Tensor, meta: dict, *rest: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Indices of an image's positive and negative anchors, and of the positives' objects."""
        ignore, labels = rest
        boxes = self._boxes_to_assign(boxes)
        ignore = None if ignore is None else self._boxes_to_assign(ignore)
        inside = self._inside(anchors, valid, meta)
        candidates, index = anchors[inside], inside.nonzero().squeeze(1)
        by_level = getattr(self.assigner, 'by_level', False)
        levels = ([int(part.sum()) for part in inside.split(counts)],) if by_level else ()
        assigned = self.assigner.assign(candidates, *levels, boxes, ignore, None if self.sampling else labels)
        sampled = self.sampler.sample(assigned, candidates, boxes)
        return index[sampled.pos_inds], index[sampled.neg_inds], sampled.pos_assigned_gt_inds

    def get_targets(
        self,
        anchors: Tensor,
        valid: Tensor,
        gt_bboxes: list[Tensor],
        img_metas: list[dict],
        counts: list[int],
        gt_bboxes_ignore: list[Tensor] | None = None,
        gt_labels: list[Tensor] | None = None,
    ) -> AnchorTargets:
        """Targets of a batch, from all anchors (N, n, d), masks (N, n) of valid ones and the ``counts`` of levels."""
        none = [None] * len(img_metas)
        # images have their own numbers of objects
        images = zip(anchors, valid, gt_bboxes, img_metas, gt_bboxes_ignore or none, gt_labels or none, strict=True)
        sampled = [self._sample(counts, *image) for image in images]
        positive, negative, owners = zip(*sampled, strict=True)
        (pos_images, pos), (neg_images, neg) = _numbered(positive), _numbered(negative)
        starts = itertools.accumulate(map(len, gt_bboxes), initial=0)
        owner = torch.cat([found + start for found, start in zip(owners, starts, strict=False)])
        labels = anchors.new_full(anchors.shape[:2], self.num_classes, dtype=torch.long)
        labels[pos_images, pos] = 0 if gt_labels is None else torch.cat(gt_labels)[owner]
        label_weights = anchors.new_zeros(anchors.shape[:2])
        weight = self.train_cfg.get('pos_weight', -1)
        label_weights[pos_images, pos] = weight if weight > 0 else 1.0
        label_weights[neg_images, neg] = 1.0
        targets = self._encode(anchors[pos_images, pos], self._boxes_to_regress(torch.cat(gt_bboxes)[owner]))
        counted = (*positive, *negative) if self.sampling else positive
        avg_factor = sum(max(len(found), 1) for found in counted)
        return AnchorTargets(labels, label_weights, pos_images, pos, targets, avg_factor)

    def _encode(self, anchors: Tensor, gt_bboxes: Tensor) -> Tensor:
        """Targets (p, d) of positive anchors and their objects."""
        return gt_bboxes if self.reg_decoded_bbox else self.bbox_coder.encode(anchors, gt_bboxes)

    # ------------------------------------------------------------------------------- losses
    def loss(
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor] | None,
        img_metas: list[dict],
        gt_bboxes_ignore: list[Tensor] | None = None,
        rois: Levels | None = None,
    ) -> dict[str, Levels]:
        """Classification and regression losses, a list over levels each."""
        anchors = self._priors(cls_scores, rois)
        counts = [a.size(-2) for a in anchors]
        flat = torch.cat(anchors, -2).expand(len(img_metas), -1, -1)
        valid = self._valid(cls_scores, img_metas)
        targets = self.get_targets(flat, valid, gt_bboxes, img_metas, counts, gt_bboxes_ignore, gt_labels)
        scores, starts = flatten_levels(cls_scores, self.cls_out_channels), itertools.accumulate(counts, initial=0)
        levels = zip(scores, self._rows(bbox_preds), flat.split(counts, 1), starts, strict=False)
        losses = [self._loss_level(*level, targets) for level in levels]
        return {name: [level[name] for level in losses] for name in losses[0]}

    def _loss_level(
        self, score: Tensor, row: Tensor, anchors: Tensor, start: int, targets: AnchorTargets
    ) -> dict[str, Tensor]:
        """Losses of the level whose anchors begin at ``start``."""
        stop = start + anchors.size(1)
        labels, weights = (t[:, start:stop].flatten() for t in targets[:2])
        loss_cls = self.loss_cls(score.flatten(0, 1), labels, weights, avg_factor=targets.avg_factor)
        here = (targets.pos_anchors >= start) & (targets.pos_anchors < stop)
        index = targets.pos_images[here], targets.pos_anchors[here] - start
        losses = self._loss_positive(row[index], targets.bbox_targets[here], anchors[index], targets.avg_factor)
        return dict(loss_cls=loss_cls, **losses)

    def _loss_positive(self, row: Tensor, target: Tensor, anchors: Tensor, avg_factor: int) -> dict[str, Tensor]:
        """Losses of rows (p, e) of positive anchors (p, d); the others regress nothing."""
        rows = (row, target, torch.ones_like(row), avg_factor)
        decode = partial(self.bbox_coder.decode, anchors)
        return dict(loss_bbox=regression_loss(self.loss_bbox, *rows, decode, self.reg_decoded_bbox))

    # ------------------------------------------------------------------------------ testing
    def _decode(self, anchors: Tensor, deltas: Tensor, max_shape: Sequence[int] | None = None) -> Tensor:
        """Boxes of anchors (n, d) and the head's rows (n, e) for them."""
        return self.bbox_coder.decode(anchors, deltas, max_shape=max_shape)

    def _candidates(
        self, cls_scores: Levels, bbox_preds: Levels, cfg: Any, rois: Levels | None = None
    ) -> list[tuple[Tensor, ...]]:
        """Scores (N, n, C), deltas (N, n, d) and anchors (N, n, d) of each image's best, over levels each."""
        logits = flatten_levels(cls_scores, self.cls_out_channels)
        levels = []
        for logit, *level in zip(logits, self._rows(bbox_preds), self._priors(cls_scores, rois), strict=True):
            score = logit.sigmoid() if self.use_sigmoid_cls else logit.softmax(-1)
            foreground = score[..., : self.num_classes].amax(-1)
            levels.append(keep_best(cfg.get('nms_pre', -1), foreground, score, *level))
        return list(zip(*levels, strict=True))

    def get_bboxes(
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        img_metas: list[dict],
        cfg: dict | None = None,
        rescale: bool = False,
        rois: Levels | None = None,
    ) -> list[Detections]:
        """See the base."""
        settings = self.test_settings(cfg)
        kept = self._candidates(cls_scores, bbox_preds, settings, rois)
        scores, deltas, anchors = (torch.cat(field, 1) for field in kept)
        shapes = [meta['img_shape'] for meta in img_metas]
        return self._detections(map(self._decode, anchors, deltas, shapes), scores, img_metas, settings, rescale)

    @torch.no_grad()
    def filter_bboxes(self, cls_scores: Levels, bbox_preds: Levels, rois: Levels | None = None) -> Levels:
        """The box of each position's best prior, (N, H * W, 5) per level: the next stage's rois."""
        logits = flatten_levels(cls_scores, self.cls_out_channels)
        deltas = flatten_levels(bbox_preds, self.bbox_dim)
        boxes = []
        for logit, *level in zip(logits, deltas, self._priors(cls_scores, rois), strict=True):
            best = logit[..., : self.num_classes].amax(-1).unflatten(1, (-1, self.num_anchors))
            index = best.argmax(-1)[..., None, None].expand(-1, -1, -1, self.bbox_dim)
            delta, prior = (
                t.expand(len(logit), -1, -1).unflatten(1, (-1, self.num_anchors)).gather(2, index).flatten(0, 2)
                for t in level
            )
            boxes.append(self.bbox_coder.decode(prior, delta).unflatten(0, (len(logit), -1)))
        return boxes


def _numbered(groups: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Number of its group, and value, for each value of several groups (n,) in a row."""
    values = torch.cat(list(groups))
    counts = torch.tensor([len(group) for group in groups], device=values.device)
    return torch.arange(len(groups), device=values.device).repeat_interleave(counts), values
