"""Dense head on anchors: the one place of anchor targets, their losses and decoding."""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.core import (
    bbox_mapping_back,
    build_prior_generator,
    multiclass_nms_rotated,
    obb2hbb,
    rotated_anchor_inside_flags,
)
from mmrotate.core.bbox import SamplingResult, build_assigner, build_bbox_coder, build_sampler
from mmrotate.core.bbox.batches import batch_steps, joined, together
from mmrotate.models.builder import build_loss
from mmrotate.models.losses import over_processes, regression_loss, takes_boxes
from mmrotate.models.settings import with_keys
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import BaseDenseHead, Detections, Levels, check_unmapped, keep_best, rows_of, sizes_of, stacked


@MODELS.register_module()
class RotatedAnchorHead(BaseDenseHead):
    """Classifies anchors and regresses rotated boxes from them.

    Args:
        anchor_generator: Config of the anchors.
        bbox_coder: Between anchors and boxes.
        reg_decoded_bbox: Regression loss on decoded boxes.
        assign_by_circumhbbox: Angle version; anchors are then assigned to the circumscribed horizontal
            boxes of the objects. None assigns them to the rotated boxes.
        loss_bbox: One that wants decoded boxes says so itself.
        train_cfg: See :class:`BaseDenseHead`, as for the others; may have ``allowed_border`` and ``pos_weight``.

    Raises:
        ArgumentError: coder, priors, overlaps and loss are not of one kind. What a part does not say of itself
            is not checked, so parts of a user's own pass.
    """

    # numbers that an anchor regresses
    bbox_dim = 5
    # names of what loss_single gives
    loss_names: tuple[str, ...] = ('loss_cls', 'loss_bbox')
    default_anchors = dict(
        type='RotatedAnchorGenerator',
        octave_base_scale=4,
        scales_per_octave=3,
        ratios=[1.0, 0.5, 2.0],
        strides=[8, 16, 32, 64, 128],
    )

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
        settings: dict[str, Any] = dict(loss_cls=loss_cls, train_cfg=train_cfg, test_cfg=test_cfg, init_cfg=init_cfg)
        super().__init__(num_classes, in_channels, feat_channels, **settings)
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
            raise ArgumentError(
                f'{type(self).__name__} regresses {self.bbox_dim} numbers for an anchor, but its '
                f'bbox_coder {type(coder).__name__} takes {size}: choose another bbox_coder'
            )
        priors = getattr(generator, 'prior_dim', None)
        overlaps = getattr(getattr(self, 'assigner', None), 'iou_calculator', None)
        for part, fix in ((coder, 'bbox_coder'), (overlaps, "the assigner's iou_calculator")):
            wanted = getattr(part, 'prior_dim', None)
            if None not in (priors, wanted) and priors != wanted:
                raise ArgumentError(
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
    def get_anchors(
        self, featmap_sizes: Sequence[tuple[int, int]], img_metas: list[dict], device: torch.device | str | None = None
    ) -> tuple[list[Levels], list[Levels]]:
        """Anchors (n, d) and masks (n,) of those on the image, of each image a list over levels.

        They lie on ``device``, by default that of the head.
        """
        valid = self._valid_flags(featmap_sizes, img_metas, device)
        anchors = self.anchor_generator.grid_priors(featmap_sizes, device=valid[0][0].device)
        return [anchors for _ in img_metas], valid

    def _boxes_to_assign(self, gt_bboxes: Tensor) -> Tensor:
        """Ground truth in the form that anchors are compared with."""
        version = self.assign_by_circumhbbox
        return gt_bboxes if version is None else obb2hbb(gt_bboxes, version)

    def _boxes_to_regress(self, gt_bboxes: Tensor) -> Tensor:
        """Ground truth in the form that the coder takes."""
        return gt_bboxes

    @property
    def _border(self) -> int:
        """How far anchors that take part in training may reach beyond the image."""
        border: int = with_keys(self.train_cfg, 'train_cfg', ('allowed_border',), self).allowed_border
        return border

    def _inside(self, anchors: Tensor, valid: Tensor, img_shape: Sequence[Tensor]) -> Tensor:
        """Mask (N, n) of the anchors that take part in training."""
        return rotated_anchor_inside_flags(anchors, valid, img_shape, self._border)

    def _samples(
        self, counts: list[int], anchors: Tensor, inside: Tensor, *truth: list | None, alone: bool
    ) -> list[tuple[Tensor, Tensor, SamplingResult]]:
        """Of each image indices of positive and negative anchors among all, and the sample.

        It is a sample of the anchors ``inside`` where images are to be worked on ``alone``, or a part does no other.
        """
        boxes, ignore, labels = truth
        assert boxes is not None
        none = [None] * len(boxes)
        compared = together(self._boxes_to_assign, boxes)
        ignored = none if ignore is None else together(self._boxes_to_assign, ignore)
        labels = None if self.sampling else labels
        steps = None if alone else batch_steps(self.assigner, self.sampler)
        if steps is None:
            images = zip(anchors, inside, compared, ignored, labels or none, strict=True)
            return [self._sample(counts, *image) for image in images]
        assign, sample = steps
        levels = (counts,) if getattr(self.assigner, 'by_level', False) else ()
        assigned = assign(list(anchors), *levels, compared, ignored, labels, inside.flatten())
        return [(found.pos_inds, found.neg_inds, found) for found in sample(assigned, list(anchors), compared)]

    def _sample(
        self, counts: list[int], anchors: Tensor, inside: Tensor, boxes: Tensor, *rest: Tensor | None
    ) -> tuple[Tensor, Tensor, SamplingResult]:
        """The same of one image."""
        candidates, index = anchors[inside], inside.nonzero().squeeze(1)
        by_level = getattr(self.assigner, 'by_level', False)
        levels = ([int(part.sum()) for part in inside.split(counts)],) if by_level else ()
        assigned = self.assigner.assign(candidates, *levels, boxes, *rest)
        sampled = self.sampler.sample(assigned, candidates, boxes)
        return index[sampled.pos_inds], index[sampled.neg_inds], sampled

    def get_targets(
        self,
        anchor_list: list[Levels],
        valid_flag_list: list[Levels],
        gt_bboxes_list: list[Tensor],
        img_metas: list[dict],
        gt_bboxes_ignore_list: list[Tensor] | None = None,
        gt_labels_list: list[Tensor] | None = None,
        label_channels: int = 1,
        unmap_outputs: bool = True,
        return_sampling_results: bool = False,
    ) -> tuple[Any, ...]:
        """What the anchors of a batch shall say.

        Args:
            anchor_list: Per image the anchors (n, d) of each level.
            valid_flag_list: Likewise masks (n,) of those that count.
            gt_bboxes_list: Per image (k, 5).
            img_metas: Per image its facts.
            gt_bboxes_ignore_list: Per image boxes (m, 5) that count neither way.
            gt_labels_list: Per image (k,); None if there is one class.
            label_channels: Says nothing: a label is a number.
            unmap_outputs: Only True: targets are of all anchors.
            return_sampling_results: Give the samples of the images last.

        Returns:
            Labels (N, n), ``num_classes`` for background; label weights (N, n); boxes or deltas (N, n, d);
            their weights (N, n, d), 0 but for positives: a list over levels each. Then the positive and
            the negative anchors, at least 1 of each image.
        """
        check_unmapped(unmap_outputs)
        counts = [len(level) for level in anchor_list[0]]
        anchors, valid = map(stacked, (anchor_list, valid_flag_list))
        shapes = torch.tensor([meta['img_shape'][:2] for meta in img_metas], device=anchors.device)
        inside = self._inside(anchors, valid, shapes.T[..., None].unbind())
        truth = (gt_bboxes_list, gt_bboxes_ignore_list, gt_labels_list)
        sampled = self._samples(counts, anchors, inside, *truth, alone=return_sampling_results)
        positive, negative, samples = zip(*sampled, strict=True)
        sizes = [anchors.size(1)] * len(anchors)
        pos, neg = joined(positive, sizes), joined(negative, sizes)
        objects = joined([sample.pos_assigned_gt_inds for sample in samples], list(map(len, gt_bboxes_list)))
        shape, anchors = anchors.shape[:2], anchors.flatten(0, 1)
        labels = anchors.new_full((len(anchors),), self.num_classes, dtype=torch.long)
        labels[pos] = 0 if gt_labels_list is None else torch.cat(gt_labels_list)[objects]
        label_weights = anchors.new_zeros(len(anchors))
        weight = self.train_cfg.get('pos_weight', -1)
        label_weights[pos], label_weights[neg] = weight if weight > 0 else 1.0, 1.0
        encoded = self._encode(anchors[pos], self._boxes_to_regress(torch.cat(gt_bboxes_list)[objects]))
        bbox_targets = anchors.new_zeros(len(anchors), encoded.size(1))
        bbox_weights = anchors.new_zeros(len(anchors), self.bbox_dim)
        bbox_targets[pos], bbox_weights[pos] = encoded.to(bbox_targets), 1.0
        fields = (field.unflatten(0, shape) for field in (labels, label_weights, bbox_targets, bbox_weights))
        found = (sum(max(len(inds), 1) for inds in each) for each in (positive, negative))
        rest = [list(samples)] if return_sampling_results else []
        return *(list(field.split(counts, 1)) for field in fields), *found, *rest

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
    ) -> dict[str, Levels]:
        """Classification and regression losses, a list over levels each."""
        return self._loss((cls_scores, bbox_preds), gt_bboxes, gt_labels, img_metas, gt_bboxes_ignore)

    def _loss(
        self,
        outs: Sequence[Levels],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor] | None,
        img_metas: list[dict],
        gt_bboxes_ignore: list[Tensor] | None,
    ) -> dict[str, Levels]:
        anchor_list, valid = self.get_anchors(sizes_of(outs[0]), img_metas, device=outs[0][0].device)
        truth: dict[str, Any] = dict(gt_bboxes_ignore_list=gt_bboxes_ignore, gt_labels_list=gt_labels)
        *targets, num_pos, num_neg = self.get_targets(anchor_list, valid, gt_bboxes, img_metas, **truth)
        anchors = [torch.stack(level) for level in zip(*anchor_list, strict=True)]
        # the focal loss weighs all anchors, but is divided by the positive ones
        total = over_processes(num_pos + num_neg if self.sampling else num_pos, outs[0][0])
        levels = zip(*outs, anchors, *targets, strict=True)
        single = partial(self.loss_single, num_total_samples=total)
        losses = itertools.starmap(single, levels)
        return dict(zip(self.loss_names, map(list, zip(*losses, strict=True)), strict=True))

    def loss_single(
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        anchors: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        bbox_targets: Tensor,
        bbox_weights: Tensor,
        num_total_samples: float | Tensor,
    ) -> tuple[Tensor, ...]:
        """Losses of classes and boxes of one level.

        Args:
            cls_score: Map (N, A * C, H, W).
            bbox_pred: Map (N, A * d, H, W).
            anchors: (N, n, d) with n = H * W * A, as for the targets, see :meth:`get_targets`.
            labels: (N, n).
            label_weights: (N, n).
            bbox_targets: (N, n, d).
            bbox_weights: (N, n, d); an anchor regresses if one is not 0.
            num_total_samples: What the losses are divided by.
        """
        scores = rows_of(cls_score, self.cls_out_channels).flatten(0, 1)
        loss_cls = self.loss_cls(scores, labels.flatten(), label_weights.flatten(), avg_factor=num_total_samples)
        some = bbox_weights.any(-1).nonzero(as_tuple=True)
        deltas = rows_of(bbox_pred, self.bbox_dim)[some]
        decode = partial(self.bbox_coder.decode, anchors[some])
        rows = (deltas, bbox_targets[some], bbox_weights[some], num_total_samples)
        return loss_cls, regression_loss(self.loss_bbox, *rows, decode, self.reg_decoded_bbox)

    # ------------------------------------------------------------------------------ testing
    def get_bboxes(
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        img_metas: list[dict],
        cfg: dict | None = None,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> list[Detections]:
        """See the base; without ``with_nms`` boxes (n, 5) and scores (n, C + 1) before NMS."""
        priors = [self._grid(cls_scores)] * len(img_metas)
        return self._bboxes((cls_scores, bbox_preds), priors, img_metas, cfg, rescale, with_nms)

    def _get_bboxes_single(
        self,
        cls_score_list: Levels,
        bbox_pred_list: Levels,
        mlvl_anchors: Levels,
        img_shape: Sequence[int],
        scale_factor: Any,
        cfg: Any,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> Any:
        """Result of one image, of maps (A * C, H, W) and anchors (n, d) by level."""
        levels = self._candidates(cls_score_list, bbox_pred_list, mlvl_anchors, cfg)
        scores, deltas, anchors = map(torch.cat, zip(*levels, strict=True))
        boxes = self._decode(anchors, deltas, img_shape)
        return self._detections(boxes, scores, scale_factor, cfg, rescale, with_nms)

    def _candidates(
        self, cls_scores: Levels, bbox_preds: Levels, anchors: Levels, cfg: Any
    ) -> list[tuple[Tensor, ...]]:
        """Scores (n, C), rows (n, e) of the regression, and anchors (n, d) of the best of each level.

        Of maps (C, H, W); of those of a batch (N, n, ...).
        """
        levels = []
        for cls_score, bbox_pred, priors in zip(cls_scores, bbox_preds, anchors, strict=True):
            logits = rows_of(cls_score, self.cls_out_channels)
            scores = logits.sigmoid() if self.use_sigmoid_cls else logits.softmax(-1)
            foreground = scores[..., : self.num_classes].amax(-1)
            rows = rows_of(bbox_pred, bbox_pred.size(-3) // self.num_anchors)
            priors = priors.expand(*rows.shape[:-2], *priors.shape)
            levels.append(keep_best(cfg.get('nms_pre', -1), foreground, scores, rows, priors))
        return levels

    def _decode(self, anchors: Tensor, deltas: Tensor, max_shape: Sequence[int] | None = None) -> Tensor:
        """Boxes of anchors (n, d) and the head's rows (n, e) for them."""
        return self.bbox_coder.decode(anchors, deltas, max_shape=max_shape)

    def aug_test(
        self, feats: Sequence[Sequence[Tensor]], img_metas: Sequence[list[dict]], rescale: bool = False
    ) -> list[Detections]:
        """Boxes of each image, found by one NMS among those of all its views.

        Args:
            feats: The pyramid of each view.
            img_metas: Of each view the facts of its images.
            rescale: Give the pixels of the original images, else those of the first view.
        """
        settings, results = self.test_settings(None), []
        views = []
        for x, metas in zip(feats, img_metas, strict=True):
            views.append(partial(self.get_bboxes, img_metas=metas, with_nms=False)(*self(x)))
        for found, metas in zip(zip(*views, strict=True), zip(*img_metas, strict=True), strict=True):
            aug_bboxes, aug_scores = map(list, zip(*found, strict=True))
            boxes, scores = self.merge_aug_bboxes(aug_bboxes, aug_scores, [[meta] for meta in metas])
            if not rescale:
                boxes[:, :4] *= boxes.new_tensor(metas[0]['scale_factor'])
            results.append(
                multiclass_nms_rotated(boxes, scores, settings.score_thr, settings.nms, settings.max_per_img)
            )
        return results

    def merge_aug_bboxes(
        self, aug_bboxes: list[Tensor], aug_scores: list[Tensor] | None, img_metas: Sequence[list[dict]]
    ) -> Any:
        """Boxes (n, 5) in the pixels of the original image, and scores (n, C + 1), of all views of an image.

        Args:
            aug_bboxes: Boxes (k, 5) of each view.
            aug_scores: Their scores (k, C + 1); None gives the boxes alone.
            img_metas: Of each view the facts of the one image.
        """
        boxes = []
        for found, (meta,) in zip(aug_bboxes, img_metas, strict=True):
            direction = meta.get('flip_direction', 'horizontal')
            facts = (meta['img_shape'], meta['scale_factor'], meta['flip'], direction)
            boxes.append(bbox_mapping_back(found, *facts))
        merged = torch.cat(boxes)
        return merged if aug_scores is None else (merged, torch.cat(aug_scores))
