"""Heads of the detectors that find objects by queries: classes and boxes of each, matched one to one with objects."""

import copy
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmengine.model import bias_init_with_prob
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.core.bbox import batch_method, bbox_overlaps, build_assigner, in_version, rbbox_overlaps
from mmrotate.core.bbox.angle import AngleVersion
from mmrotate.models.base_module import BaseModule
from mmrotate.models.builder import build_loss
from mmrotate.models.losses import DEIMMalLoss, VarifocalLoss, mean_over_processes
from mmrotate.models.settings import own_or_given, settings_of, with_keys
from mmrotate.models.transformers.denoising import Noised
from mmrotate.models.transformers.positions import inverse_sigmoid
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.graph import largest

from .base import Detections, in_original

_FOCAL = dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=2.0)
_KLD = dict(type='GDLoss', loss_type='kld', fun='log1p', tau=1, sqrt=False, loss_weight=2.0)


class Pairs(NamedTuple):
    """Queries and objects that belong together, (k,) each."""

    images: Tensor  # index
    queries: Tensor  # index in the image
    objects: Tensor  # index in the batch

    def of(self, chosen: Tensor) -> 'Pairs':
        """Some of them, by a mask (k,)."""
        return Pairs(*(each[chosen] for each in self))


class Truth(NamedTuple):
    """The objects of a batch, those of one image after the other."""

    objects: Tensor  # boxes (k, 5), see RotatedDeformableDETRHead.in_shares
    labels: Tensor  # (k,)
    images: Tensor  # (k,) index
    units: Tensor  # (N, 5) pixels and radians of the numbers of a box, of each image
    counts: list[int]  # objects of each image

    def each(self, field: Tensor) -> tuple[Tensor, ...]:
        """What is known of all objects (k, ...), image by image."""
        return field.split(self.counts)

    @property
    def firsts(self) -> Tensor:
        """The index (N,) of the first object of each image."""
        starts = [0, *itertools.accumulate(self.counts)]
        return self.labels.new_tensor(starts[:-1])

    def near(self, noised: Noised) -> Pairs:
        """Noised queries near to the objects, image by image and group by group, and these."""
        queries, objects, first = [], [], 0
        for count in self.counts:
            queries.append(noised.near(count).flatten())
            objects.append(torch.arange(first, first + count, device=self.labels.device).repeat(noised.groups))
            first += count
        found = torch.cat(objects)
        return Pairs(self.images[found], torch.cat(queries), found)


