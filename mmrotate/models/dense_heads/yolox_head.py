"""YOLOX's head: whether there is an object, which, and its box, on every position."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmrotate.models.builder import build_loss
from mmrotate.models.losses import loss_of_rows, mean_over_processes
from mmrotate.models.losses.classification import one_hot
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .anchor_free_head import FAR
from .base import Detections, Levels, rows_of
from .rtmdet_head import RotatedRTMDetHead, geometric_mean

# of RotatedRTMDetHead
_NOT_HERE = {'use_hbbox_loss', 'with_objectness', 'exp_on_reg', 'scale_angle', 'gaussian_coder', 'pred_kernel_size'}

# the shortest side, in strides, that has a logarithm
_TINY = 1e-8


@MODELS.register_module()
class RotatedYOLOXHead(RotatedRTMDetHead):
    """YOLOX's head (Ge et al., 2021) with an angle; each level has towers of its own.

    Its keys are those of MMDetection's YOLOXHead, and ``multi_level_conv_ang``.

    Args:
        angle_version: Angle version of the boxes, that of ``bbox_coder``.
        use_l1: Learn centres and sides by ``loss_l1`` too; YOLOXModeSwitchHook sets it for the last epochs.
        loss_obj: Loss of whether there is an object.
        loss_l1: Loss of centres in strides, and of the logarithms of the sides.
        norm_cfg: Of the towers.
        act_cfg: Likewise.
        **kwargs: See :class:`RotatedRTMDetHead`.
    """

    cls_layers = ('multi_level_conv_cls', 'multi_level_conv_obj')
    separate = True
    of = 'center'

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        angle_version: str = 'le90',
        use_l1: bool = False,
        *,
        loss_cls: dict | None = None,
        loss_bbox: dict | None = None,
        loss_obj: dict | None = None,
        loss_l1: dict | None = None,
        bbox_coder: dict | None = None,
        norm_cfg: dict = dict(type='BN', momentum=0.03, eps=0.001),  # noqa: B006  (never written to)
        act_cfg: dict = dict(type='Swish'),  # noqa: B006
        **kwargs: Any,
    ) -> None:
        if strange := sorted(_NOT_HERE & set(kwargs)):
            raise ArgumentError(f'RotatedYOLOXHead has no {strange}: they are of RotatedRTMDetHead')
        entropy: dict[str, Any] = dict(type='CrossEntropyLoss', use_sigmoid=True)
        parts: dict[str, Any] = dict(
            loss_cls=loss_cls or entropy,
            loss_bbox=loss_bbox or dict(type='RotatedIoULoss', mode='square', loss_weight=5.0),
            bbox_coder=bbox_coder or dict(type='CenterSizeAnglePointCoder', angle_version=angle_version),
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
        )
        fixed: dict[str, Any] = dict(with_objectness=False, scale_angle=False)
        super().__init__(num_classes, in_channels, angle_version, **parts, **fixed, **kwargs)
        self.use_l1 = use_l1
        self.loss_obj = build_loss(loss_obj or entropy)
        self.loss_l1 = build_loss(loss_l1 or dict(type='L1Loss'))

    def _init_layers(self) -> None:
        self.multi_level_cls_convs, self.multi_level_reg_convs = self._each(self._tower), self._each(self._tower)
        self.multi_level_conv_cls = self._prediction(self.cls_out_channels)
        self.multi_level_conv_reg, self.multi_level_conv_obj = self._prediction(4), self._prediction(1)
        self.multi_level_conv_ang = self._prediction(self.angle_dim)

    def forward_single(self, x: Tensor, level: int) -> tuple[Tensor, ...]:
        """Logits, centres and sides (N, 4, H, W) in pixels, angles, and logits of objects, of one level."""
        cls_feat, reg_feat = (
            self._at(each, level)(x) for each in (self.multi_level_cls_convs, self.multi_level_reg_convs)
        )
        predictions = (self.multi_level_conv_reg, self.multi_level_conv_ang, self.multi_level_conv_obj)
        box, angle, objects = (self._at(each, level)(reg_feat) for each in predictions)
        place, sides = box.float().chunk(2, 1)
        box = torch.cat([place, sides.clamp(max=math.log(FAR)).exp()], 1) * self.strides[level]
        return self._at(self.multi_level_conv_cls, level)(cls_feat), box, angle.float(), objects

    # ---------------------------------------------------------------------------------- losses
    def loss(  # type: ignore[override]
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        angle_preds: Levels,
        objectnesses: Levels,
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        img_metas: list[dict],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Losses over all levels; positions in ignored boxes count as background."""
        points = self._grid(cls_scores)
        rows = [list(map(rows_of, maps)) for maps in (cls_scores, bbox_preds, angle_preds, objectnesses)]
        chances = list(map(geometric_mean, rows[0], rows[3]))
        truth = (gt_bboxes, gt_labels, img_metas, gt_bboxes_ignore)
        labels, _, targets, overlaps = map(_together, self.get_targets(points, chances, rows[1], rows[2], *truth))
        scores, boxes, codes, objects = map(_together, rows)
        pos = (labels < self.num_classes).nonzero().squeeze(1)
        # sums, over the positions of objects
        total = mean_over_processes(objects.new_tensor(float(len(pos))))
        how: dict[str, Any] = dict(avg_factor=total, reduction_override='mean')
        losses = dict(loss_obj=self.loss_obj(objects, (labels == self.num_classes).long(), **how))
        quality = one_hot(labels[pos], self.num_classes) * overlaps[pos, None]
        losses['loss_cls'] = loss_of_rows(self.loss_cls, scores[pos], quality, **how)
        places = self._with_strides(points).repeat(len(img_metas), 1)[pos]
        return losses | self._box_losses(places, boxes[pos], codes[pos], targets[pos], how)

    def _box_losses(
        self, places: Tensor, found: Tensor, codes: Tensor, targets: Tensor, how: dict[str, Any]
    ) -> dict[str, Tensor]:
        """Losses of centres and sides (p, 4) and codes (p, angle_dim) at places (p, 3), against boxes (p, 5)."""
        losses = dict(loss_bbox=loss_of_rows(self.loss_bbox, self._boxes(places[:, :2], found, codes), targets, **how))
        if self.use_l1:
            wanted = self.bbox_coder.encode(places[:, :2], targets)[:, :4]
            pair = (_in_strides(each, places[:, 2:]) for each in (found, wanted))
            losses['loss_l1'] = loss_of_rows(self.loss_l1, *pair, **how)
        return losses | self._angle_losses(codes, targets[:, 4:], **how)

    def _assigned(self, outputs: tuple[Tensor, Tensor, Tensor], *truth: Any) -> tuple[Tensor, Tensor]:
        """As of the base; objects are assigned to the middles of the cells whose corners the boxes are counted from."""
        logits, priors, boxes = outputs
        middles = torch.cat([priors[:, :2] + priors[:, 2:] / 2, priors[:, 2:]], 1)
        return super()._assigned((logits, middles, boxes), *truth)

    # --------------------------------------------------------------------------------- testing
    def get_bboxes(  # type: ignore[override]
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        angle_preds: Levels,
        objectnesses: Levels,
        img_metas: list[dict],
        cfg: dict | None = None,
        rescale: bool | None = None,
    ) -> list[Detections]:
        """See the base."""
        outs = (cls_scores, bbox_preds, angle_preds, objectnesses)
        return self._bboxes(outs, [self._grid(cls_scores)] * len(img_metas), img_metas, cfg, rescale)

    def _get_bboxes_single(  # type: ignore[override]
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        angle_preds: Levels,
        objectnesses: Levels,
        mlvl_points: Levels,
        img_shape: Sequence[int],
        scale_factor: Any,
        cfg: Any,
        rescale: bool | None = False,
    ) -> Detections:
        """Result of one image, of maps (C, H, W) and points (n, 2) by level; scores are those of object and class."""
        levels = []
        for *maps, points in zip(cls_scores, bbox_preds, angle_preds, objectnesses, mlvl_points, strict=True):
            scores, *preds, objects = map(rows_of, maps)
            levels.append((scores.sigmoid() * objects.sigmoid(), scores.new_ones(scores.size(0)), points, *preds))
        return self._best_detections(levels, scale_factor, cfg, rescale)


def _together(levels: Levels) -> Tensor:
    """What (N, n, ...) of each level has of all positions of the batch, (N * P, ...)."""
    return torch.cat(levels, 1).flatten(0, 1)


def _in_strides(boxes: Tensor, strides: Tensor) -> Tensor:
    """Centres and sides (p, 4) in pixels as they are predicted, by the strides (p, 1) of their positions."""
    units = boxes / strides
    return torch.cat([units[:, :2], units[:, 2:].clamp(min=_TINY).log()], 1)
