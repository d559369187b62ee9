"""Heads that learn rotated boxes from upright ones: the angle follows from several views of an image."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmrotate.core.bbox import obb2hbb, obb2xyxy
from mmrotate.models.builder import build_loss
from mmrotate.models.losses import loss_of_rows, mean_over_processes
from mmrotate.models.turn import Turn
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import Detections, Levels, rows_of, sizes_of
from .fcos_head import RotatedFCOSHead
from .fcos_targets import Positives


class WeakFCOSHead(RotatedFCOSHead):
    """FCOS whose rotated boxes are held against upright labels by the upright boxes around them.

    Args:
        angle_version: That of the ``bbox_coder``, and of the results.
        scale_angle: A learned factor on the angle.
        loss_bbox: Of upright boxes.
        rotation_agnostic_classes: Labels of the classes without a direction.
        **kwargs: See :class:`RotatedFCOSHead`.
    """

    weak_supervised = True
    counts_pairs = True

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        angle_version: str = 'le90',
        scale_angle: bool = True,
        loss_bbox: dict | None = None,
        bbox_coder: dict | None = None,
        rotation_agnostic_classes: Sequence[int] | None = None,
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        self.angle_version = angle_version
        parts: dict[str, Any] = dict(
            scale_angle=scale_angle,
            loss_bbox=loss_bbox or dict(type='IoULoss' if self.weak_supervised else 'RotatedIoULoss'),
            bbox_coder=bbox_coder or dict(type='DistanceAnglePointCoder', angle_version=angle_version),
            init_cfg=init_cfg,
        )
        super().__init__(num_classes, in_channels, **parts, **kwargs)
        if self.separate_angle or self.loss_angle is not None:
            wanted = 'leave separate_angle (use_hbbox_loss) False and loss_angle None'
            raise ArgumentError(f'{type(self).__name__} learns no angles of labels: {wanted}')
        if angle_version != self.bbox_coder.angle_version:
            given = f'{angle_version!r} and {self.bbox_coder.angle_version!r}'
            raise ArgumentError(f'angle_version and that of bbox_coder must be the same, got {given}')

        self.rotation_agnostic_classes = self._labels(rotation_agnostic_classes=rotation_agnostic_classes)

    def _labels(self, **given: Sequence[int] | None) -> list[int]:
        """The labels that an argument, given by its name, has; an ArgumentError unless there are such classes."""
        ((name, classes),) = given.items()
        labels = list(classes or [])
        if strange := [label for label in labels if not 0 <= label < self.num_classes]:
            raise ArgumentError(f'{name}: labels of the {self.num_classes} classes, or None, are needed, got {strange}')
        return labels

    def _among(self, labels: Tensor, classes: Sequence[int]) -> Tensor:
        """Mask (n,) of the labels (n,) that are of these classes."""
        # not isin: what runs files takes anything for one of none
        among = torch.tensor([label in classes for label in range(self.num_classes)], device=labels.device)
        return among[labels]

    def _decoded(self, points: Tensor, strides: Tensor, distances: Tensor, angles: Tensor) -> Tensor:
        """Boxes (n, 5) of points (n, 2) with strides (n, 1), distances (n, 4) as in training, and angles (n, 1)."""
        pixels = distances * strides if self.norm_on_bbox else distances
        boxes: Tensor = self.bbox_coder.decode(points, torch.cat([pixels, angles], 1))
        return boxes

    def _angles(self, codes: Tensor) -> Tensor:
        """Angles (n, 1) of what is predicted of them."""
        angles: Tensor = self.angle_coder.decode(codes, keepdim=True)
        return angles


@MODELS.register_module()
class H2RBoxHead(WeakFCOSHead):
    """The head of H2RBox (Yang et al., ICLR 2023): boxes in a turned view shall be those of the image, turned.

    Args:
        loss_bbox_ss: Of boxes (n, 5) in the turned view.
        weak_supervised: Learn from upright boxes; False: from rotated ones.
        square_classes: Labels of the classes whose results are made upright.
        crop_size: Not needed: the views are as large as the detector makes them.
        **kwargs: See :class:`WeakFCOSHead`.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss_bbox_ss: dict | None = None,
        weak_supervised: bool = True,
        square_classes: Sequence[int] | None = None,
        crop_size: Sequence[int] | None = None,
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        self.weak_supervised = weak_supervised
        super().__init__(num_classes, in_channels, init_cfg=init_cfg, **kwargs)
        self.square_classes = self._labels(square_classes=square_classes)
        self.loss_bbox_ss = build_loss(loss_bbox_ss or dict(type='H2RBoxConsistencyLoss'))

    def forward_train(  # type: ignore[override]
        self,
        x: Sequence[Tensor],
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
        turn: Turn | None = None,
    ) -> dict[str, Tensor]:
        """Losses of a pyramid of the images, and after them, if there is a ``turn``, of the images turned by it."""
        count, outs = len(gt_bboxes), self(x)
        classes, distances, angles, centers = ([m[:count] for m in maps] for maps in outs)
        view = None if turn is None else ([[m[count:] for m in maps] for maps in outs[1:3]], turn)
        truth = (gt_bboxes, gt_labels, img_metas, gt_bboxes_ignore)
        return self.loss(classes, distances, angles, centers, *truth, view)

    def loss(  # type: ignore[override]
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        angle_preds: Levels,
        centernesses: Levels,
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        img_metas: list[dict],
        gt_bboxes_ignore: list[Tensor] | None = None,
        view: tuple[list[Levels], Turn] | None = None,
    ) -> dict[str, Tensor]:
        """As of the base, and with a ``view``, distances and angles of the turned images, ``loss_bbox_ss``."""
        losses, pos = self._matched((cls_scores, bbox_preds, angle_preds, centernesses), gt_bboxes, gt_labels)
        found = self._decoded(pos.points, pos.strides, pos.distances, self._angles(pos.angles))
        wanted = self._decoded(pos.points, pos.strides, pos.targets, pos.angle_targets)
        if self.weak_supervised:
            losses['loss_bbox'] = self._overlap_loss(pos, obb2xyxy(found), obb2xyxy(wanted))
        else:
            losses['loss_bbox'] = self._overlap_loss(pos, found, wanted)
        if view is not None:
            losses['loss_bbox_ss'] = self._consistency(pos, found, *view)
        return losses

    def _consistency(self, pos: Positives, found: Tensor, preds: Sequence[Levels], turn: Turn) -> Tensor:
        """Loss of what is predicted where the positions come to lie, against their boxes (p, 5), both turned."""
        cells, rows, inside = _partners(pos, preds[0], turn)
        distances, angles = (torch.cat([rows_of(m).flatten(0, 1) for m in maps])[rows[inside]] for maps in preds)
        strides = pos.strides[inside]
        seen = self._decoded((cells[inside] + 0.5) * strides, strides, distances, self._angles(angles))
        wanted = turn.boxes(found[inside])
        still = self._among(pos.labels[inside], self.rotation_agnostic_classes)
        wanted = torch.cat([wanted[:, :4], wanted[:, 4:].masked_fill(still[:, None], 0)], 1)
        central = pos.central[inside]
        total = mean_over_processes(central.sum())
        return loss_of_rows(self.loss_bbox_ss, seen, wanted, weight=central, avg_factor=total)

    def _best_detections(self, *args: Any) -> Detections:
        """As of the base, those of ``square_classes`` made upright."""
        boxes, labels = super()._best_detections(*args)
        square = self._among(labels, self.square_classes)[:, None]
        upright = torch.cat([obb2hbb(boxes, self.angle_version), boxes[:, 5:]], 1)
        return torch.where(square, upright, boxes), labels


