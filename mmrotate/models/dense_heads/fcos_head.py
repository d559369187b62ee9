"""FCOS's head for rotated boxes: a prediction on every position, without anchors."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from mmrotate.models.builder import build_loss
from mmrotate.models.layers import Scale
from mmrotate.models.losses import loss_of_rows, mean_over_processes
from mmrotate.models.settings import TEST_KEYS
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .anchor_free_head import FAR, RotatedAnchorFreeHead
from .base import Detections, Levels, keep_best, rows_of
from .fcos_targets import Positives, owners

# distances that each level serves, in pixels
_RANGES = ((-1, 64), (64, 128), (128, 256), (256, 512), (512, FAR))


@MODELS.register_module()
class RotatedFCOSHead(RotatedAnchorFreeHead):
    """FCOS (Tian et al., ICCV 2019) with an angle: distances to the four sides of a turned box.

    Args:
        regress_ranges: Per level the (smallest, largest) distance to the farthest side, in pixels.
        center_sampling: Only positions near an object's centre are its positives.
        center_sample_radius: How near, in units of the stride.
        norm_on_bbox: Predict distances in units of the stride.
        centerness_on_reg: Predict the centerness from the tower of the boxes.
        separate_angle: Learn distances as those of an upright box, and the angle by itself.
        scale_angle: A learned factor on the angle.
        h_bbox_coder: That of upright boxes, for ``separate_angle``.
        loss_bbox: By default that of the overlap of upright or rotated boxes.
        loss_angle: By default the L1 for ``separate_angle``, else none.
        loss_centerness: Of the centerness, in [0, 1].
        use_hbbox_loss: The name of ``separate_angle`` in MMRotate 1.x; None for none.
        **kwargs: See :class:`RotatedAnchorFreeHead`.
    """

    # ``nms_pre`` counts pairs of position and class, as in 1.x, instead of positions by score and centerness
    counts_pairs = False
    test_keys = TEST_KEYS | {'nms_pre_of_pairs': None}

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        regress_ranges: Sequence[tuple[float, float]] = _RANGES,
        center_sampling: bool = False,
        center_sample_radius: float = 1.5,
        norm_on_bbox: bool = False,
        centerness_on_reg: bool = False,
        separate_angle: bool = False,
        scale_angle: bool = True,
        h_bbox_coder: dict | None = None,
        loss_cls: dict | None = None,
        loss_bbox: dict | None = None,
        loss_angle: dict | None = None,
        loss_centerness: dict | None = None,
        norm_cfg: dict | None = dict(type='GN', num_groups=32, requires_grad=True),  # noqa: B006  (never written to)
        init_cfg: dict | list | None = None,
        *,
        use_hbbox_loss: bool | None = None,
        **kwargs: Any,
    ) -> None:
        separate_angle = separate_angle if use_hbbox_loss is None else use_hbbox_loss
        self.regress_ranges = [tuple(r) for r in regress_ranges]
        self.center_sampling, self.center_sample_radius = center_sampling, center_sample_radius
        self.norm_on_bbox, self.centerness_on_reg = norm_on_bbox, centerness_on_reg
        self.separate_angle, self.is_scale_angle = separate_angle, scale_angle
        parts: dict[str, Any] = dict(
            loss_cls=loss_cls,
            loss_bbox=loss_bbox or dict(type='IoULoss' if separate_angle else 'RotatedIoULoss'),
            loss_angle=loss_angle or (dict(type='L1Loss') if separate_angle else None),
            h_bbox_coder=(h_bbox_coder or dict(type='DistancePointBBoxCoder')) if separate_angle else None,
            norm_cfg=norm_cfg,
            init_cfg=init_cfg,
        )
        super().__init__(num_classes, in_channels, **parts, **kwargs)
        self.loss_centerness = build_loss(loss_centerness or dict(type='CrossEntropyLoss', use_sigmoid=True))
        self._check()

    def _check(self) -> None:
        """Raise an ArgumentError for parts that do not fit together."""
        of_classes = getattr(self.angle_coder, 'of_classes', False)
        if of_classes and (not self.separate_angle or self.is_scale_angle):
            raise ArgumentError('an angle_coder of classes needs separate_angle=True and scale_angle=False')
        if self.gaussian_coder is not None and self.norm_on_bbox:
            raise ArgumentError('a gaussian_coder has units of its own: norm_on_bbox must be False')
        if len(self.regress_ranges) != len(self.strides):
            raise ArgumentError(
                f'regress_ranges and strides must be of one length, got {self.regress_ranges} and {self.strides}'
            )

    def _init_layers(self) -> None:
        super()._init_layers()
        self.conv_centerness = nn.Conv2d(self.feat_channels, 1, 3, padding=1)
        self.conv_angle = nn.Conv2d(self.feat_channels, self.angle_dim, 3, padding=1)
        self.scales = nn.ModuleList(Scale() for _ in self.strides)
        if self.is_scale_angle:
            # a distribution has no angle: the factor is one of the published weights, but not learned
            self.scale_angle = Scale().requires_grad_(self.gaussian_coder is None)

    def forward(self, feats: Sequence[Tensor]) -> tuple[Levels, ...]:
        """Pyramid -> scores, distances, angles and centerness, a list over levels each.

        The distances are in pixels; in training with ``norm_on_bbox`` in units of the stride.
        """
        return self._over_levels(feats, self.scales, self.strides)

    def forward_single(self, x: Tensor, scale: nn.Module, stride: int) -> tuple[Tensor, ...]:
        """Maps of one level; see :meth:`forward`."""
        cls_feat, reg_feat = self.cls_convs(x), self.reg_convs(x)
        centerness = self.conv_centerness(reg_feat if self.centerness_on_reg else cls_feat)
        distances, angle = scale(self.conv_reg(reg_feat)).float(), self.conv_angle(reg_feat)
        if self.gaussian_coder is not None:
            return self.conv_cls(cls_feat), *self.gaussian_coder.activate(distances, angle, stride), centerness
        if self.norm_on_bbox:
            distances = distances.clamp(min=0) * (1 if self.training else stride)
        else:
            distances = distances.clamp(max=math.log(FAR)).exp()
        if self.is_scale_angle:
            angle = self.scale_angle(angle).float()
        return self.conv_cls(cls_feat), distances, angle, centerness

    # ------------------------------------------------------------------------------- targets
    def get_targets(
        self, points: Levels, gt_bboxes_list: list[Tensor], gt_labels_list: list[Tensor]
    ) -> tuple[Levels, ...]:
        """What the positions of a batch shall say.

        Args:
            points: (n, 2) of each level.
            gt_bboxes_list: Per image (k, 5).
            gt_labels_list: Per image (k,).

        Returns:
            Labels (N * n,), ``num_classes`` for background; distances (N * n, 4) to the sides, with
            ``norm_on_bbox`` in units of the stride; angles (N * n, 1): a list over levels each, image by
            image. Distances and angles of background are 0.
        """
        return self._targets(points, gt_bboxes_list, gt_labels_list)[:3]

    @torch.no_grad()
    def _targets(self, points: Levels, gt_bboxes: list[Tensor], gt_labels: list[Tensor]) -> tuple[Levels, ...]:
        """As :meth:`get_targets`, and the owners (N * n,): the objects of the batch as if each image had as many."""
        boxes = pad_sequence(gt_bboxes, batch_first=True)
        counts, flat = list(map(len, points)), torch.cat(points)
        strides, *ranges = (
            flat.new_tensor(facts).repeat_interleave(torch.tensor(counts, device=flat.device), 0)[:, None]
            for facts in (self.strides, *zip(*self.regress_ranges, strict=True))
        )
        radius = strides * (self.center_sample_radius if self.center_sampling else FAR)
        owner = owners(flat, torch.cat(ranges, 1), radius, boxes)
        image, place = (owner >= 0).nonzero(as_tuple=True)
        theirs = owner[image, place]
        labels = torch.full_like(owner, self.num_classes)
        labels[image, place] = pad_sequence(gt_labels, batch_first=True)[image, theirs]
        encoded = self.bbox_coder.encode(flat[place], boxes[image, theirs])
        if self.norm_on_bbox:
            encoded[:, :4] /= strides[place]
        targets = encoded.new_zeros(*owner.shape, 5)
        targets[image, place] = encoded
        owner = owner + boxes.size(1) * torch.arange(len(boxes), device=owner.device)[:, None]
        fields = labels, *targets.split([4, 1], -1), owner
        return tuple([level.flatten(0, 1) for level in field.split(counts, 1)] for field in fields)

    # -------------------------------------------------------------------------------- losses
    def loss(
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        angle_preds: Levels,
        centernesses: Levels,
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        img_metas: list[dict],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Losses of the batch; positions in ignored boxes count as background."""
        outputs = (cls_scores, bbox_preds, angle_preds, centernesses)
        losses, pos = self._matched(outputs, gt_bboxes, gt_labels)
        losses |= self._angle_losses(pos.angles, pos.angle_targets, avg_factor=pos.number)
        found = self._compared(pos.points, pos.distances, pos.angles)
        if self.separate_angle:
            wanted = self.h_bbox_coder.decode(pos.points, pos.targets)
        else:
            wanted = self.bbox_coder.decode(pos.points, torch.cat([pos.targets, pos.angle_targets], 1))
        losses['loss_bbox'] = self._overlap_loss(pos, found, wanted)
        return losses

    def _matched(
        self, outputs: Sequence[Levels], gt_bboxes: list[Tensor], gt_labels: list[Tensor]
    ) -> tuple[dict[str, Tensor], Positives]:
        """Losses of classes and centerness of the outputs of :meth:`forward`, and the positions with an object."""
        points, count = self._grid(outputs[0]), len(outputs[0][0])
        labels, bbox_targets, angle_targets, *owner = map(torch.cat, self.get_targets(points, gt_bboxes, gt_labels))
        scores, *rest = (torch.cat([rows_of(m).flatten(0, 1) for m in maps]) for maps in outputs)
        pos = ((labels >= 0) & (labels < self.num_classes)).nonzero().squeeze(1)
        levels = zip(points, self.strides, strict=True)
        places = torch.cat([F.pad(p, (0, 1), value=stride).repeat(count, 1) for p, stride in levels])
        fields = (labels, places, bbox_targets, angle_targets, *rest, *owner)
        classes, here, targets, angle, preds, angles, centers, *theirs = (field[pos] for field in fields)
        num_pos = mean_over_processes(scores.new_tensor(len(pos)))
        central, (place, stride) = self.centerness_target(targets), here.split([2, 1], 1)
        losses = dict(
            loss_cls=self.loss_cls(scores, labels, avg_factor=num_pos),
            loss_centerness=loss_of_rows(self.loss_centerness, centers, central[:, None], avg_factor=num_pos),
        )
        whose = theirs[0] if theirs else None
        return losses, Positives(pos, classes, place, stride, targets, angle, preds, angles, central, whose, num_pos)

    def _overlap_loss(self, pos: Positives, found: Tensor, wanted: Tensor) -> Tensor:
        """The loss of boxes, by how central their positions are."""
        avg_factor = mean_over_processes(pos.central.sum(), 1e-6)
        return loss_of_rows(self.loss_bbox, found, wanted, weight=pos.central, avg_factor=avg_factor)

    def centerness_target(self, pos_bbox_targets: Tensor) -> Tensor:
        """How central a point is in its box: 1 at the centre, 0 at a side (Tian et al., eq. 3).

        The targets (n, 4) are positive distances to the left, top, right and bottom side.
        """
        left, top, right, bottom = pos_bbox_targets.unbind(1)
        horizontal = torch.minimum(left, right) / torch.maximum(left, right)
        return (horizontal * torch.minimum(top, bottom) / torch.maximum(top, bottom)).sqrt()

    # ------------------------------------------------------------------------------- testing
    def get_bboxes(
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        angle_preds: Levels,
        centernesses: Levels,
        img_metas: list[dict],
        cfg: dict | None = None,
        rescale: bool | None = None,
    ) -> list[Detections]:
        """See the base."""
        outs = (cls_scores, bbox_preds, angle_preds, centernesses)
        return self._bboxes(outs, [self._grid(cls_scores)] * len(img_metas), img_metas, cfg, rescale)

    def _get_bboxes_single(
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        angle_preds: Levels,
        centernesses: Levels,
        mlvl_points: Levels,
        img_shape: Sequence[int],
        scale_factor: Any,
        cfg: Any,
        rescale: bool | None = False,
    ) -> Detections:
        """Result of one image, of maps (C, H, W) and points (n, 2) by level."""
        levels = []
        for *maps, points in zip(cls_scores, centernesses, bbox_preds, angle_preds, mlvl_points, strict=True):
            logits, central, *preds = map(rows_of, maps)
            levels.append((logits.sigmoid(), central[:, 0].sigmoid(), points, *preds))
        if cfg.get('nms_pre_of_pairs', self.counts_pairs):
            return self._best_detections(levels, scale_factor, cfg, rescale)
        count = cfg.get('nms_pre', -1)
        kept = [keep_best(count, level[0].amax(-1) * level[1], *level) for level in levels]
        scores, centers, points, distances, angles = map(torch.cat, zip(*kept, strict=True))
        boxes = self._boxes(points, distances, angles, max_shape=img_shape)
        return self._detections(boxes, scores, scale_factor, cfg, rescale, factors=centers)

    @torch.no_grad()
    def refine_bboxes(
        self, cls_scores: Levels, bbox_preds: Levels, angle_preds: Levels, centernesses: Levels
    ) -> list[Levels]:
        """The box of each position, (H * W, 5) of each image and level: the rois of a stage after."""
        count, levels = len(cls_scores[0]), []
        for pred, angle, points, stride in zip(
            bbox_preds, angle_preds, self._grid(cls_scores), self.strides, strict=True
        ):
            distances, angles = (rows_of(m).flatten(0, 1) for m in (pred, angle))
            if self.norm_on_bbox and self.training:
                distances = distances * stride
            boxes = self._boxes(points.repeat(count, 1), distances, angles)
            levels.append(boxes.unflatten(0, (count, -1)))
        return [list(image) for image in zip(*levels, strict=True)]