@MODELS.register_module()
class RotatedDeformableDETRHead(BaseModule):
    """Classes and boxes of the queries of each layer (Zhu et al., Deformable DETR, ICLR 2021), with an angle.

    Boxes are predicted as five numbers in (0, 1): x, y, w, h in shares of the image, w the longer side of an object,
    and theta in units of ``angle_factor``. Each layer adds to what the one before it says.

    Args:
        num_classes: Classes.
        embed_dims: Numbers of a query, set by the detector.
        num_reg_fcs: Layers between a query and its box.
        sync_cls_avg_factor: The losses of classes are means over the objects of all processes.
        angle_cfg: ``start_angle``: where the angles of objects begin, in degrees; ``width_longer``: only True.
        angle_factor: Radians of an angle of 1.
        loss_cls: Loss of the classes.
        loss_bbox: Loss of the five numbers.
        loss_iou: Loss of the boxes in pixels.
        num_pred_layer: Layers that predict, set by the detector.
        share_pred_layer: They are one, likewise.
        as_two_stage: The last of them is for the pixels, likewise.
        train_cfg: ``assigner``.
        test_cfg: ``max_per_img``; ``nms``, with which the detector merges views.
        init_cfg: Initialisation.
    """

    train_keys = dict.fromkeys(('assigner',))
    test_keys: dict[str, Any] = dict(max_per_img=None, nms=None)
    # of how many numbers of a box the layer before it is taken up
    residual = 4
    # numbers in (0, 1) nearer to an end than this count as that near
    eps = 1e-5

    def __init__(
        self,
        num_classes: int,
        embed_dims: int = 256,
        num_reg_fcs: int = 2,
        sync_cls_avg_factor: bool = False,
        angle_cfg: dict | None = None,
        angle_factor: float = math.pi,
        loss_cls: dict = _FOCAL,
        loss_bbox: dict = dict(type='L1Loss', loss_weight=5.0),  # noqa: B006  (never written to)
        loss_iou: dict = _KLD,
        *,
        num_pred_layer: int = 6,
        share_pred_layer: bool = False,
        as_two_stage: bool = False,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_classes, self.angle_factor = num_classes, angle_factor
        self.angle_cfg = dict(start_angle=0, width_longer=True) | dict(angle_cfg or {})
        if set(self.angle_cfg) != {'start_angle', 'width_longer'} or not self.angle_cfg['width_longer']:
            raise ArgumentError(f'angle_cfg has start_angle, and width_longer=True only, got {angle_cfg}')
        self.sync_cls_avg_factor, self.as_two_stage = sync_cls_avg_factor, as_two_stage
        self._build_losses(dict(loss_cls), loss_bbox, loss_iou)
        self.train_cfg, self.test_cfg = settings_of(train_cfg), settings_of(test_cfg)
        self.assigner: Any = build_assigner(self.train_cfg.assigner) if 'assigner' in (self.train_cfg or {}) else None
        layers: list[nn.Module] = []
        for _ in range(num_reg_fcs):
            layers += [nn.Linear(embed_dims, embed_dims), nn.ReLU()]
        parts = (nn.Linear(embed_dims, num_classes), nn.Sequential(*layers, nn.Linear(embed_dims, 5)))
        self.cls_branches: Any
        self.reg_branches: Any
        self.cls_branches, self.reg_branches = (
            nn.ModuleList(part if share_pred_layer else copy.deepcopy(part) for _ in range(num_pred_layer))
            for part in parts
        )

    def _build_losses(self, loss_cls: dict, loss_bbox: dict, loss_iou: dict) -> None:
        self.loss_cls, self.loss_bbox, self.loss_iou = map(build_loss, (loss_cls, loss_bbox, loss_iou))
        if not getattr(self.loss_cls, 'use_sigmoid', False):
            raise ArgumentError(f'{type(self).__name__}: loss_cls must be one with use_sigmoid=True')

    def init_weights(self) -> None:
        """At first every class has 1%, and boxes are where the queries are; those of points are small."""
        super().init_weights()
        for layer in self.cls_branches:
            nn.init.constant_(layer.bias, bias_init_with_prob(0.01))
        for branch in self.reg_branches:
            nn.init.zeros_(branch[-1].weight)
            nn.init.zeros_(branch[-1].bias)
        if not self.as_two_stage:
            nn.init.constant_(self.reg_branches[0][-1].bias[2:4], -2.0)

    # ----------------------------------------------------------------------------- predictions
    def refined(self, layer: int, state: Tensor, reference: Tensor) -> Tensor:
        """Boxes (N, Q, 5) that a layer makes of queries (N, Q, C) and their points (N, Q, 2) or boxes (N, Q, 5)."""
        known = inverse_sigmoid(reference[..., : self.residual], self.eps)
        delta = self.reg_branches[layer](state).float()
        return (delta + F.pad(known, (0, 5 - known.size(-1)))).sigmoid()

    def forward(self, states: list[Tensor], references: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Queries (N, Q, C) of each layer and their places -> logits (N, Q, num_classes) and boxes (N, Q, 5)."""
        scores = [branch(state) for branch, state in zip(self.cls_branches, states, strict=False)]
        facts = zip(states, references, strict=True)
        return scores, [self.refined(layer, *fact) for layer, fact in enumerate(facts)]

    def last(self, states: list[Tensor], references: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits and boxes of the last layer, see :meth:`forward`."""
        layer = len(states) - 1
        return self.cls_branches[layer](states[-1]), self.refined(layer, states[-1], references[-1])

    def get_bboxes(
        self,
        cls_scores: Tensor,
        bbox_preds: Tensor,
        img_metas: list[dict],
        sizes: list[Sequence[int]],
        cfg: dict | None = None,
        rescale: bool = False,
    ) -> list[Detections]:
        """The ``max_per_img`` best pairs of a query and a class of each image; nothing is suppressed.

        Args:
            cls_scores: Logits (N, Q, C).
            bbox_preds: (N, Q, 5), see the class.
            img_metas: The facts of the images.
            sizes: What x, y, w and h are shares of: width and height in pixels.
            cfg: In place of ``test_cfg``.
            rescale: Give pixels of the original images.
        """
        settings = with_keys(own_or_given(self.test_cfg, cfg), 'test_cfg', ('max_per_img',), self)
        found: list[Detections] = []
        for scores, shares, meta, size in zip(cls_scores, bbox_preds, img_metas, sizes, strict=True):
            chances = scores.float().sigmoid().flatten()
            index = largest(chances, settings.max_per_img)
            unit = self._unit(size, shares)
            boxes = shares[index // self.num_classes] * unit
            boxes = torch.cat([torch.minimum(boxes[:, :4], unit[:4]), boxes[:, 4:]], 1)
            if rescale:
                boxes = in_original(boxes, meta['scale_factor'])
            found.append((torch.cat([boxes, chances[index, None]], 1), index % self.num_classes))
        return found

    def _unit(self, size: Sequence[int], like: Tensor) -> Tensor:
        """Pixels and radians (5,) of the numbers of a box."""
        one = like.new_ones((), dtype=torch.float32)
        return torch.stack([one * side for side in (*size, *size, self.angle_factor)])

    def in_shares(self, gt_bboxes: Tensor, unit: Tensor) -> Tensor:
        """Objects (k, 5) of any angle version as the head predicts them, in shares of ``unit`` (k, 5) or (5,)."""
        version = AngleVersion(math.radians(self.angle_cfg['start_angle']), math.pi, True, 0.0, False)
        return in_version(gt_bboxes.float(), version) / unit

    def truth(self, gt_bboxes: list[Tensor], gt_labels: list[Tensor], sizes: list[Sequence[int]]) -> Truth:
        """The objects of a batch whose images have these widths and heights."""
        counts = [len(boxes) for boxes in gt_bboxes]
        boxes, labels = torch.cat(gt_bboxes), torch.cat(gt_labels)
        units = torch.stack([self._unit(size, boxes) for size in sizes])
        images = torch.cat([labels.new_full((count,), index) for index, count in enumerate(counts)])
        return Truth(self.in_shares(boxes, units[images]), labels, images, units, counts)

    # ---------------------------------------------------------------------------------- losses
    def loss(
        self,
        cls_scores: list[Tensor],
        bbox_preds: list[Tensor],
        truth: Truth,
        of_pixels: tuple[Tensor, Tensor] | None = None,
        noised: Noised | None = None,
    ) -> dict[str, Tensor]:
        """Losses of all layers.

        Args:
            cls_scores: Logits (N, Q, C) of each layer, those of noised queries first.
            bbox_preds: Boxes (N, Q, 5) of each.
            truth: The objects.
            of_pixels: Logits (N, K, C) and boxes (N, K, 5) that were predicted of pixels.
            noised: What is known of the noised queries.
        """
        count = 0 if noised is None else noised.length
        near = None if noised is None else truth.near(noised)
        layers = list(zip(cls_scores, bbox_preds, strict=True))
        names = [*(f'd{i}.' for i in range(len(layers) - 1)), '']
        losses: dict[str, Tensor] = {}
        for name, (scores, boxes) in zip(names, layers, strict=True):
            outputs = scores[:, count:], boxes[:, count:]
            found = self.loss_single(*outputs, truth, self.get_targets(*outputs, truth))
            losses |= {f'{name}{key}': value for key, value in found.items()}
            if noised is not None and near is not None:
                found = self.loss_noised(scores, boxes, truth, noised, near)
                losses |= {f'{name}dn_{key}': value for key, value in found.items()}
        if of_pixels is not None:
            losses |= {f'enc_{key}': value for key, value in self.loss_of_pixels(*of_pixels, truth).items()}
        return losses

    def get_targets(self, cls_scores: Tensor, bbox_preds: Tensor, truth: Truth) -> Pairs:
        """Which queries and objects belong together, of the outputs (N, Q, ...) of a layer."""
        with_keys(self.train_cfg, 'train_cfg', ('assigner',), self)
        outputs = cls_scores.detach(), bbox_preds.detach() * truth.units[:, None]
        boxes = truth.each(truth.objects * truth.units[truth.images])
        facts = boxes, truth.each(truth.labels), truth.units[:, :2].unbind()
        if (together := batch_method(self.assigner, 'assign')) is not None:
            (owner,) = together(*outputs, *facts)
        else:
            images = zip(*outputs, *facts, strict=True)
            owner = torch.stack([self.assigner.assign(*image).gt_inds for image in images])
        images, queries = owner.nonzero(as_tuple=True)
        return Pairs(images, queries, owner[images, queries] - 1 + truth.firsts[images])

    def loss_single(
        self, cls_scores: Tensor, bbox_preds: Tensor, truth: Truth, pairs: Pairs, classes: Pairs | None = None
    ) -> dict[str, Tensor]:
        """Losses of a layer whose queries belong to objects by ``pairs``, and for their classes by others if given."""
        pred, target = bbox_preds[pairs.images, pairs.queries], truth.objects[pairs.objects]
        unit = truth.units[pairs.images]
        total = mean_over_processes(pred.new_tensor(float(len(pred))))
        losses = dict(loss_cls=self._loss_of_classes(cls_scores, bbox_preds, truth, classes or pairs))
        losses['loss_bbox'] = self.loss_bbox(pred, target, avg_factor=total)
        losses['loss_iou'] = self.loss_iou(pred * unit, target * unit, avg_factor=total)
        return losses

    def _loss_of_classes(self, cls_scores: Tensor, bbox_preds: Tensor, truth: Truth, pairs: Pairs) -> Tensor:
        """Loss of the classes of the queries; those without an object are background."""
        count = cls_scores.new_tensor(float(len(pairs.queries)), dtype=torch.float32)
        total = mean_over_processes(count) if self.sync_cls_avg_factor else count.clamp(min=1)
        target = self._classes(cls_scores, bbox_preds, truth, pairs)
        return self.loss_cls(cls_scores.flatten(0, 1), target.flatten(0, 1), avg_factor=total)

    def _classes(self, cls_scores: Tensor, bbox_preds: Tensor, truth: Truth, pairs: Pairs) -> Tensor:
        """What the classes of the queries shall be: labels (N, Q), ``num_classes`` for background."""
        labels = torch.full(cls_scores.shape[:2], self.num_classes, device=cls_scores.device)
        labels[pairs.images, pairs.queries] = truth.labels[pairs.objects]
        return labels

    def loss_of_pixels(self, cls_scores: Tensor, bbox_preds: Tensor, truth: Truth) -> dict[str, Tensor]:
        """Losses of what is predicted of pixels: whether there is any object, as the first class, and its box."""
        truth = truth._replace(labels=torch.zeros_like(truth.labels))
        return self.loss_single(cls_scores, bbox_preds, truth, self.get_targets(cls_scores, bbox_preds, truth))

    def loss_noised(
        self, cls_scores: Tensor, bbox_preds: Tensor, truth: Truth, noised: Noised, pairs: Pairs
    ) -> dict[str, Tensor]:
        """Losses of the noised queries of a layer, of the outputs of all queries.

        Those near to an object, which ``pairs`` names, have its box and class, those further away are background.
        """
        own = slice(noised.length)
        classes = self._noised_classes(cls_scores.detach(), bbox_preds.detach(), truth, noised, pairs)
        return self.loss_single(cls_scores[:, own], bbox_preds[:, own], truth, pairs, classes)

    def _noised_classes(
        self, cls_scores: Tensor, bbox_preds: Tensor, truth: Truth, noised: Noised, pairs: Pairs
    ) -> Pairs:
        """The pairs of noised queries and objects whose classes count."""
        return pairs


@MODELS.register_module()
class RotatedDINOHead(RotatedDeformableDETRHead):
    """Head of DINO (Zhang et al., ICLR 2023): the pixels have classes too; arguments as of its base."""

    residual = 5

    def loss_of_pixels(self, cls_scores: Tensor, bbox_preds: Tensor, truth: Truth) -> dict[str, Tensor]:
        """Losses of the pixels that became queries, as of a layer."""
        return self.loss_single(cls_scores, bbox_preds, truth, self.get_targets(cls_scores, bbox_preds, truth))


@MODELS.register_module()
class RotatedRTDETRHead(RotatedDINOHead):
    """Head of RT-DETR (Zhao et al., CVPR 2024): the label of a class may be the overlap of the predicted box.

    That is so for a ``loss_cls`` of :class:`VarifocalLoss` or :class:`DEIMMalLoss`, and by its key
    ``varifocal_loss_iou_type`` the overlap of the unturned boxes, ``'hbox_iou'``, or that of the turned ones,
    ``'rbox_iou'``. Arguments as of its base.
    """

    eps = 1e-3

    def _build_losses(self, loss_cls: dict, loss_bbox: dict, loss_iou: dict) -> None:
        self.quality = loss_cls.pop('varifocal_loss_iou_type', 'hbox_iou')
        if self.quality not in ('hbox_iou', 'rbox_iou'):
            raise ArgumentError(f"varifocal_loss_iou_type must be 'hbox_iou' or 'rbox_iou', got {self.quality!r}")
        super()._build_losses(loss_cls, loss_bbox, loss_iou)

    def _classes(self, cls_scores: Tensor, bbox_preds: Tensor, truth: Truth, pairs: Pairs) -> Tensor:
        """Labels, or qualities (N, Q, num_classes), 0 but for the classes of objects."""
        if not isinstance(self.loss_cls, VarifocalLoss | DEIMMalLoss):
            return super()._classes(cls_scores, bbox_preds, truth, pairs)
        target = torch.zeros_like(cls_scores, dtype=torch.float32)
        places = pairs.images, pairs.queries
        facts = bbox_preds.detach()[places], truth.objects[pairs.objects], truth.units[pairs.images]
        target[(*places, truth.labels[pairs.objects])] = self._overlaps(*facts)
        return target

    def _overlaps(self, boxes: Tensor, objects: Tensor, unit: Tensor) -> Tensor:
        """Overlaps (k,) of pairs of boxes (k, 5) and (k, 5) in shares of ``unit`` (k, 5)."""
        if self.quality == 'rbox_iou':
            return rbbox_overlaps(boxes * unit, objects * unit, is_aligned=True)
        first, second = (torch.cat([b[:, :2] - b[:, 2:4] / 2, b[:, :2] + b[:, 2:4] / 2], 1) for b in (boxes, objects))
        return bbox_overlaps(first, second, is_aligned=True)


@MODELS.register_module()
class RHINOPositiveHungarianClassificationHead(RotatedDINOHead):
    """Head of RHINO (Lee et al., WACV 2025): noised queries that lose their objects to others are background.

    ``dn_assigner`` of ``train_cfg`` says which do. Arguments as of its base.
    """

    train_keys = dict.fromkeys(('assigner', 'dn_assigner'))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dn_assigner: Any = build_assigner(self.train_cfg.dn_assigner) if self.train_cfg else None

    def _noised_classes(
        self, cls_scores: Tensor, bbox_preds: Tensor, truth: Truth, noised: Noised, pairs: Pairs
    ) -> Pairs:
        near = pairs.queries.split([noised.groups * count for count in truth.counts])
        objects = zip(near, truth.units, truth.each(truth.objects), truth.each(truth.labels), strict=True)
        held = []
        for scores, boxes, (queries, unit, gt_bboxes, labels) in zip(cls_scores, bbox_preds, objects, strict=True):
            known = [torch.cat([field[queries], field[noised.length :]]) for field in (scores, boxes * unit)]
            facts = gt_bboxes * unit, labels, unit[:2]
            held.append(self.dn_assigner.held(noised.groups, *known, *facts).flatten())
        return pairs.of(torch.cat(held))
