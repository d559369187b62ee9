"""Points on every position: where they are, what they shall say, and which boxes they are."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.core import obb2poly, poly2obb
from mmrotate.ops import min_area_polygons

from .base import BaseDenseHead, Detections, Levels, check_unmapped, keep_best, rows_of, sizes_of
from .reppoints_targets import PointTargets, point_targets


class PointHead(BaseDenseHead):
    """A head that predicts nine points on every position, in two stages.

    Subclasses set the attributes, as :class:`RotatedRepPointsHead` describes them.
    """

    init_assigner: Any
    refine_assigner: Any
    kernel_points: Tensor
    point_strides: Sequence[int]
    point_base_scale: float
    version: str
    center_init: bool
    as_published: bool

    # ---------------------------------------------------------------------------- positions
    def _positions(self, featmap_sizes: Sequence[tuple[int, int]], device: torch.device) -> Levels:
        """Positions (H * W, 3) of each level as x, y, stride."""
        levels = zip(self.prior_generator.grid_priors(featmap_sizes, device=device), self.point_strides, strict=True)
        return [nn.functional.pad(points, (0, 1), value=stride) for points, stride in levels]

    def get_points(
        self, featmap_sizes: Sequence[tuple[int, int]], img_metas: list[dict], device: torch.device | str | None = None
    ) -> tuple[list[Levels], list[Levels]]:
        """Positions (n, 3) as x, y, stride, and masks (n,) of those on the image, of each image a list over levels.

        They lie on ``device``, by default that of the head.
        """
        valid = self._valid_flags(featmap_sizes, img_metas, device)
        points = self._positions(featmap_sizes, valid[0][0].device)
        return [points for _ in img_metas], valid

    def offset_to_pts(self, center_list: list[Levels], pred_list: Levels) -> Levels:
        """Points (N, n, 18) of each level, as x, y, ... in pixels.

        Args:
            center_list: Positions of each image and level, see :meth:`get_points`.
            pred_list: Offsets (N, 18, H, W) of each level, see :meth:`forward_single`.
        """
        levels = zip(pred_list, zip(*center_list, strict=True), strict=True)
        return [self._points(rows_of(pred), torch.stack(centers)) for pred, centers in levels]

    @staticmethod
    def _points(offsets: Tensor, positions: Tensor) -> Tensor:
        """Offsets y, x, ... (..., n, 18) from positions (..., n, 3) -> points x, y, ... in pixels."""
        pairs = offsets.unflatten(-1, (-1, 2)).flip(-1)
        return (pairs * positions[..., None, 2:] + positions[..., None, :2]).flatten(-2)

    def _candidates(self, centers: list[Levels]) -> list[Levels]:
        """What objects are assigned to in the first stage, of each image and level; see ``center_init``."""
        if self.center_init:
            return centers
        square = self.kernel_points.flatten() * (self.point_base_scale / 2)
        return [[self._points(square.expand(len(level), -1), level) for level in image] for image in centers]

    def _proposals(self, centers: list[Levels], preds: Levels) -> list[Levels]:
        """Points that objects are assigned to in the second stage, of each image and level; see ``as_published``."""
        preds = [pred.detach() for pred in preds]
        if self.as_published:
            preds = [pred.unflatten(1, (-1, 2)).flip(2).flatten(1, 2) for pred in preds]
        return [list(image) for image in zip(*self.offset_to_pts(centers, preds), strict=True)]

    # ------------------------------------------------------------------------------ targets
    def get_targets(
        self,
        proposals_list: list[Levels],
        valid_flag_list: list[Levels],
        gt_bboxes_list: list[Tensor],
        img_metas: list[dict],
        gt_bboxes_ignore_list: list[Tensor] | None = None,
        gt_labels_list: list[Tensor] | None = None,
        stage: str = 'init',
        label_channels: int = 1,
        unmap_outputs: bool = True,
    ) -> tuple[Any, ...]:
        """What the positions of a batch shall say in one stage.

        Args:
            proposals_list: Positions (n, 3), or points (n, 18), of each image and level.
            valid_flag_list: Likewise masks (n,) of those that take part.
            gt_bboxes_list: Per image (k, 5).
            img_metas: Per image its facts.
            gt_bboxes_ignore_list: Per image boxes (m, 5) that count neither way.
            gt_labels_list: Per image (k,); None if there is one class.
            stage: ``'init'`` or ``'refine'``.
            label_channels: Says nothing: a label is a number.
            unmap_outputs: Only True: targets are of all positions.

        Returns:
            Labels (N, n), ``num_classes`` for background; label weights (N, n); corners (N, n, 8) of the
            objects; the proposals (N, n, d); their weights (N, n), 0 but for positives: a list over levels
            each. Then the positive and the negative positions, at least 1 of each image.
        """
        check_unmapped(unmap_outputs)
        truth = (gt_bboxes_list, gt_bboxes_ignore_list, gt_labels_list)
        targets, counts = self._targets(stage, proposals_list, valid_flag_list, *truth)
        fields = (targets.labels, targets.label_weights, targets.polys, targets.proposals, targets.weights)
        negative = (targets.label_weights > 0) & (targets.owners < 0)
        found = (int(mask.sum(1).clamp(min=1).sum()) for mask in (targets.owners >= 0, negative))
        return *(list(field.split(counts, 1)) for field in fields), *found

    def get_cfa_targets(
        self,
        proposals_list: list[Levels],
        valid_flag_list: list[Levels],
        gt_bboxes_list: list[Tensor],
        img_metas: list[dict],
        gt_bboxes_ignore_list: list[Tensor] | None = None,
        gt_labels_list: list[Tensor] | None = None,
        stage: str = 'init',
        label_channels: int = 1,
        unmap_outputs: bool = True,
    ) -> tuple[list[Tensor], ...]:
        """The same for a selection of the positives: all levels of an image together.

        Returns:
            The first five of :meth:`get_targets`, without N; indices (p,) of positives, and of their objects:
            a list over images each.
        """
        check_unmapped(unmap_outputs)
        truth = (gt_bboxes_list, gt_bboxes_ignore_list, gt_labels_list)
        targets, _ = self._targets(stage, proposals_list, valid_flag_list, *truth)
        fields = (targets.labels, targets.label_weights, targets.polys, targets.proposals, targets.weights)
        pos_inds = [(owners >= 0).nonzero().squeeze(1) for owners in targets.owners]
        gt_inds = [owners[pos] for owners, pos in zip(targets.owners, pos_inds, strict=True)]
        return *map(list, fields), pos_inds, gt_inds

    def _targets(
        self,
        stage: str,
        proposals_list: list[Levels],
        valid_flag_list: list[Levels],
        gt_bboxes: list[Tensor],
        ignore: list[Tensor] | None,
        gt_labels: list[Tensor] | None,
    ) -> tuple[PointTargets, list[int]]:
        """Targets of a stage, all levels together, and the positions of each level."""
        images = (proposals_list, valid_flag_list)
        proposals, valid = (torch.stack([torch.cat(levels) for levels in each]) for each in images)
        counts = [len(level) for level in proposals_list[0]]
        assigner = self.init_assigner if stage == 'init' else self.refine_assigner
        labels = gt_labels or [boxes.new_zeros(len(boxes), dtype=torch.long) for boxes in gt_bboxes]
        ignored = self._corners(ignore or [None] * len(gt_bboxes))
        truth = (self._corners(gt_bboxes), labels, ignored, self.num_classes)
        weight = self.train_cfg[stage].get('pos_weight', -1)
        return point_targets(assigner, proposals, valid, counts, *truth, weight), counts

    def _corners(self, boxes: Sequence[Tensor | None]) -> list[Any]:
        """Boxes (k, 5) of each image -> corners (k, 8); None stays None."""
        return [None if each is None else obb2poly(each.float(), self.version) for each in boxes]

    # ------------------------------------------------------------------------------ testing
    def get_bboxes(
        self,
        cls_scores: Levels,
        pts_preds_init: Levels,
        pts_preds_refine: Levels,
        img_metas: list[dict],
        cfg: dict | None = None,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> list[Detections]:
        """See the base; from the second stage."""
        positions = self._positions(sizes_of(cls_scores), cls_scores[0].device)
        outs = (cls_scores, pts_preds_refine)
        return self._bboxes(outs, [positions] * len(img_metas), img_metas, cfg, rescale, with_nms)

    def _get_bboxes_single(
        self,
        cls_score_list: Levels,
        point_pred_list: Levels,
        mlvl_points: Levels,
        img_shape: Sequence[int],
        scale_factor: Any,
        cfg: Any,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> Any:
        """Result of one image, of maps (C, H, W) and positions (n, 3) by level."""
        kept = []
        for cls_score, offsets, positions in zip(cls_score_list, point_pred_list, mlvl_points, strict=True):
            score, points = rows_of(cls_score).sigmoid(), self._points(rows_of(offsets), positions)
            kept.append(keep_best(cfg.get('nms_pre', -1), score.amax(-1), score, points))
        scores, points = map(torch.cat, zip(*kept, strict=True))
        return self._detections(self._to_boxes(points), scores, scale_factor, cfg, rescale, with_nms)

    def _to_boxes(self, points: Tensor) -> Tensor:
        """Points (k, 18) -> boxes (k, 5)."""
        return poly2obb(self.points2rotrect(points, y_first=False), self.version)

    def points2rotrect(self, pts: Tensor, y_first: bool = True) -> Tensor:
        """Corners (k, 8) of what points (k, 18) span, as y, x, ... or, without ``y_first``, as x, y, ..."""
        return min_area_polygons(pts.unflatten(-1, (-1, 2)).flip(-1).flatten(-2) if y_first else pts)