@MODELS.register_module()
class CSLRFCOSHead(RotatedFCOSHead):
    """FCOS whose angle is a class of a circular label (CSL, Yang and Yan, ECCV 2020).

    The arguments are those of the base.
    """

    def __init__(
        self, separate_angle: bool = True, scale_angle: bool = False, angle_coder: dict | None = None, **kwargs: Any
    ) -> None:
        coder = dict(type='CSLCoder', angle_version='le90', omega=1, window='gaussian', radius=6)
        kwargs.update(separate_angle=separate_angle, scale_angle=scale_angle, angle_coder=angle_coder or coder)
        super().__init__(**kwargs)


@MODELS.register_module()
class GaussianFCOSHead(RotatedFCOSHead):
    """FCOS that predicts normal distributions (GauCho, Marques et al., CVPR 2025).

    Args:
        gaucho_encoding: Predict them; else distances and angles, as the base.
        **kwargs: See :class:`RotatedFCOSHead`.
    """

    def __init__(self, gaucho_encoding: bool = False, **kwargs: Any) -> None:
        if gaucho_encoding:
            version = (kwargs.get('bbox_coder') or {}).get('angle_version', 'oc')
            kwargs.setdefault('gaussian_coder', dict(type='GauChoPointCoder', angle_version=version))
        super().__init__(**kwargs)
