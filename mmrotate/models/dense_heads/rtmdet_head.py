"""RTMDet's heads: points whose labels are the overlaps of what they predict."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from mmrotate.core.anchor import build_prior_generator
from mmrotate.core.bbox import batch_method, build_assigner
from mmrotate.models.layers import Scale
from mmrotate.models.losses import loss_of_rows, mean_over_processes
from mmrotate.models.settings import with_keys
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .anchor_free_head import FAR, RotatedAnchorFreeHead
from .base import Detections, Levels, rows_of


@MODELS.register_module()
class RotatedRTMDetHead(RotatedAnchorFreeHead):
    """RTMDet's head (Lyu et al., 2022) with an angle: distances to the four sides of a turned box.

    Args:
        angle_version: Angle version of the boxes, that of ``bbox_coder``.
        use_hbbox_loss: Learn distances as those of an upright box, and the angle by ``loss_angle``.
        scale_angle: A learned factor on the angle.
        loss_angle: Loss of the angle by itself; None for none.
        strides: Pixels between positions of each level.
        anchor_generator: Config of the points, in place of the strides.
        with_objectness: Predict also whether there is any object.
        exp_on_reg: Distances are exponentials of what is predicted.
        pred_kernel_size: Kernel of the predictions.
        **kwargs: See :class:`RotatedAnchorFreeHead`.
    """

    cls_layers: tuple[str, ...] = ('rtm_cls',)
    # towers and predictions are one for all levels, else one for each
    separate = False

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        angle_version: str = 'le90',
        use_hbbox_loss: bool = False,
        scale_angle: bool = True,
        loss_angle: dict | None = None,
        *,
        strides: Sequence[int] = (8, 16, 32),
        anchor_generator: dict | None = None,
        stacked_convs: int = 2,
        with_objectness: bool = True,
        exp_on_reg: bool = True,
        pred_kernel_size: int = 1,
        loss_cls: dict | None = None,
        bbox_coder: dict | None = None,
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        self.is_scale_angle, self.with_objectness = scale_angle, with_objectness
        if with_objectness:
            self.cls_layers = (*self.cls_layers, 'rtm_obj')
        self.exp_on_reg, self.pred_kernel_size = exp_on_reg, pred_kernel_size
        parts: dict[str, Any] = dict(
            loss_cls=loss_cls or dict(type='QualityFocalLoss', use_sigmoid=True, beta=2.0),
            bbox_coder=bbox_coder or dict(type='DistanceAnglePointCoder', angle_version=angle_version),
            init_cfg=init_cfg,
        )
        points = anchor_generator or dict(type='MlvlPointGenerator', offset=0, strides=list(strides))
        parts |= dict(stacked_convs=stacked_convs, strides=points['strides'], loss_angle=loss_angle)
        parts |= dict(h_bbox_coder=dict(type='DistancePointBBoxCoder')) if use_hbbox_loss else {}
        super().__init__(num_classes, in_channels, **parts, **kwargs)
        self.prior_generator = build_prior_generator(points)
        self.assigner: Any = build_assigner(self.train_cfg.assigner) if 'assigner' in (self.train_cfg or {}) else None
        if angle_version != self.bbox_coder.angle_version:
            given = f'{angle_version!r} and {self.bbox_coder.angle_version!r}'
            raise ArgumentError(f'angle_version and that of bbox_coder must be the same, got {given}')

    def _each(self, make: Callable[[], nn.Module]) -> nn.Module:
        """A layer, or one for each level."""
        return nn.ModuleList(make() for _ in self.strides) if self.separate else make()

    def _at(self, layer: nn.Module, level: int) -> nn.Module:
        """The layer of a level."""
        return layer[level] if self.separate else layer  # type: ignore[index]

    def _prediction(self, channels: int) -> nn.Module:
        size = self.pred_kernel_size
        return self._each(lambda: nn.Conv2d(self.feat_channels, channels, size, padding=size // 2))

    def _init_layers(self) -> None:
        self.cls_convs, self.reg_convs = self._each(self._tower), self._each(self._tower)
        self.rtm_cls = self._prediction(self.cls_out_channels)
        self.rtm_reg, self.rtm_ang = self._prediction(4), self._prediction(self.angle_dim)
        if self.with_objectness:
            self.rtm_obj = self._prediction(1)
        if self.gaussian_coder is not None:  # which has units of its own
            return
        if not self.separate:
            self.scales = nn.ModuleList(Scale() for _ in self.strides)
        if self.is_scale_angle:
            self.scale_angle = Scale()

    # ----------------------------------------------------------------------------- predictions
    def forward(self, feats: Sequence[Tensor]) -> tuple[Levels, ...]:
        """Pyramid -> logits, distances in pixels and angles, a list over levels each."""
        return self._over_levels(feats, range(len(self.strides)))

    def forward_single(self, x: Tensor, level: int) -> tuple[Tensor, ...]:
        """Maps of one level; see :meth:`forward`."""
        cls_feat, reg_feat = self._at(self.cls_convs, level)(x), self._at(self.reg_convs, level)(x)
        scores = self._at(self.rtm_cls, level)(cls_feat)
        if self.with_objectness:
            scores = geometric_mean(scores, self._at(self.rtm_obj, level)(reg_feat))
        distances, angle = self._at(self.rtm_reg, level)(reg_feat).float(), self._at(self.rtm_ang, level)(reg_feat)
        if self.gaussian_coder is not None:
            return scores, *self.gaussian_coder.activate(distances, angle, self.strides[level])
        if self.exp_on_reg:
            distances = distances.clamp(max=math.log(FAR)).exp()
        if not self.separate:
            distances = self.scales[level](distances)
        if self.is_scale_angle:
            angle = self.scale_angle(angle)
        return scores, distances * self.strides[level], angle.float()

    # ---------------------------------------------------------------------------------- losses
    def loss(
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        angle_preds: Levels,
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        img_metas: list[dict],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, list[Tensor]]:
        """Losses of each level; positions in ignored boxes count as background."""
        count, points = len(img_metas), self._grid(cls_scores)
        scores, distances, angles = (list(map(rows_of, maps)) for maps in (cls_scores, bbox_preds, angle_preds))
        truth = (gt_bboxes, gt_labels, img_metas, gt_bboxes_ignore)
        fields = self.get_targets(points, scores, distances, angles, *truth)
        total = mean_over_processes(torch.cat(fields[-1], 1).sum())
        losses: dict[str, list[Tensor]] = {}
        for place, *rows in zip(points, scores, distances, angles, *fields, strict=True):
            level: list[Any] = [place.repeat(count, 1), *(field.flatten(0, 1) for field in rows), total]
            for name, value in self.loss_single(*level).items():
                losses.setdefault(name, []).append(value)
        return losses

    def loss_single(
        self,
        points: Tensor,
        scores: Tensor,
        distances: Tensor,
        angles: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        bbox_targets: Tensor,
        assign_metrics: Tensor,
        avg_factor: Tensor,
    ) -> dict[str, Tensor]:
        """Losses of a level, of the rows of all its images; for the targets see :meth:`get_targets`."""
        losses = dict(loss_cls=self.loss_cls(scores, (labels, assign_metrics), label_weights, avg_factor=avg_factor))
        pos = ((labels >= 0) & (labels < self.num_classes)).nonzero().squeeze(1)
        here, found, turned, targets = (field[pos] for field in (points, distances, angles, bbox_targets))
        weighed: dict[str, Any] = dict(weight=assign_metrics[pos], avg_factor=avg_factor)
        wanted = targets
        if self.h_bbox_coder is not None:
            wanted = self.h_bbox_coder.decode(here, self.bbox_coder.encode(here, targets)[:, :4])
        losses['loss_bbox'] = loss_of_rows(self.loss_bbox, self._compared(here, found, turned), wanted, **weighed)
        return losses | self._angle_losses(turned, targets[:, 4:], **weighed)

    # --------------------------------------------------------------------------------- targets
    @torch.no_grad()
    def get_targets(
        self,
        points: Levels,
        scores: Levels,
        distances: Levels,
        angles: Levels,
        gt_bboxes_list: list[Tensor],
        gt_labels_list: list[Tensor],
        img_metas: list[dict],
        gt_bboxes_ignore_list: list[Tensor] | None = None,
    ) -> tuple[Levels, ...]:
        """What the positions of a batch shall say, which depends on what they say.

        Args:
            points: (n, 2) of each level.
            scores: Logits (N, n, C) of each level.
            distances: (N, n, 4) of each level, in pixels.
            angles: (N, n, angle_dim) of each level.
            gt_bboxes_list: Per image (k, 5).
            gt_labels_list: Per image (k,).
            img_metas: Per image its facts.
            gt_bboxes_ignore_list: Per image boxes (m, 5), which count as background.

        Returns:
            Labels (N, n), ``num_classes`` for background; their weights (N, n); boxes (N, n, 5); and the overlaps
            (N, n) of the predicted boxes with them, 0 for background: a list over levels each.
        """
        with_keys(self.train_cfg, 'train_cfg', ('assigner',), self)
        counts = list(map(len, points))
        priors, count = self._with_strides(points), len(img_metas)
        logits, *preds = (torch.cat(field, 1) for field in (scores, distances, angles))
        boxes = self._boxes(priors.repeat(count, 1), *(field.flatten(0, 1) for field in preds))
        outputs = (logits, priors, boxes.unflatten(0, (count, -1)))
        valid = self._on_image(points, img_metas)
        owner, metrics = self._assigned(outputs, valid, gt_bboxes_list, gt_labels_list, gt_bboxes_ignore_list)
        pos_weight = self.train_cfg.get('pos_weight', -1)
        weights = torch.where((owner > 0) & (pos_weight > 0), float(pos_weight), 1.0)
        if valid is not None:
            weights = weights * valid
        # the place before the first object is that of the background
        labels = F.pad(pad_sequence(gt_labels_list, True), (1, 0), value=self.num_classes).gather(1, owner)
        truth = F.pad(pad_sequence(gt_bboxes_list, True).float(), (0, 0, 1, 0))
        targets = truth.gather(1, owner[..., None].expand(-1, -1, truth.size(-1)))
        return tuple(list(field.split(counts, 1)) for field in (labels, weights, targets, metrics))

    def _with_strides(self, points: Levels) -> Tensor:
        """Points (n, 2) of each level as x, y, stride (P, 3)."""
        levels = zip(points, self.strides, strict=True)
        return torch.cat([F.pad(level, (0, 1), value=stride) for level, stride in levels])

    @staticmethod
    def _on_image(points: Levels, img_metas: list[dict]) -> Tensor | None:
        """Mask (N, P) of the positions on each image; None for all."""
        shapes = [tuple(meta['pad_shape'][1::-1]) for meta in img_metas]
        if len(set(shapes)) == 1:
            return None
        places = torch.cat(points)
        return (places < places.new_tensor(shapes)[:, None]).all(-1)

    def _assigned(
        self,
        outputs: tuple[Tensor, Tensor, Tensor],
        valid: Tensor | None,
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        ignored: list[Tensor] | None,
    ) -> tuple[Tensor, Tensor]:
        """Objects (N, P) of the positions, from 1, and their overlaps (N, P), of logits, priors and boxes."""
        together = batch_method(self.assigner, 'assign')
        if together is not None:
            return together(*outputs, gt_bboxes, gt_labels, valid)
        logits, priors, boxes = outputs
        owner = torch.zeros(logits.shape[:2], dtype=torch.long, device=logits.device)
        overlaps = torch.zeros_like(owner, dtype=torch.float32)
        for i, truth in enumerate(zip(gt_bboxes, gt_labels, ignored or itertools.repeat(None), strict=False)):
            rows = slice(None) if valid is None else valid[i]
            result = self.assigner.assign(logits[i, rows], priors[rows], boxes[i, rows], *truth)
            owner[i, rows], overlaps[i, rows] = result.gt_inds, result.max_overlaps
        return owner, overlaps

    # --------------------------------------------------------------------------------- testing
    def get_bboxes(
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        angle_preds: Levels,
        img_metas: list[dict],
        cfg: dict | None = None,
        rescale: bool | None = None,
    ) -> list[Detections]:
        """See the base."""
        outs = (cls_scores, bbox_preds, angle_preds)
        return self._bboxes(outs, [self._grid(cls_scores)] * len(img_metas), img_metas, cfg, rescale)

    def _get_bboxes_single(
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        angle_preds: Levels,
        mlvl_points: Levels,
        img_shape: Sequence[int],
        scale_factor: Any,
        cfg: Any,
        rescale: bool | None = False,
    ) -> Detections:
        """Result of one image, of maps (C, H, W) and points (n, 2) by level."""
        levels = []
        for *maps, points in zip(cls_scores, bbox_preds, angle_preds, mlvl_points, strict=True):
            scores, *preds = map(rows_of, maps)
            levels.append((scores.sigmoid(), scores.new_ones(scores.size(0)), points, *preds))
        return self._best_detections(levels, scale_factor, cfg, rescale)


@MODELS.register_module()
class RotatedRTMDetSepBNHead(RotatedRTMDetHead):
    """The same with towers of each level, whose convolutions are shared, and norms are not.

    Args:
        share_conv: Share them.
        **kwargs: See :class:`RotatedRTMDetHead`, with other defaults.
    """

    separate = True
    # at first all boxes have sides of two strides
    other_init = (dict(type='Normal', name='rtm_reg', std=0.01, bias=1),)

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        share_conv: bool = True,
        scale_angle: bool = False,
        norm_cfg: dict = dict(type='BN', requires_grad=True),  # noqa: B006  (never written to)
        act_cfg: dict = dict(type='SiLU'),  # noqa: B006
        pred_kernel_size: int = 1,
        exp_on_reg: bool = False,
        **kwargs: Any,
    ) -> None:
        self.share_conv = share_conv
        parts: dict[str, Any] = dict(norm_cfg=norm_cfg, act_cfg=act_cfg, scale_angle=scale_angle)
        parts |= dict(pred_kernel_size=pred_kernel_size, exp_on_reg=exp_on_reg)
        super().__init__(num_classes, in_channels, **parts, **kwargs)

    def _init_layers(self) -> None:
        super()._init_layers()
        if self.share_conv:
            for towers in (self.cls_convs, self.reg_convs):
                for tower in towers:
                    for own, first in zip(tower.children(), towers[0].children(), strict=True):
                        own.conv = first.conv


def geometric_mean(logits: Tensor, others: Tensor) -> Tensor:
    """The logit of the geometric mean of the probabilities of two logits."""
    log = ((F.logsigmoid(logits.float()) + F.logsigmoid(others.float())) / 2).clamp(max=-1e-6)
    return log - (-torch.expm1(log)).log()
