"""RepPoints for rotated boxes: nine points on every position, whose hull is the object."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.core import obb2poly, poly2obb
from mmrotate.core.anchor import MlvlPointGenerator
from mmrotate.core.bbox import GaussianMixture, build_assigner, gaussian2bbox
from mmrotate.models.builder import build_loss
from mmrotate.models.layers import conv_tower
from mmrotate.ops import DeformConv2d, min_area_polygons
from mmrotate.registry import MODELS

from .base import BaseDenseHead, Detections, Levels, flatten_levels, keep_best
from .reppoints_targets import (
    PointBatch,
    PointTargets,
    Rows,
    best_of_levels,
    consistent_weights,
    handed_out_in_place,
    own_shares,
    point_targets,
)


@MODELS.register_module()
class RotatedRepPointsHead(BaseDenseHead):
    """Points in two stages, the second on features at the points of the first.

    Yang et al., RepPoints, ICCV 2019; with ``use_reassign`` Guo et al., Beyond Bounding-Box (CFA),
    CVPR 2021.

    Args:
        point_feat_channels: Channels of the maps that predict points.
        stacked_convs: Convolutions of each tower.
        num_points: Points of a position: nine, the operations on them know no other number.
        gradient_mul: Share of the gradient that reaches the first stage through the second.
        point_strides: Pixels between positions of each level.
        point_base_scale: Pixels that the losses take as one, in strides.
        loss_bbox_init: Between points and corners, first stage.
        loss_bbox_refine: Likewise, second stage.
        norm_cfg: Of the towers.
        transform_method: How points become a box: ``'rotrect'``, the smallest rectangle.
        use_reassign: Select and weigh the positives of the second stage by their losses (CFA).
        topk: Positives of an object on each level that take part in that.
        anti_factor: Factor of the weights, for positions that objects contend for.
        version: Angle version of the boxes.
        as_published: Choose what the second stage learns from as the published models did: with x
            and y of the points' offsets exchanged, and CFA's weights handed out in order of place
            in place of order of cost. False does as the papers say.
        **kwargs: See :class:`BaseDenseHead`; ``train_cfg`` has ``init`` and ``refine``, each with an
            assigner and ``pos_weight``.
    """

    cls_layers = ('reppoints_cls_out',)
    needs_sigmoid = True
    train_keys = dict(init=BaseDenseHead.train_keys, refine=BaseDenseHead.train_keys)
    # losses of points: name in the log -> name of the loss, both without the stage
    point_losses = dict(loss_pts='loss_bbox')

    def __init__(
        self,
        *args: Any,
        point_feat_channels: int = 256,
        stacked_convs: int = 3,
        num_points: int = 9,
        gradient_mul: float = 0.1,
        point_strides: Sequence[int] = (8, 16, 32, 64, 128),
        point_base_scale: float = 4,
        loss_bbox_init: dict | None = None,
        loss_bbox_refine: dict | None = None,
        norm_cfg: dict | None = None,
        transform_method: str = 'rotrect',
        use_reassign: bool = False,
        topk: int = 6,
        anti_factor: float = 0.75,
        version: str = 'oc',
        as_published: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, given, known in (('num_points', num_points, 9), ('transform_method', transform_method, 'rotrect')):
            if given != known:
                raise ValueError(f'{name} must be {known!r}, got {given!r}')
        self.point_feat_channels, self.gradient_mul = point_feat_channels, gradient_mul
        self.point_strides, self.point_base_scale = tuple(point_strides), point_base_scale
        self.use_reassign, self.topk, self.anti_factor = use_reassign, topk, anti_factor
        self.version, self.as_published = version, as_published
        self.prior_generator = MlvlPointGenerator(self.point_strides, offset=0.0)
        default = dict(type='ConvexGIoULoss')
        self.loss_bbox_init = build_loss(loss_bbox_init or dict(default, loss_weight=0.5))
        self.loss_bbox_refine = build_loss(loss_bbox_refine or default)
        for loss in (self.loss_bbox_init, self.loss_bbox_refine):
            if getattr(loss, 'box_dim', 18) != 18:
                raise ValueError(f'{type(self).__name__}: {type(loss).__name__} is no loss of nine points')
        if self.train_cfg is not None:
            self.init_assigner = build_assigner(self.train_cfg.init.assigner)
            self.refine_assigner = build_assigner(self.train_cfg.refine.assigner)
        self._init_layers(stacked_convs, norm_cfg)

    def _init_layers(self, stacked_convs: int, norm_cfg: dict | None) -> None:
        channels, mid = self.feat_channels, self.point_feat_channels
        tower = (self.in_channels, channels, stacked_convs, norm_cfg)
        self.cls_convs, self.reg_convs = conv_tower(*tower), conv_tower(*tower)
        self.reppoints_cls_conv = DeformConv2d(channels, mid, 3, padding=1)
        self.reppoints_cls_out = nn.Conv2d(mid, self.cls_out_channels, 1)
        self.reppoints_pts_init_conv = nn.Conv2d(channels, mid, 3, padding=1)
        self.reppoints_pts_init_out = nn.Conv2d(mid, 18, 1)
        self.reppoints_pts_refine_conv = DeformConv2d(channels, mid, 3, padding=1)
        self.reppoints_pts_refine_out = nn.Conv2d(mid, 18, 1)
        # where the points of a 3x3 convolution are: y, x, y, x, ...
        grid = torch.cartesian_prod(torch.arange(-1.0, 2), torch.arange(-1.0, 2))
        self.register_buffer('kernel_points', grid.view(1, 18, 1, 1), persistent=False)

    def forward_single(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map of one level -> scores (N, C, H, W), and points of both stages (N, 18, H, W).

        Points are y, x, y, x, ... from the position, in strides.
        """
        cls_feat, pts_feat = self.cls_convs(x), self.reg_convs(x)
        init = self.reppoints_pts_init_out(self.reppoints_pts_init_conv(pts_feat).relu())
        damped = init.detach().lerp(init, self.gradient_mul)
        offset = damped - self.kernel_points
        scores = self.reppoints_cls_out(self.reppoints_cls_conv(cls_feat, offset).relu())
        refine = self.reppoints_pts_refine_conv(pts_feat, offset).relu()
        return scores, init, self.reppoints_pts_refine_out(refine) + init.detach()

    # ---------------------------------------------------------------------------- positions
    def _positions(self, maps: Levels) -> Levels:
        """Positions (H * W, 3) of each level as x, y, stride."""
        levels = zip(self._grid(maps), self.point_strides, strict=True)
        return [nn.functional.pad(points, (0, 1), value=stride) for points, stride in levels]

    @staticmethod
    def _points(offsets: Tensor, positions: Tensor) -> Tensor:
        """Offsets y, x, ... (N, n, 18) from positions (n, 3) -> points x, y, ... in pixels."""
        pairs = offsets.unflatten(-1, (-1, 2)).flip(-1)
        return (pairs * positions[:, None, 2:] + positions[:, None, :2]).flatten(-2)

    def _proposals(self, offsets: Tensor, positions: Tensor) -> Tensor:
        """Points that objects are assigned to for the second stage; see ``as_published``."""
        if self.as_published:
            offsets = offsets.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
        return self._points(offsets, positions)

    # ------------------------------------------------------------------------------- losses
    def loss(
        self,
        cls_scores: Levels,
        pts_preds_init: Levels,
        pts_preds_refine: Levels,
        *rest: Any,
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Any]:
        """Losses of both stages; ``rest`` ends with ``gt_bboxes``, ``gt_labels`` and ``img_metas``."""
        *extra, gt_bboxes, gt_labels, img_metas = rest
        positions = self._positions(cls_scores)
        flat, counts = torch.cat(positions), list(map(len, positions))
        outputs = map(flatten_levels, (cls_scores, pts_preds_init, pts_preds_refine))
        scores, init, refine = (torch.cat(levels, 1) for levels in outputs)
        batch = PointBatch(
            scores,
            self._points(init, flat),
            self._points(refine, flat),
            self.point_base_scale * flat[:, 2],
            torch.cat([p.new_full((len(p),), i, dtype=torch.long) for i, p in enumerate(positions)]),
            counts,
            [obb2poly(boxes.float(), self.version) for boxes in gt_bboxes],
        )
        ignored: Sequence[Tensor | None] = gt_bboxes_ignore or [None] * len(img_metas)
        ignore = [None if boxes is None else obb2poly(boxes.float(), self.version) for boxes in ignored]
        truth = (self._valid(cls_scores, img_metas), batch, gt_labels, ignore)
        start = self._targets('init', flat.expand(len(img_metas), -1, -1), *truth)
        targets = self._targets('refine', self._proposals(init.detach(), flat), *truth)
        losses = self._stage_losses('init', batch, batch.init, start)
        return losses | self._refine_losses(batch, targets, *extra)

    def _targets(self, stage: str, proposals: Tensor, *truth: Any) -> PointTargets:
        assigner = self.init_assigner if stage == 'init' else self.refine_assigner
        weight = self.train_cfg[stage].get('pos_weight', -1)
        return point_targets(assigner, proposals, *truth, pos_weight=weight)  # type: ignore[misc]

    def _stage_losses(self, stage: str, batch: PointBatch, points: Tensor, targets: PointTargets) -> dict[str, Any]:
        fields = (points, targets.polys, targets.weights, batch.scale.expand(len(points), -1))
        losses = [self._points_loss(stage, *level) for level in _split(batch.counts, *fields)]
        return {name: [level[name] for level in losses] for name in losses[0]}

    def _points_loss(
        self, stage: str, points: Tensor, polys: Tensor, weights: Tensor, scale: Tensor
    ) -> dict[str, Tensor]:
        """Losses of points (k, 18) of a stage, of those whose weight (k,) is above 0."""
        rows = weights > 0
        points, polys = (t[rows] / scale[rows, None] for t in (points, polys))
        losses = {f'{name}_{stage}': getattr(self, f'{loss}_{stage}') for name, loss in self.point_losses.items()}
        return {name: loss(points, polys, weights[rows]) for name, loss in losses.items()}

    def _refine_losses(self, batch: PointBatch, targets: PointTargets, *extra: Any) -> dict[str, Any]:
        if self.use_reassign:  # over all levels together, each position in the scale of its own
            targets = self._select(batch, targets, *extra)
            batch = batch._replace(counts=[sum(batch.counts)])
            avg_factor = (targets.owners >= 0).sum().clamp(min=1)
        else:
            avg_factor = (targets.owners >= 0).sum(1).clamp(min=1).sum()
        fields = (batch.scores, targets.labels, targets.label_weights)
        loss_cls = [self.loss_cls(*level, avg_factor=avg_factor) for level in _split(batch.counts, *fields)]
        return dict(loss_cls=loss_cls) | self._stage_losses('refine', batch, batch.refine, targets)

    @torch.no_grad()
    def _select(self, batch: PointBatch, targets: PointTargets, *extra: Any) -> PointTargets:
        """The targets with those positives that their quality speaks for; the rest is background.

        The classification is averaged over these.
        """
        rows = (targets.owners >= 0).nonzero(as_tuple=True)
        owners, level = targets.owners[rows], batch.level[rows[1]]
        cost = self._cost(batch, targets, rows, *extra)
        best = best_of_levels(cost, owners, level, self.topk)
        keep, weights = self._keep(batch, targets, tuple(r[best] for r in rows), cost[best])
        out = PointTargets(*(field.clone() for field in targets))
        out.labels[rows], out.weights[rows], out.owners[rows] = self.num_classes, 0.0, -1
        kept = tuple(r[best][keep] for r in rows)
        out.labels[kept], out.owners[kept] = targets.labels[kept], targets.owners[kept]
        out.weights[kept] = targets.weights[kept] if weights is None else weights[keep]
        if weights is not None:
            out.label_weights[kept] = weights[keep]
        return out

    def _cost(self, batch: PointBatch, targets: PointTargets, rows: Rows, *_: Any) -> Tensor:
        """Cost (p,) of positives: the losses of classes and of the points of the first stage."""
        return self._loss_at(batch.init, targets, rows) + self._cls_loss_at(batch, targets, rows)

    def _cls_loss_at(self, batch: PointBatch, targets: PointTargets, rows: Rows) -> Tensor:
        fields = (batch.scores[rows], targets.labels[rows], targets.label_weights[rows])
        return self.loss_cls(*fields, reduction_override='none').sum(-1)

    def _loss_at(self, points: Tensor, targets: PointTargets, rows: Rows) -> Tensor:
        fields = (points[rows], targets.polys[rows], targets.weights[rows])
        return self.loss_bbox_refine(*fields, reduction_override='none')

    def _keep(self, batch: PointBatch, targets: PointTargets, rows: Rows, cost: Tensor) -> tuple[Tensor, Tensor | None]:
        """Mask (p,) of the positives to keep, and their weights; None leaves those as they are."""
        owners = targets.owners[rows]
        shares = own_shares(batch, owners, rows)
        keep, weights = consistent_weights(cost, owners, shares, self.anti_factor)
        if self.as_published:
            weights = handed_out_in_place(keep, weights, cost, owners)
        return keep, weights

    # ------------------------------------------------------------------------------ testing
    def get_bboxes(
        self,
        cls_scores: Levels,
        pts_preds_init: Levels,
        pts_preds_refine: Levels,
        *_: Any,
        img_metas: list[dict],
        cfg: dict | None = None,
        rescale: bool = False,
    ) -> list[Detections]:
        """See the base; from the second stage."""
        settings = self.test_settings(cfg)
        kept = []
        for logits, offsets, positions in zip(
            flatten_levels(cls_scores), flatten_levels(pts_preds_refine), self._positions(cls_scores), strict=True
        ):
            score, points = logits.sigmoid(), self._points(offsets, positions)
            kept.append(keep_best(settings.get('nms_pre', -1), score.amax(-1), score, points))
        scores, points = (torch.cat(field, 1) for field in zip(*kept, strict=True))
        boxes = self._to_boxes(points.flatten(0, 1)).unflatten(0, (len(img_metas), -1))
        return self._detections(boxes, scores, img_metas, settings, rescale)

    def _to_boxes(self, points: Tensor) -> Tensor:
        """Points (k, 18) -> boxes (k, 5)."""
        return poly2obb(min_area_polygons(points), self.version)


