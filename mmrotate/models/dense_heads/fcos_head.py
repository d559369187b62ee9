"""FCOS's head for rotated boxes: a prediction on every position, without anchors."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from mmrotate.core.anchor import MlvlPointGenerator
from mmrotate.core.bbox import build_bbox_coder
from mmrotate.models.builder import build_loss
from mmrotate.models.layers import Scale, conv_tower
from mmrotate.registry import MODELS

from .base import BaseDenseHead, Detections, Levels, flatten_levels, keep_best

_FAR = 1e8
# distances that each level serves, in pixels
_RANGES = ((-1, 64), (64, 128), (128, 256), (256, 512), (512, _FAR))
# pairs of position and object held at once: 16 MB of float32 for each of a dozen tensors
_CHUNK = 4_000_000


@MODELS.register_module()
class RotatedAnchorFreeHead(BaseDenseHead):
    """Towers for classes and boxes on every position, and the points they stand on.

    Args:
        stacked_convs: Convolutions of each tower.
        strides: Pixels between positions of each level.
        bbox_coder: Between points and boxes.
        loss_bbox: One on decoded boxes.
        norm_cfg: Of the towers.
        **kwargs: See :class:`BaseDenseHead`; ``train_cfg`` is not needed.
    """

    cls_layers = ('conv_cls',)
    needs_sigmoid = True

    def __init__(
        self,
        *args: Any,
        stacked_convs: int = 4,
        strides: Sequence[int] = (4, 8, 16, 32, 64),
        bbox_coder: dict | None = None,
        loss_bbox: dict | None = None,
        norm_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.stacked_convs, self.strides, self.norm_cfg = stacked_convs, tuple(strides), norm_cfg
        self.prior_generator = MlvlPointGenerator(self.strides)
        self.bbox_coder = build_bbox_coder(bbox_coder or dict(type='DistanceAnglePointCoder'))
        self.loss_bbox = build_loss(loss_bbox or dict(type='RotatedIoULoss'))
        self._init_layers()

    def _init_layers(self) -> None:
        args = (self.in_channels, self.feat_channels, self.stacked_convs, self.norm_cfg)
        self.cls_convs, self.reg_convs = conv_tower(*args), conv_tower(*args)
        self.conv_cls = nn.Conv2d(self.feat_channels, self.cls_out_channels, 3, padding=1)
        self.conv_reg = nn.Conv2d(self.feat_channels, 4, 3, padding=1)


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
        angle_coder: One that makes the angle a classification (CSL), for ``separate_angle``.
        loss_angle: For ``separate_angle``.
        loss_centerness: Of the centerness, in [0, 1].
        **kwargs: See :class:`RotatedAnchorFreeHead`.
    """

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
        angle_coder: dict | None = None,
        loss_angle: dict | None = None,
        loss_centerness: dict | None = None,
        **kwargs: Any,
    ) -> None:
        self.regress_ranges = [tuple(r) for r in regress_ranges]
        self.center_sampling, self.center_sample_radius = center_sampling, center_sample_radius
        self.norm_on_bbox, self.centerness_on_reg = norm_on_bbox, centerness_on_reg
        self.separate_angle, self.is_scale_angle = separate_angle, scale_angle
        self.angle_coder = None if angle_coder is None else build_bbox_coder(angle_coder)
        kwargs.setdefault('norm_cfg', dict(type='GN', num_groups=32, requires_grad=True))
        super().__init__(num_classes, in_channels, **kwargs)
        self.loss_centerness = build_loss(loss_centerness or dict(type='CrossEntropyLoss', use_sigmoid=True))
        if separate_angle:
            self.h_bbox_coder = build_bbox_coder(h_bbox_coder or dict(type='DistancePointBBoxCoder'))
            self.loss_angle = build_loss(loss_angle or dict(type='L1Loss'))
        self._check()

    def _check(self) -> None:
        """Raise ValueError for parts that do not fit together."""
        loss, kind = self.loss_bbox, 'upright' if self.separate_angle else 'rotated'
        fits = getattr(loss, 'box_dim', None) in (None, 4 if self.separate_angle else 5)
        if not fits or getattr(loss, 'needs_decoded', False) == 'both':
            wanted = f'separate_angle={self.separate_angle} needs a loss_bbox of {kind} boxes (and of no deltas)'
            raise ValueError(f'{wanted}, got {type(loss).__name__}')
        if self.angle_coder is not None and (not self.separate_angle or self.is_scale_angle):
            raise ValueError('an angle_coder needs separate_angle=True and scale_angle=False')
        if len(self.regress_ranges) != len(self.strides):
            raise ValueError(
                f'regress_ranges and strides must be of one length, got {self.regress_ranges} and {self.strides}'
            )

    def _init_layers(self) -> None:
        super()._init_layers()
        self.angle_dim = 1 if self.angle_coder is None else self.angle_coder.coding_len
        self.conv_centerness = nn.Conv2d(self.feat_channels, 1, 3, padding=1)
        self.conv_angle = nn.Conv2d(self.feat_channels, self.angle_dim, 3, padding=1)
        self.scales = nn.ModuleList(Scale() for _ in self.strides)
        if self.is_scale_angle:
            self.scale_angle = Scale()

    def forward(self, feats: Sequence[Tensor]) -> tuple[Levels, ...]:
        """Pyramid -> scores, distances, angles and centerness, a list over levels each.

        The distances are in pixels; in training with ``norm_on_bbox`` in units of the stride.
        """
        return self._over_levels(feats, self.scales, self.strides)

    def forward_single(self, x: Tensor, scale: nn.Module, stride: int) -> tuple[Tensor, ...]:
        """Maps of one level; see :meth:`forward`."""
        cls_feat, reg_feat = self.cls_convs(x), self.reg_convs(x)
        centerness = self.conv_centerness(reg_feat if self.centerness_on_reg else cls_feat)
        distances = scale(self.conv_reg(reg_feat)).float()
        if self.norm_on_bbox:
            distances = distances.clamp(min=0) * (1 if self.training else stride)
        else:
            distances = distances.clamp(max=math.log(_FAR)).exp()
        angle = self.conv_angle(reg_feat)
        if self.is_scale_angle:
            angle = self.scale_angle(angle).float()
        return self.conv_cls(cls_feat), distances, angle, centerness

    # ------------------------------------------------------------------------------- targets
    def _points(self, maps: Levels) -> tuple[Tensor, Tensor, Tensor]:
        """Points (P, 2) of all levels, their strides (P, 1) and their ranges (P, 2)."""
        points = self._grid(maps)
        counts = torch.tensor([len(p) for p in points], device=maps[0].device)
        levels = [[stride, *r] for stride, r in zip(self.strides, self.regress_ranges, strict=True)]
        facts = torch.cat(points).new_tensor(levels).repeat_interleave(counts, 0)
        return torch.cat(points), facts[:, :1], facts[:, 1:]

    @torch.no_grad()
    def get_targets(self, maps: Levels, gt_bboxes: Tensor) -> Tensor:
        """The object (N, P) of each position: the smallest of those it lies in and whose size it serves.

        Positions are those of a map (N, _, H, W) per level, boxes (N, n, 5) are filled up with some of no
        size; -1 is none.
        """
        geometry = self._points(maps)
        shape = (len(gt_bboxes), len(geometry[0]))
        owner = gt_bboxes.new_full(shape, -1, dtype=torch.long)
        if not gt_bboxes.size(1):
            return owner
        smallest = gt_bboxes.new_full(shape, float('inf'))
        step = max(_CHUNK // owner.numel(), 1)
        for start in range(0, gt_bboxes.size(1), step):
            area, index = self._areas(*geometry, gt_bboxes[:, start : start + step]).min(-1)
            owner = torch.where(area < smallest, index + start, owner)
            smallest = torch.minimum(area, smallest)
        return owner

    def _areas(self, points: Tensor, strides: Tensor, ranges: Tensor, boxes: Tensor) -> Tensor:
        """Areas (N, P, n) of boxes (N, n, 5); infinite where a position is none of theirs."""
        x, y, w, h, theta = boxes[:, None].unbind(-1)
        dx, dy = points[:, :1] - x, points[:, 1:] - y
        along = (dx * theta.cos() + dy * theta.sin()).abs()
        across = (dy * theta.cos() - dx * theta.sin()).abs()
        farthest = torch.maximum(w / 2 + along, h / 2 + across)
        good = (along < w / 2) & (across < h / 2)
        good &= (farthest >= ranges[:, :1]) & (farthest <= ranges[:, 1:])
        if self.center_sampling:
            good &= torch.maximum(along, across) < strides * self.center_sample_radius
        return torch.where(good, w * h, float('inf'))

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
        del img_metas, gt_bboxes_ignore
        boxes = pad_sequence(gt_bboxes, batch_first=True)
        owner = self.get_targets(cls_scores, boxes)
        image, place = (owner >= 0).nonzero(as_tuple=True)
        theirs = owner[image, place]
        labels = torch.full_like(owner, self.num_classes)
        labels[image, place] = pad_sequence(gt_labels, batch_first=True)[image, theirs]
        points, strides, _ = (fact[place] for fact in self._points(cls_scores))
        distances, angle = self.bbox_coder.encode(points, boxes[image, theirs]).split([4, 1], 1)

        outputs = map(flatten_levels, (cls_scores, bbox_preds, angle_preds, centernesses))
        scores, *rest = (torch.cat(levels, 1) for levels in outputs)
        preds, angles, centers = (field[image, place] for field in rest)
        num_pos = _mean_over_processes(scores.new_tensor(len(place))).clamp(min=1)
        central = centerness_target(distances)[:, None]
        losses = dict(
            loss_cls=self.loss_cls(scores.flatten(0, 1), labels.flatten(), avg_factor=num_pos),
            loss_centerness=self.loss_centerness(centers, central, avg_factor=num_pos),
        )
        coder, targets = self.bbox_coder, distances / (strides if self.norm_on_bbox else 1)
        if self.separate_angle:
            coder = self.h_bbox_coder
            wanted = angle if self.angle_coder is None else self.angle_coder.encode(angle)
            losses['loss_angle'] = self.loss_angle(angles, wanted, avg_factor=num_pos)
        else:
            preds, targets = torch.cat([preds, angles], 1), torch.cat([targets, angle], 1)
        found, wanted = coder.decode(points, preds), coder.decode(points, targets)
        avg_factor = _mean_over_processes(central.sum()).clamp(min=1e-6)
        losses['loss_bbox'] = self.loss_bbox(found, wanted, weight=central[:, 0], avg_factor=avg_factor)
        return losses

    # ------------------------------------------------------------------------------- testing
    def get_bboxes(
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        angle_preds: Levels,
        centernesses: Levels,
        img_metas: list[dict],
        cfg: dict | None = None,
        rescale: bool = False,
    ) -> list[Detections]:
        """See the base."""
        settings = self.test_settings(cfg)
        fields = map(flatten_levels, (cls_scores, centernesses, bbox_preds, angle_preds))
        kept = []
        for score, center, *level in zip(*fields, self._grid(cls_scores), strict=True):
            score, center = score.sigmoid(), center.sigmoid()
            ranking = score.amax(-1) * center[..., 0]
            kept.append(keep_best(settings.get('nms_pre', -1), ranking, score, center, *level))
        scores, centers, preds, angles, points = (torch.cat(field, 1) for field in zip(*kept, strict=True))
        if self.angle_coder is not None:
            angles = self.angle_coder.decode(angles.flatten(0, 1)).view(*angles.shape[:2], 1)
        preds = torch.cat([preds, angles], -1)
        boxes = [
            self.bbox_coder.decode(*image, max_shape=meta['img_shape'])
            for *image, meta in zip(points, preds, img_metas, strict=True)
        ]
        return self._detections(boxes, scores, img_metas, settings, rescale, centers[..., 0])


@MODELS.register_module()
class CSLRFCOSHead(RotatedFCOSHead):
    """FCOS whose angle is a class of a circular label (CSL, Yang and Yan, ECCV 2020).

    The arguments are those of the base.
    """

    def __init__(self, num_classes: int, in_channels: int, angle_coder: dict | None = None, **kwargs: Any) -> None:
        coder = dict(type='CSLCoder', angle_version='le90', omega=1, window='gaussian', radius=6)
        options = {'separate_angle': True, 'scale_angle': False, **kwargs}
        super().__init__(num_classes, in_channels, angle_coder=angle_coder or coder, **options)


def centerness_target(distances: Tensor) -> Tensor:
    """How central a point is in its box: 1 at the centre, 0 at a side (Tian et al., eq. 3).

    ``distances`` (n, 4 or more) are positive, to the left, top, right and bottom side.
    """
    left, top, right, bottom = distances[:, :4].unbind(1)
    horizontal = torch.minimum(left, right) / torch.maximum(left, right)
    return (horizontal * torch.minimum(top, bottom) / torch.maximum(top, bottom)).sqrt()


def _mean_over_processes(value: Tensor) -> Tensor:
    """Mean of a number over the processes of a distributed training."""
    value = value.detach().clone()
    all_reduce(value, op='mean')
    return value
