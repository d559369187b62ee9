"""Dense head on anchors: the one place of anchor targets, their losses and decoding."""

import itertools
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from mmrotate.core import build_prior_generator, multiclass_nms_rotated, obb2hbb, rotated_anchor_inside_flags
from mmrotate.core.bbox import build_assigner, build_bbox_coder, build_sampler
from mmrotate.models.builder import build_loss
from mmrotate.models.losses import regression_loss, takes_boxes
from mmrotate.registry import MODELS

from .base import BaseDenseHead, Detections, best_scores, flatten_levels, map_sizes
from .checks import check_parts
from .targets import AnchorTargets, numbered


@MODELS.register_module()
class RotatedAnchorHead(BaseDenseHead):
    """Classifies anchors and regresses rotated boxes from them.

    Its priors are the anchors of ``anchor_generator``, or, in a head that refines, the boxes of
    the stage before: ``rois``, per level (N, n, 5), wherever that argument is.

    Args:
        num_classes: Classes without background.
        in_channels: Channels of the pyramid.
        feat_channels: Channels of the head's own maps.
        anchor_generator: Config of the anchors.
        bbox_coder: Config of the coder between anchors and boxes.
        reg_decoded_bbox: Regression loss on decoded boxes.
        assign_by_circumhbbox: Angle version; anchors are then assigned to the circumscribed
            horizontal boxes of the objects. None assigns them to the rotated boxes.
        loss_cls: Config of the classification loss.
        loss_bbox: Config of the regression loss; one that wants decoded boxes says so itself.
        train_cfg: Assigner, sampler, ``allowed_border``, ``pos_weight``.
        test_cfg: ``nms_pre``, ``score_thr``, ``nms``, ``max_per_img``.
        init_cfg: Initialisation.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        feat_channels: int = 256,
        anchor_generator: dict | None = None,
        bbox_coder: dict | None = None,
        reg_decoded_bbox: bool = False,
        assign_by_circumhbbox: str | None = 'oc',
        loss_cls: dict | None = None,
        loss_bbox: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(train_cfg, test_cfg, init_cfg or dict(type='Normal', layer='Conv2d', std=0.01))
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.feat_channels = feat_channels
        self.assign_by_circumhbbox = assign_by_circumhbbox
        loss_cls = loss_cls or dict(type='FocalLoss', use_sigmoid=True)
        self.loss_cls = build_loss(loss_cls)
        self.loss_bbox = build_loss(loss_bbox or dict(type='L1Loss'))
        self.reg_decoded_bbox = takes_boxes(self.loss_bbox, reg_decoded_bbox, self.bbox_dim)
        self.use_sigmoid_cls = getattr(self.loss_cls, 'use_sigmoid', False)
        self.cls_out_channels = num_classes + (0 if self.use_sigmoid_cls else 1)
        self.bbox_coder = build_bbox_coder(bbox_coder or dict(type='DeltaXYWHAOBBoxCoder'))
        self.anchor_generator = build_prior_generator(anchor_generator or self.default_anchors)
        self.num_anchors = self.anchor_generator.num_base_priors[0]
        # a loss that weighs all anchors itself, like the focal, takes no sample of them
        self.sampling = loss_cls['type'] not in ('FocalLoss', 'SmoothFocalLoss')
        assigner = None
        if self.train_cfg is not None:
            assigner = self.assigner = build_assigner(self.train_cfg.assigner)
            sampler = self.train_cfg.get('sampler') if self.sampling else None
            self.sampler = build_sampler(sampler or dict(type='PseudoSampler'))
        check_parts(self, assigner)
        self._init_layers()

    # numbers that an anchor regresses
    bbox_dim = 5

    default_anchors = dict(
        type='RotatedAnchorGenerator',
        octave_base_scale=4,
        scales_per_octave=3,
        ratios=[0.5, 1.0, 2.0],
        strides=[8, 16, 32, 64, 128],
    )

    def _init_layers(self) -> None:
        self.conv_cls = nn.Conv2d(self.in_channels, self.num_anchors * self.cls_out_channels, 1)
        self.conv_reg = nn.Conv2d(self.in_channels, self.num_anchors * self.bbox_dim, 1)

    def forward_single(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map of one level -> scores (N, A * C, H, W) and deltas (N, A * d, H, W)."""
        return self.conv_cls(x), self.conv_reg(x)

    def forward(self, feats: Sequence[Tensor]) -> tuple[list[Tensor], ...]:
        """Pyramid -> scores and deltas, a list over levels each."""
        return tuple(map(list, zip(*map(self.forward_single, feats), strict=True)))

    # ------------------------------------------------------------------ anchors and targets
    def _priors(self, maps: list[Tensor], rois: list[Tensor] | None) -> list[Tensor]:
        """Priors per level, (n, d) for all images or (N, n, d) for each."""
        sizes = map_sizes(maps)
        return rois or self.anchor_generator.grid_priors(sizes, device=maps[0].device)

    def _valid(self, maps: list[Tensor], img_metas: list[dict]) -> list[Tensor]:
        """Per image a mask (all priors,) of those whose position is on the image."""
        sizes, device = map_sizes(maps), maps[0].device
        flags = self.anchor_generator.valid_flags
        return [torch.cat(flags(sizes, meta['pad_shape'], device)) for meta in img_metas]

    def _rows(self, bbox_preds: list[Tensor]) -> list[Tensor]:
        """Maps (N, A * e, H, W) per level -> a row (N, H * W * A, e) for each anchor."""
        return flatten_levels(bbox_preds, bbox_preds[0].size(1) // self.num_anchors)

    def _boxes_to_assign(self, gt_bboxes: Tensor) -> Tensor:
        """Ground truth in the form that anchors are compared with."""
        if self.assign_by_circumhbbox is None:
            return gt_bboxes
        return obb2hbb(gt_bboxes, self.assign_by_circumhbbox)

    def _boxes_to_regress(self, gt_bboxes: Tensor) -> Tensor:
        """Ground truth in the form that the coder takes."""
        return gt_bboxes

    def _inside(self, anchors: Tensor, valid: Tensor, meta: dict) -> Tensor:
        """Mask of the anchors that take part in training."""
        return rotated_anchor_inside_flags(anchors, valid, meta['img_shape'][:2], self.train_cfg.allowed_border)

    def _sample(
        self,
        anchors: Tensor,
        valid: Tensor,
        gt_bboxes: Tensor,
        gt_ignore: Tensor | None,
        gt_labels: Tensor | None,
        meta: dict,
        counts: list[int],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Indices of an image's positive and negative anchors, and of the positives' objects."""
        boxes = self._boxes_to_assign(gt_bboxes)
        ignore = None if gt_ignore is None else self._boxes_to_assign(gt_ignore)
        inside = self._inside(anchors, valid, meta)
        candidates = anchors[inside]
        levels: tuple = ()
        if getattr(self.assigner, 'by_level', False):
            levels = ([int(part.sum()) for part in inside.split(counts)],)
        labels = None if self.sampling else gt_labels
        assigned = self.assigner.assign(candidates, *levels, boxes, ignore, labels)
        sampled = self.sampler.sample(assigned, candidates, boxes)
        index = inside.nonzero().squeeze(1)
        return index[sampled.pos_inds], index[sampled.neg_inds], sampled.pos_assigned_gt_inds

    def get_targets(
        self,
        anchors: Tensor,
        valid: list[Tensor],
        gt_bboxes: list[Tensor],
        img_metas: list[dict],
        counts: list[int],
        gt_bboxes_ignore: list[Tensor] | None = None,
        gt_labels: list[Tensor] | None = None,
    ) -> AnchorTargets:
        """Targets of a batch.

        Args:
            anchors: (N, all anchors, d).
            valid: Per image a mask (all anchors,).
            gt_bboxes: Per image (n, 5).
            img_metas: Facts of each image.
            counts: Anchors of each level.
            gt_bboxes_ignore: Per image (k, 5).
            gt_labels: Per image (n,).
        """
        none = [None] * len(img_metas)
        # images have their own numbers of objects
        sampled = [
            self._sample(anchors[i], valid[i], gt_bboxes[i], ignore, labels, meta, counts)
            for i, (ignore, labels, meta) in enumerate(
                zip(gt_bboxes_ignore or none, gt_labels or none, img_metas, strict=True)
            )
        ]
        (pos_images, pos), (neg_images, neg) = (numbered([found[kind] for found in sampled]) for kind in (0, 1))
        starts = list(itertools.accumulate(map(len, gt_bboxes), initial=0))
        owner = torch.cat([found[2] + starts[i] for i, found in enumerate(sampled)])
        labels = anchors.new_full(anchors.shape[:2], self.num_classes, dtype=torch.long)
        labels[pos_images, pos] = 0 if gt_labels is None else torch.cat(gt_labels)[owner]
        label_weights = anchors.new_zeros(anchors.shape[:2])
        weight = self.train_cfg.get('pos_weight', -1)
        label_weights[pos_images, pos] = weight if weight > 0 else 1.0
        label_weights[neg_images, neg] = 1.0
        targets = self._encode(anchors[pos_images, pos], self._boxes_to_regress(torch.cat(gt_bboxes)[owner]))
        kinds = (0, 1) if self.sampling else (0,)
        avg_factor = sum(max(len(found[kind]), 1) for found in sampled for kind in kinds)
        return AnchorTargets(labels, label_weights, pos_images, pos, targets, avg_factor)

    def _encode(self, anchors: Tensor, gt_bboxes: Tensor) -> Tensor:
        """Targets (p, d) of positive anchors and their objects."""
        if self.reg_decoded_bbox:
            return gt_bboxes
        return self.bbox_coder.encode(anchors, gt_bboxes)

    # ------------------------------------------------------------------------------- losses
    def loss(
        self,
        cls_scores: list[Tensor],
        bbox_preds: list[Tensor],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor] | None,
        img_metas: list[dict],
        gt_bboxes_ignore: list[Tensor] | None = None,
        rois: list[Tensor] | None = None,
    ) -> dict[str, list[Tensor]]:
        """Classification and regression losses, a list over levels each."""
        anchors = self._priors(cls_scores, rois)
        valid = self._valid(cls_scores, img_metas)
        counts = [a.size(-2) for a in anchors]
        flat = torch.cat(anchors, -2).expand(len(img_metas), -1, -1)
        truth = gt_bboxes, img_metas, counts, gt_bboxes_ignore, gt_labels
        targets = self.get_targets(flat, valid, *truth)
        levels = zip(
            flatten_levels(cls_scores, self.cls_out_channels),
            self._rows(bbox_preds),
            flat.split(counts, 1),
            itertools.accumulate(counts, initial=0),
            strict=False,
        )
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
        loss_bbox = regression_loss(
            self.loss_bbox,
            row,
            target,
            torch.ones_like(row),
            avg_factor,
            partial(self.bbox_coder.decode, anchors),
            self.reg_decoded_bbox,
        )
        return dict(loss_bbox=loss_bbox)

    # ------------------------------------------------------------------------------ testing
    def _decode(self, anchors: Tensor, deltas: Tensor, max_shape: Sequence[int] | None = None) -> Tensor:
        """Boxes of anchors (n, d) and the head's rows (n, e) for them."""
        return self.bbox_coder.decode(anchors, deltas, max_shape=max_shape)

    def _candidates(
        self, cls_scores: list[Tensor], bbox_preds: list[Tensor], pre: int, rois: list[Tensor] | None = None
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Per level, the at most ``pre`` best anchors of each image.

        Returns:
            Scores (N, n, C), deltas (N, n, d) and anchors (N, n, d), a list over levels each.
        """
        anchors = self._priors(cls_scores, rois)
        logits = flatten_levels(cls_scores, self.cls_out_channels)
        deltas = self._rows(bbox_preds)
        kept: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
        for logit, *rest in zip(logits, deltas, anchors, strict=True):
            score = logit.sigmoid() if self.use_sigmoid_cls else logit.softmax(-1)
            level = [score, rest[0], rest[1].expand(len(score), -1, -1)]
            if 0 < pre < score.size(1):
                foreground = score if self.use_sigmoid_cls else score[..., :-1]
                best = best_scores(foreground.amax(-1), pre)[..., None]
                level = [t.gather(1, best.expand(-1, -1, t.size(-1))) for t in level]
            for field, tensor in zip(kept, level, strict=True):
                field.append(tensor)
        return kept

    def get_bboxes(
        self,
        cls_scores: list[Tensor],
        bbox_preds: list[Tensor],
        img_metas: list[dict],
        cfg: dict | None = None,
        rescale: bool = False,
        rois: list[Tensor] | None = None,
    ) -> list[Detections]:
        """Boxes (n, 6) and labels (n,) of each image after NMS."""
        settings = self.test_settings(cfg)
        kept = self._candidates(cls_scores, bbox_preds, settings.get('nms_pre', -1), rois)
        scores, deltas, anchors = (torch.cat(field, 1) for field in kept)
        if self.use_sigmoid_cls:  # the last column is the background's
            scores = torch.cat([scores, scores.new_zeros(*scores.shape[:2], 1)], -1)
        results = []
        for i, meta in enumerate(img_metas):
            boxes = self._decode(anchors[i], deltas[i], meta['img_shape'])
            if rescale:
                boxes[:, :4] /= boxes.new_tensor(meta['scale_factor'])
            results.append(
                multiclass_nms_rotated(boxes, scores[i], settings.score_thr, settings.nms, settings.max_per_img)
            )
        return results

    @torch.no_grad()
    def filter_bboxes(
        self, cls_scores: list[Tensor], bbox_preds: list[Tensor], rois: list[Tensor] | None = None
    ) -> list[Tensor]:
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