@MODELS.register_module()
class KLDRepPointsHead(RotatedRepPointsHead):
    """Learns with losses between normal distributions, and reads boxes off those of its points.

    Hou et al., G-Rep: Gaussian Representation for Arbitrary-Oriented Object Detection, 2022. The
    arguments are those of the base.
    """

    def _to_boxes(self, points: Tensor) -> Tensor:
        gaussians = GaussianMixture(n_components=1)
        gaussians.fit(points.unflatten(-1, (9, 2)))
        return poly2obb(gaussian2bbox(gaussians), self.version)


@MODELS.register_module()
class SAMRepPointsHead(RotatedRepPointsHead):
    """Weighs positives by ``exp(1 / (1 + distance))`` to the centre, and background by e.

    Hou et al., Shape-Adaptive Selection and Measurement (SASM), AAAI 2022; the selection is that of
    SASAssigner. The arguments are those of the base; ``as_published`` also exchanges x and y of the
    place in the second stage, and measures along x and y, not along the sides.
    """

    def _targets(self, stage: str, proposals: Tensor, *truth: Any) -> PointTargets:
        targets = super()._targets(stage, proposals, *truth)
        rows = targets.owners >= 0
        places = proposals[rows]
        centres = places[:, :2] if stage == 'init' else places.unflatten(-1, (9, 2)).mean(1)
        factors = torch.full_like(targets.weights, math.e)
        if self.as_published and stage == 'refine':
            centres = centres.flip(-1)
        distances = shape_distances(centres, targets.polys[rows], turned=not self.as_published)
        factors[rows] = (1 / (1 + distances)).exp()
        return targets._replace(label_weights=targets.label_weights * factors, weights=targets.weights * factors)


def _split(counts: list[int], *fields: Tensor) -> list[tuple[Tensor, ...]]:
    """Fields (N, n, ...) of each level by itself, (N * count, ...)."""
    return list(zip(*([part.flatten(0, 1) for part in field.split(counts, 1)] for field in fields), strict=True))


def shape_distances(centres: Tensor, polys: Tensor, turned: bool = True) -> Tensor:
    """Distances (p,) of points (p, 2) to the centres of rectangles (p, 8), in roots of pixels.

    Along each side they count by the root of its length, so those along the longer one count less. They
    are measured along the sides, or along x and y, as if the rectangles were not ``turned``.
    """
    corners = polys.unflatten(-1, (4, 2))
    sides = corners[:, 1:3] - corners[:, :2]
    length = sides.norm(dim=-1).clamp(min=1e-6)
    gap = centres - corners.mean(1)
    if turned:
        gap = (gap[:, None] * sides).sum(-1) / length
    return (gap.square() / length).sum(1).sqrt()
