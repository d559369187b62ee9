"""Oriented RepPoints: positives chosen by the quality of their points."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate.models.builder import build_loss
from mmrotate.ops import chamfer_distance
from mmrotate.registry import MODELS

from .base import Detections, Levels, positional
from .reppoints_head import RotatedRepPointsHead
from .reppoints_targets import PointImage, rank_in_group

# points on each side of a rectangle that orientations are compared by, and what a pixel counts
_SIDE_POINTS = 10
_PIXEL = 0.05


@MODELS.register_module()
class OrientedRepPointsHead(RotatedRepPointsHead):
    """Learns from the positives of best quality, and keeps the points inside of their objects.

    Li et al., Oriented RepPoints for Aerial Object Detection, CVPR 2022.

    Args:
        loss_spatial_init: Of points outside, first stage.
        loss_spatial_refine: Likewise, second stage.
        top_ratio: Share of an object's positives that is kept.
        init_qua_weight: Share of the first stage in the quality.
        ori_qua_weight: Weight of the orientation in the quality.
        poc_qua_weight: Weight of how alike the features at the points are.
        **kwargs: See :class:`RotatedRepPointsHead`.
    """

    point_losses = dict(RotatedRepPointsHead.point_losses, loss_spatial='loss_spatial')

    @positional(
        'num_classes in_channels feat_channels point_feat_channels stacked_convs num_points gradient_mul '
        'point_strides point_base_scale conv_bias loss_cls loss_bbox_init loss_bbox_refine loss_spatial_init '
        'loss_spatial_refine conv_cfg norm_cfg train_cfg test_cfg center_init version top_ratio init_qua_weight '
        'ori_qua_weight poc_qua_weight init_cfg'
    )
    def __init__(
        self,
        *,
        loss_spatial_init: dict | None = None,
        loss_spatial_refine: dict | None = None,
        top_ratio: float = 0.4,
        init_qua_weight: float = 0.2,
        ori_qua_weight: float = 0.3,
        poc_qua_weight: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        spatial = dict(type='SpatialBorderLoss')
        self.loss_spatial_init = build_loss(loss_spatial_init or dict(spatial, loss_weight=0.05))
        self.loss_spatial_refine = build_loss(loss_spatial_refine or dict(spatial, loss_weight=0.1))
        self.top_ratio, self.use_reassign = top_ratio, True
        self.init_qua_weight, self.ori_qua_weight, self.poc_qua_weight = init_qua_weight, ori_qua_weight, poc_qua_weight

    def forward_single(self, x: Tensor) -> tuple[Tensor, ...]:
        """As of the base, and the map itself."""
        return (*super().forward_single(x), x)

    def loss(  # type: ignore[override]
        self,
        cls_scores: Levels,
        pts_preds_init: Levels,
        pts_preds_refine: Levels,
        base_features: Levels,
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        img_metas: list[dict],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Levels]:
        """Losses of both stages, a list over levels each."""
        outs = (cls_scores, pts_preds_init, pts_preds_refine)
        return self._loss(outs, base_features, gt_bboxes, gt_labels, img_metas, gt_bboxes_ignore)

    def get_bboxes(  # type: ignore[override]
        self,
        cls_scores: Levels,
        pts_preds_init: Levels,
        pts_preds_refine: Levels,
        base_feats: Levels,
        img_metas: list[dict],
        cfg: dict | None = None,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> list[Detections]:
        """See the base; from the second stage."""
        return super().get_bboxes(cls_scores, pts_preds_init, pts_preds_refine, img_metas, cfg, rescale, with_nms)

    def _select(self, image: PointImage, maps: Levels) -> tuple[Any, ...]:
        positives = [field[image.pos_inds] for field in image[:7]]
        scores, init, refine, labels, label_weights, polys, weights = positives
        rows = torch.arange(len(labels), device=labels.device)
        features = self._features(image, refine, maps)
        facts = (labels, polys, label_weights, weights, rows)
        quality = self.pointsets_quality_assessment(features, scores, init, refine, *facts)
        targets = (image.labels, image.label_weights, image.weights, image.pos_inds, image.gt_inds)
        return self.dynamic_pointset_samples_selection(quality, *targets, image.counts, len(image.counts))

    def _features(self, image: PointImage, points: Tensor, maps: Levels) -> Tensor:
        """Features (p, 9, C) at the points (p, 18) of an image's positives."""
        found = points.new_zeros(len(points), 9, maps[0].size(1))
        level = self._of_levels(range(len(maps)), image.counts, image.pos_inds)
        for i, (x, stride) in enumerate(zip(maps, self.point_strides, strict=True)):
            here = level == i
            found[here] = self.get_adaptive_points_feature(x, points[here][None], stride)[0].permute(1, 2, 0)
        return found

    def get_adaptive_points_feature(self, features: Tensor, pt_locations: Tensor, stride: float) -> Tensor:
        """Features (B, C, p, 9) of maps (B, C, H, W) at points (B, p, 18), as x, y, ... in pixels."""
        size = pt_locations.new_tensor([features.size(3), features.size(2)]) * stride
        place = pt_locations.unflatten(-1, (9, 2)) / (size / 2) - 1
        return F.grid_sample(features.float(), place, align_corners=False)

    def feature_cosine_similarity(self, points_features: Tensor) -> Tensor:
        """Largest cosine distance (p,) of the features (p, 9, C) at a position's points to their mean."""
        mean = points_features.mean(1, keepdim=True)
        return 1 - F.cosine_similarity(points_features, mean, 2, 1e-6).amin(1)

    def pointsets_quality_assessment(
        self,
        pts_features: Tensor,
        cls_score: Tensor,
        pts_pred_init: Tensor,
        pts_pred_refine: Tensor,
        label: Tensor,
        bbox_gt: Tensor,
        label_weight: Tensor,
        bbox_weight: Tensor,
        pos_inds: Tensor,
    ) -> Tensor:
        """How far a position is from its object, the less, the better: class, place, orientation, features.

        It is called with the positives of an image alone, so all of them are in ``pos_inds``.

        Args:
            pts_features: Features (n, 9, C) at the points of the second stage.
            cls_score: Logits (n, C).
            pts_pred_init: Points (n, 18) of the first stage.
            pts_pred_refine: Those of the second.
            label: (n,).
            bbox_gt: Corners (n, 8) of the objects.
            label_weight: (n,).
            bbox_weight: (n,).
            pos_inds: Indices (p,) of positives.

        Returns:
            (p,).
        """
        features, scores, init, refine, labels, polys, label_weights, weights = (
            field[pos_inds]
            for field in (
                pts_features, cls_score, pts_pred_init, pts_pred_refine, label, bbox_gt, label_weight, bbox_weight,
            )
        )  # fmt: skip
        quality = self.loss_cls(scores, labels, label_weights, reduction_override='none').sum(-1)
        sides = self.sampling_points(polys, _SIDE_POINTS, polys.device)
        for points, share in ((init, self.init_qua_weight), (refine, 1 - self.init_qua_weight)):
            found = self.sampling_points(self.points2rotrect(points, y_first=False), _SIDE_POINTS, points.device)
            near = torch.cat(chamfer_distance(sides, found)[:2], 1).clamp(min=1e-12).sqrt()
            turned = self.ori_qua_weight * _PIXEL * near.mean(1)
            place = self.loss_bbox_refine(points, polys, weights, reduction_override='none')
            quality = quality + share * (place + turned)
        return quality + self.poc_qua_weight * self.feature_cosine_similarity(features)

    def dynamic_pointset_samples_selection(
        self,
        quality: Tensor,
        label: Tensor,
        label_weight: Tensor,
        bbox_weight: Tensor,
        pos_inds: Tensor,
        pos_gt_inds: Tensor,
        num_proposals_each_level: list[int] | None = None,
        num_level: int | None = None,
    ) -> tuple[Any, ...]:
        """The targets of an image with the ``top_ratio`` of each object's positives, the others are background.

        Args:
            quality: (p,), see :meth:`pointsets_quality_assessment`.
            label: (n,).
            label_weight: (n,).
            bbox_weight: (n,).
            pos_inds: Indices (p,) of positives.
            pos_gt_inds: Their objects (p,).
            num_proposals_each_level: Positions of each level; None if there is one.
            num_level: Says nothing beside it.

        Returns:
            Labels, their weights, weights of points, (n,) each; the number of positives that are kept; pixels
            that count as one for each of them.
        """
        counts = num_proposals_each_level or [len(label)]
        candidates = self._best(quality, pos_gt_inds, counts, pos_inds)
        rank, size = rank_in_group(quality[candidates], pos_gt_inds[candidates])
        kept = pos_inds[candidates[rank < (size * self.top_ratio).ceil()]]
        targets = self._without(label, label_weight, bbox_weight, pos_inds, kept)
        return *targets, len(kept), self._scales(counts, kept)

    def sampling_points(self, polygons: Tensor, points_num: int, device: torch.device | str) -> Tensor:
        """Points (n, 4 * points_num, 2) on the sides of polygons (n, 8), on ``device``."""
        corners = polygons.to(device).unflatten(-1, (4, 2))[:, :, None]
        t = torch.linspace(0, 1, points_num, device=device)[:, None]
        return (corners * (1 - t) + corners.roll(-1, 1) * t).flatten(1, 2)