def _partners(pos: Positives, maps: Levels, turn: Turn) -> tuple[Tensor, Tensor, Tensor]:
    """Where positions are turned to: cells (p, 2) as column and row, their rows among all, and which are on the maps.

    ``maps`` (N, C, H, W) of each level are of the turned images, and as large as those that the rows of the positions
    count through.
    """
    sizes = torch.tensor(sizes_of(maps), device=pos.rows.device)
    areas = sizes.prod(1)
    ends = (areas * len(maps[0])).cumsum(0)
    level = torch.bucketize(pos.rows, ends, right=True)
    (height, width), area = sizes[level].unbind(1), areas[level]
    start = ends[level] - area * len(maps[0])
    cells = (turn.points(pos.points) / pos.strides).floor().long()
    column, row = cells.unbind(1)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    image = (pos.rows - start) // area
    return cells, start + (image * height + row) * width + column, inside


@MODELS.register_module()
class H2RBoxV2Head(WeakFCOSHead):
    """The head of H2RBox-v2 (Yu et al., NeurIPS 2023): angles follow from a turned and a mirrored view.

    What an object's angles are in the three views is averaged over its positions, before the ``angle_coder`` makes an
    angle of it.

    Args:
        loss_symmetry_ss: Of the angles (n,) in the three views.
        agnostic_resize_classes: Labels of those ``rotation_agnostic_classes`` whose results are made smaller, by 0.85,
            for a round object touches the middles of its sides.
        use_circumiou_loss: Hold upright boxes against each other along the axes of the label, which may be turned;
            False: along the image's axes, and only for labels that are upright.
        use_standalone_angle: The angle is learned of the views alone.
        use_reweighted_loss_bbox: Let boxes count less while the angles are wrong.
        **kwargs: See :class:`WeakFCOSHead`.
    """

    views = 3

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        scale_angle: bool = False,
        loss_symmetry_ss: dict | None = None,
        agnostic_resize_classes: Sequence[int] | None = None,
        use_circumiou_loss: bool = True,
        use_standalone_angle: bool = True,
        use_reweighted_loss_bbox: bool = False,
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, in_channels, scale_angle=scale_angle, init_cfg=init_cfg, **kwargs)
        self.loss_symmetry_ss = build_loss(loss_symmetry_ss or dict(type='H2RBoxV2ConsistencyLoss'))
        self.agnostic_resize_classes = self._labels(agnostic_resize_classes=agnostic_resize_classes)
        self.use_circumiou_loss = use_circumiou_loss
        self.use_standalone_angle, self.use_reweighted_loss_bbox = use_standalone_angle, use_reweighted_loss_bbox

    def get_targets(
        self, points: Levels, gt_bboxes_list: list[Tensor], gt_labels_list: list[Tensor]
    ) -> tuple[Levels, ...]:
        """As of the base, and after it the owners (N * n,): which object of the batch."""
        return self._targets(points, gt_bboxes_list, gt_labels_list)

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
        """Losses of three batches in one: the images, the turned and the mirrored ones, with the same objects each."""
        losses, pos = self._matched((cls_scores, bbox_preds, angle_preds, centernesses), gt_bboxes, gt_labels)
        losses['loss_bbox'] = self._upright_loss(pos)
        objects = max(map(len, gt_bboxes)) * len(gt_bboxes) // self.views
        losses['loss_symmetry_ss'] = self._symmetry(pos, objects)
        if self.use_reweighted_loss_bbox:
            losses['loss_bbox'] = losses['loss_bbox'] * losses['loss_symmetry_ss'].detach().neg().exp()
        return losses

    def _upright_loss(self, pos: Positives) -> Tensor:
        """Loss of the boxes around the rotated ones."""
        still = self._among(pos.labels, self.rotation_agnostic_classes)[:, None]
        angles, wanted = self._angles(pos.angles).masked_fill(still, 0), pos.angle_targets
        wanted = torch.where(still, (wanted.abs() >= math.pi / 4) * (-math.pi / 2), wanted)
        if self.use_standalone_angle:
            angles = angles.detach()
        pairs = ((pos.distances, angles), (pos.targets, wanted))
        found, truth = (self._decoded(pos.points, pos.strides, *pair) for pair in pairs)
        if self.use_circumiou_loss:
            return self._overlap_loss(pos, *nested_projection(found, truth))
        upright = (2 * truth[:, 4]).sin().abs() < 1e-5
        part = pos._replace(central=pos.central * upright)
        return self._overlap_loss(part, obb2xyxy(found), obb2xyxy(truth))

    def _symmetry(self, pos: Positives, objects: int) -> Tensor:
        """Loss of the angles of the objects that have positions in all views; a view has so many ``objects``."""
        size, owners = self.views * objects, pos.owners
        assert owners is not None
        counts = torch.bincount(owners, minlength=size)
        facts = torch.cat([pos.angles, pos.angle_targets], 1)
        sums = facts.new_zeros(size, facts.size(1)).index_add(0, owners, facts)
        everywhere = (counts.view(self.views, objects) > 0).all(0)
        means = (sums / counts.clamp(min=1)[:, None]).view(self.views, objects, facts.size(1))[:, everywhere]
        labels = pos.labels.new_zeros(size).index_put((owners,), pos.labels)[:objects][everywhere]
        angles = [self._angles(view[:, :-1])[:, 0] for view in means]
        still = self._among(labels, self.rotation_agnostic_classes)
        return loss_of_rows(self.loss_symmetry_ss, *angles, means[0, :, -1], means[1, :, -1], still)

    def _of_classes(self, boxes: Tensor, labels: Tensor) -> Tensor:
        """Candidates (k, 5): those without a direction are upright, and some are smaller."""
        factors = boxes.new_ones(self.num_classes, 5)
        agnostic = (self.rotation_agnostic_classes, slice(4, 5), 0.0), (self.agnostic_resize_classes, slice(2, 4), 0.85)
        for classes, columns, factor in agnostic:
            if len(classes):  # OpenVINO reads no assignment to nothing
                factors[classes, columns] = factor
        return boxes * factors[labels]


def nested_projection(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes (n, 5) and their targets (n, 5) as upright ones (n, 4), with the directions of the targets as the axes.

    Centres stay where they are, as the published models were trained: exact for targets that are upright.
    """
    angles = target[:, 4:]
    return (
        obb2xyxy(torch.cat([pred[:, :4], pred[:, 4:] - angles], 1)),
        obb2xyxy(torch.cat([target[:, :4], torch.zeros_like(angles)], 1)),
    )
