"""RepPoints for rotated boxes: nine points on every position, whose hull is the object."""

import functools
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mmrotate.core.anchor import MlvlPointGenerator
from mmrotate.core.bbox import ConvexAssigner, GaussianMixture, build_assigner, gaussian2bbox
from mmrotate.models.builder import build_loss
from mmrotate.models.layers import conv_tower
from mmrotate.models.losses import loss_of_rows, mean_over_processes, over_processes
from mmrotate.ops import DeformConv2d
from mmrotate.ops.opaque import Owner, opaque
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import Levels, rows_of, sizes_of
from .point_head import PointHead
from .reppoints_targets import PointImage, best_of_levels, consistent_weights, handed_out_in_place, own_shares

# of an image's facts, one for each position, and of the type of what is chosen: labels, weights of classes, of points
_OF_POSITIONS = [PointImage._fields.index(name) for name in ('labels', 'label_weights', 'weights', 'weights')]


@MODELS.register_module()
class RotatedRepPointsHead(Owner, PointHead):
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
        conv_bias: Whether the towers' convolutions have one; ``'auto'``: only without a normalisation.
        conv_cfg: Kind of the towers' convolutions.
        norm_cfg: Of the towers.
        center_init: Objects are assigned to positions in the first stage, else to nine points on a square
            of ``point_base_scale`` strides around each, for an assigner by overlap.
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
    train_keys = dict(init=PointHead.train_keys, refine=PointHead.train_keys)
    # losses of points: name in the log -> name of the loss, both without the stage
    point_losses = dict(loss_pts='loss_bbox')

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        feat_channels: int = 256,
        point_feat_channels: int = 256,
        stacked_convs: int = 3,
        num_points: int = 9,
        gradient_mul: float = 0.1,
        point_strides: Sequence[int] = (8, 16, 32, 64, 128),
        point_base_scale: float = 4,
        conv_bias: bool | Literal['auto'] = 'auto',
        loss_cls: dict | None = None,
        loss_bbox_init: dict | None = None,
        loss_bbox_refine: dict | None = None,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        center_init: bool = True,
        transform_method: str = 'rotrect',
        use_reassign: bool = False,
        topk: int = 6,
        anti_factor: float = 0.75,
        version: str = 'oc',
        init_cfg: dict | list | None = None,
        as_published: bool = True,
    ) -> None:
        settings: dict[str, Any] = dict(loss_cls=loss_cls, train_cfg=train_cfg, test_cfg=test_cfg, init_cfg=init_cfg)
        super().__init__(num_classes, in_channels, feat_channels, **settings)
        for name, given, known in (('num_points', num_points, 9), ('transform_method', transform_method, 'rotrect')):
            if given != known:
                raise ArgumentError(f'{name} must be {known!r}, got {given!r}')
        self.point_feat_channels, self.gradient_mul = point_feat_channels, gradient_mul
        self.point_strides, self.point_base_scale = tuple(point_strides), point_base_scale
        self.center_init, self.conv_bias, self.conv_cfg = center_init, conv_bias, conv_cfg
        self.use_reassign, self.topk, self.anti_factor = use_reassign, topk, anti_factor
        self.version, self.as_published = version, as_published
        self.prior_generator = MlvlPointGenerator(self.point_strides, offset=0.0)
        default = dict(type='ConvexGIoULoss')
        self.loss_bbox_init = build_loss(loss_bbox_init or dict(default, loss_weight=0.5))
        self.loss_bbox_refine = build_loss(loss_bbox_refine or default)
        for loss in (self.loss_bbox_init, self.loss_bbox_refine):
            if getattr(loss, 'box_dim', 18) != 18:
                raise ArgumentError(f'{type(self).__name__}: {type(loss).__name__} is no loss of nine points')
        if self.train_cfg is not None:
            self.init_assigner = build_assigner(self.train_cfg.init.assigner)
            self.refine_assigner = build_assigner(self.train_cfg.refine.assigner)
            if not center_init and isinstance(self.init_assigner, ConvexAssigner):
                raise ArgumentError('center_init=False assigns by overlap: train_cfg.init needs a MaxConvexIoUAssigner')
        self._init_layers(stacked_convs, norm_cfg)

    def _init_layers(self, stacked_convs: int, norm_cfg: dict | None) -> None:
        channels, mid = self.feat_channels, self.point_feat_channels
        tower = (self.in_channels, channels, stacked_convs, norm_cfg, self.conv_cfg, self.conv_bias)
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

    # ------------------------------------------------------------------------------- losses
    def loss(
        self,
        cls_scores: Levels,
        pts_preds_init: Levels,
        pts_preds_refine: Levels,
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        img_metas: list[dict],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Levels]:
        """Losses of both stages, a list over levels each."""
        outs = (cls_scores, pts_preds_init, pts_preds_refine)
        return self._loss(outs, [], gt_bboxes, gt_labels, img_metas, gt_bboxes_ignore)

    def _loss(
        self, outs: tuple[Levels, ...], features: Levels, gt_bboxes: list[Tensor], *truth: Any
    ) -> dict[str, Levels]:
        gt_labels, img_metas, ignore = truth
        cls_scores, preds_init, preds_refine = outs
        centers, valid = self.get_points(sizes_of(cls_scores), img_metas, device=cls_scores[0].device)
        points = [self.offset_to_pts(centers, preds) for preds in (preds_init, preds_refine)]
        facts = (valid, gt_bboxes, img_metas, ignore, gt_labels)
        first = self.get_targets(self._candidates(centers), *facts, stage='init')
        proposals = self._proposals(centers, preds_init)
        names = [[f'{name}_{stage}' for name in self.point_losses] for stage in ('init', 'refine')]
        if self.use_reassign:
            per_level = zip(points[0], first[2], first[4], self.point_strides, strict=True)
            losses = _by_name(names[0], itertools.starmap(self.init_loss_single, per_level))
            targets = self.get_cfa_targets(proposals, *facts, stage='refine')
            return losses | self._selected_losses(cls_scores, points, targets, self._corners(gt_bboxes), features)
        second = self.get_targets(proposals, *facts, stage='refine')
        # corners, weights, and what a head adds
        of_points = [(found[2], found[4], *found[7:]) for found in (first, second)]
        levels = zip(cls_scores, *points, *second[:2], *of_points[0], *of_points[1], self.point_strides, strict=True)
        total = over_processes(second[5], cls_scores[0])
        single = functools.partial(self.loss_single, num_total_samples_refine=total)
        return _by_name(['loss_cls', *names[0], *names[1]], itertools.starmap(single, levels))

    def loss_single(
        self,
        cls_score: Tensor,
        pts_pred_init: Tensor,
        pts_pred_refine: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        rbbox_gt_init: Tensor,
        convex_weights_init: Tensor,
        rbbox_gt_refine: Tensor,
        convex_weights_refine: Tensor,
        stride: float,
        num_total_samples_refine: float | Tensor,
    ) -> tuple[Tensor, ...]:
        """Losses of classes and of the points of both stages, of one level.

        Args:
            cls_score: Map (N, C, H, W).
            pts_pred_init: Points (N, n, 18) of the first stage, see :meth:`offset_to_pts`.
            pts_pred_refine: Those of the second.
            labels: (N, n), as all that follow see :meth:`get_targets`.
            label_weights: (N, n).
            rbbox_gt_init: (N, n, 8).
            convex_weights_init: (N, n).
            rbbox_gt_refine: (N, n, 8).
            convex_weights_refine: (N, n).
            stride: Of the level, in pixels.
            num_total_samples_refine: What the loss of the classes is divided by.
        """
        fields = (rows_of(cls_score).flatten(0, 1), labels.flatten(), label_weights.flatten())
        return (
            self.loss_cls(*fields, avg_factor=num_total_samples_refine),
            *self.init_loss_single(pts_pred_init, rbbox_gt_init, convex_weights_init, stride),
            *self._points_loss('refine', pts_pred_refine, rbbox_gt_refine, convex_weights_refine, stride),
        )

    def init_loss_single(
        self, pts_pred_init: Tensor, bbox_gt_init: Tensor, bbox_weights_init: Tensor, stride: float
    ) -> tuple[Tensor, ...]:
        """Losses of the points of the first stage, of one level; see :meth:`loss_single`."""
        return self._points_loss('init', pts_pred_init, bbox_gt_init, bbox_weights_init, stride)

    def _points_loss(
        self, stage: str, points: Tensor, polys: Tensor, weights: Tensor, stride: float | Tensor
    ) -> tuple[Tensor, ...]:
        """Losses of points (N, n, 18) of a stage, of those whose weight (N, n) is above 0."""
        rows = weights > 0
        scale = self.point_base_scale * (stride[rows, None] if torch.is_tensor(stride) else stride)
        fields = (points[rows] / scale, polys[rows] / scale, weights[rows])
        losses = (getattr(self, f'{loss}_{stage}') for loss in self.point_losses.values())
        return tuple(loss_of_rows(loss, *fields) for loss in losses)

    # ---------------------------------------------------------------- selection of positives
    def _selected_losses(
        self, cls_scores: Levels, points: list[Levels], targets: Sequence[list], gt_polys: Levels, maps: Levels
    ) -> dict[str, Levels]:
        """Losses of the second stage, over all levels together, each position in the scale of its own."""
        scores, init, refine = (torch.cat(levels, 1) for levels in ([rows_of(m) for m in cls_scores], *points))
        assigned, pos_inds, gt_inds = [*targets[:3], targets[4]], *targets[5:]
        counts = [[level.size(1) for level in points[0]]] * len(scores)
        facts = zip(scores, init, refine, *assigned, pos_inds, gt_inds, gt_polys, counts, strict=True)
        chosen = [self._chosen(*image, [x[i : i + 1] for x in maps]) for i, image in enumerate(facts)]
        labels, label_weights, weights, strides = map(torch.stack, zip(*chosen, strict=True))
        positive = (labels >= 0) & (labels < self.num_classes)
        fields = (scores.flatten(0, 1), labels.flatten(), label_weights.flatten())
        loss_cls = self.loss_cls(*fields, avg_factor=mean_over_processes(positive.sum().float()))
        losses = self._points_loss('refine', refine, torch.stack(targets[2]), weights, strides)
        return _by_name(['loss_cls', *(f'{name}_refine' for name in self.point_losses)], [(loss_cls, *losses)])

    @opaque(lambda _, *facts: [facts[k].clone() for k in _OF_POSITIONS])
    @torch.no_grad()
    def _chosen(self, *facts: Any) -> list[Tensor]:
        """Labels, their weights, weights of points and strides of the positions (n,) of an image.

        The facts are those of :class:`PointImage`, and last the maps that :meth:`_select` sees.
        """
        *image, maps = facts
        labels, label_weights, weights, *_, scales = self._select(PointImage(*image), maps)
        strides = torch.ones_like(weights)
        strides[(labels >= 0) & (labels < self.num_classes)] = scales.to(strides) / self.point_base_scale
        return [labels, label_weights, weights, strides]

    def _select(self, image: PointImage, maps: Levels) -> tuple[Any, ...]:
        """Labels (n,), their weights (n,), weights of points (n,), and last the pixels (k,) that count as one for
        the positives that are left; ``maps`` are what ``forward_single`` gives beside scores and points.
        """
        given = (image.labels, image.polys, image.label_weights, image.weights, image.pos_inds)
        losses = self.get_pos_loss(image.scores, image.init, *given)
        facts = (image.labels, image.label_weights, image.init, image.weights, image.gt_polys)
        return self.reassign(losses, *facts, image.pos_inds, image.gt_inds, image.counts, len(image.counts))

    def get_pos_loss(
        self,
        cls_score: Tensor,
        pts_pred: Tensor,
        label: Tensor,
        bbox_gt: Tensor,
        label_weight: Tensor,
        convex_weight: Tensor,
        pos_inds: Tensor,
    ) -> Tensor:
        """Losses (p,) of classes and points of the positives of an image, without a factor of their scale.

        Args:
            cls_score: Logits (n, C).
            pts_pred: Points (n, 18).
            label: (n,).
            bbox_gt: Corners (n, 8) of the objects.
            label_weight: (n,).
            convex_weight: (n,).
            pos_inds: Indices (p,).
        """
        classes, points = (
            loss(*(field[pos_inds] for field in fields), reduction_override='none')
            for loss, fields in (
                (self.loss_cls, (cls_score, label, label_weight)),
                (self.loss_bbox_refine, (pts_pred, bbox_gt, convex_weight)),
            )
        )
        return points + classes.sum(-1)

    def reassign(
        self,
        pos_losses: Tensor,
        label: Tensor,
        label_weight: Tensor,
        pts_pred_init: Tensor,
        convex_weight: Tensor,
        gt_bbox: Tensor,
        pos_inds: Tensor,
        pos_gt_inds: Tensor,
        num_proposals_each_level: list[int] | None = None,
        num_level: int | None = None,
    ) -> tuple[Tensor, ...]:
        """The targets of an image with those positives that CFA keeps, the others are background.

        Args:
            pos_losses: (p,), see :meth:`get_pos_loss`.
            label: (n,).
            label_weight: (n,).
            pts_pred_init: Points (n, 18) of the first stage.
            convex_weight: (n,).
            gt_bbox: Corners (k, 8) of the image's objects.
            pos_inds: Indices (p,) of positives.
            pos_gt_inds: Their objects (p,).
            num_proposals_each_level: Positions of each level; None if there is one.
            num_level: Says nothing beside it.

        Returns:
            Labels, their weights, weights of points, (n,) each; pixels (k,) that count as one for the kept.
        """
        counts = num_proposals_each_level or [len(label)]
        best = self._best(pos_losses, pos_gt_inds, counts, pos_inds)
        cost, owners, places = pos_losses[best], pos_gt_inds[best], pos_inds[best]
        shares = own_shares(pts_pred_init[places], gt_bbox, owners)
        keep, weights = consistent_weights(cost, owners, shares, self.anti_factor)
        if self.as_published:
            weights = handed_out_in_place(keep, weights, cost, owners)
        kept = places[keep]
        label, label_weight, convex_weight = self._without(label, label_weight, convex_weight, pos_inds, kept)
        label_weight[kept] = convex_weight[kept] = weights[keep].to(convex_weight)
        return label, label_weight, convex_weight, self._scales(counts, kept)

    def _best(self, cost: Tensor, owners: Tensor, counts: list[int], places: Tensor) -> Tensor:
        """Indices of the at most ``topk`` positives (p,) of least cost of each object on each level."""
        return best_of_levels(cost, owners, self._of_levels(range(len(counts)), counts, places), self.topk)

    def _without(self, label: Tensor, label_weight: Tensor, weight: Tensor, pos_inds: Tensor, kept: Tensor) -> Levels:
        """The targets (n,) of an image with background in place of positives that are not kept."""
        dropped = torch.zeros_like(label, dtype=torch.bool)
        dropped[pos_inds], dropped[kept] = True, False
        return [label.masked_fill(dropped, self.num_classes), label_weight.clone(), weight.masked_fill(dropped, 0.0)]

    def _scales(self, counts: list[int], kept: Tensor) -> Tensor:
        """Pixels (k,) that the losses take as one, of the kept positions (k,) in their order."""
        return self.point_base_scale * self._of_levels(self.point_strides, counts, kept.sort().values)

    @staticmethod
    def _of_levels(facts: Sequence[int], counts: list[int], places: Tensor) -> Tensor:
        """Facts of the levels that the places (p,) lie on."""
        repeats = torch.tensor(counts, device=places.device)
        return places.new_tensor(list(facts)).repeat_interleave(repeats)[places]


@MODELS.register_module()
class KLDRepPointsHead(RotatedRepPointsHead):
    """Learns with losses between normal distributions, and reads boxes off those of its points.

    Hou et al., G-Rep: Gaussian Representation for Arbitrary-Oriented Object Detection, 2022. The
    arguments are those of the base.
    """

    def points2rotrect(self, pts: Tensor, y_first: bool = True) -> Tensor:
        """As of the base."""
        pairs, gaussians = pts.unflatten(-1, (9, 2)), GaussianMixture(n_components=1)
        gaussians.fit_one(pairs.flip(-1) if y_first else pairs)
        return gaussian2bbox(gaussians)


def _by_name(names: Sequence[str], levels: Iterable[tuple[Tensor, ...]]) -> dict[str, Levels]:
    """Losses of each level -> a list over levels of each name."""
    return dict(zip(names, map(list, zip(*levels, strict=True)), strict=True))
