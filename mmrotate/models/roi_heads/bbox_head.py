"""Box heads on RoI features: class scores and box deltas, their targets, losses and decoding."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.core import multiclass_nms_rotated
from mmrotate.core.bbox import DeltaXYWHAHBBoxCoder, DeltaXYWHBBoxCoder, SamplingResult, batch_method, build_bbox_coder
from mmrotate.models.base_module import BaseModule
from mmrotate.models.builder import build_loss
from mmrotate.models.losses import accuracy, over_processes, regression_loss, takes_boxes
from mmrotate.models.settings import RESULT_KEYS, with_keys
from mmrotate.ops.checks import pair_of
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

# labels (n,), label weights (n,), box targets (n, d), box weights (n, d), and what a head adds;
# lists over images where they are not concatenated
RoITargets = tuple[Any, ...]


@MODELS.register_module()
class RotatedBBoxHead(BaseModule):
    """A layer for classes and one for boxes, right on the RoI features.

    The arguments not named here are configs of the parts that they name.

    Args:
        with_avg_pool: Average each map of the RoI features to one number.
        with_cls: Predict classes.
        with_reg: Predict boxes.
        roi_feat_size: Side of the RoI features, or height and width.
        in_channels: Channels of the RoI features.
        num_classes: Classes without background, which is the last score.
        reg_class_agnostic: One box for all classes.
        reg_decoded_bbox: Regression loss on decoded boxes.
        reg_predictor_cfg: Only ``dict(type='Linear')``, as ``cls_predictor_cfg``.
    """

    # numbers of a box in the regression
    bbox_dim = 5
    # standard deviation of the initial weights of each branch
    stds: tuple[tuple[str, float], ...] = (('fc_cls', 0.01), ('fc_reg', 0.001))
    # names of what ``forward`` gives, in the results of a RoI head's ``_bbox_forward``
    outputs: tuple[str, ...] = ('cls_score', 'bbox_pred')

    def __init__(
        self,
        with_avg_pool: bool = False,
        with_cls: bool = True,
        with_reg: bool = True,
        roi_feat_size: int | tuple[int, int] = 7,
        in_channels: int = 256,
        num_classes: int = 80,
        bbox_coder: dict | None = None,
        reg_class_agnostic: bool = False,
        reg_decoded_bbox: bool = False,
        reg_predictor_cfg: dict | None = None,
        cls_predictor_cfg: dict | None = None,
        loss_cls: dict | None = None,
        loss_bbox: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        left_out = {name for name, there in (('fc_cls', with_cls), ('fc_reg', with_reg)) if not there}
        branches = [dict(type='Normal', std=s, override=dict(name=n)) for n, s in self.stds if n not in left_out]
        super().__init__(init_cfg or [dict(type='Xavier', distribution='uniform', layer='Linear'), *branches])
        if len(left_out) == 2:
            raise ArgumentError('with_cls and with_reg are both False: a box head predicts one of both at least')
        for name, cfg in dict(cls_predictor_cfg=cls_predictor_cfg, reg_predictor_cfg=reg_predictor_cfg).items():
            if cfg is not None and dict(cfg) != dict(type='Linear'):
                raise ArgumentError(f"{name} must be dict(type='Linear'), got {cfg}")
        self.with_avg_pool, self.with_cls, self.with_reg = with_avg_pool, with_cls, with_reg
        self.in_channels, self.num_classes, self.reg_class_agnostic = in_channels, num_classes, reg_class_agnostic
        if with_avg_pool:
            self.avg_pool = nn.AvgPool2d(roi_feat_size)
        self.roi_feat_size = pair_of('roi_feat_size', roi_feat_size, 1)
        self.roi_feat_area = self.roi_feat_size[0] * self.roi_feat_size[1]
        # places of a map that a layer sees
        self._places = 1 if with_avg_pool else self.roi_feat_area
        self.bbox_coder = build_bbox_coder(bbox_coder or dict(type='DeltaXYWHAHBBoxCoder'))
        self.loss_cls = build_loss(loss_cls or dict(type='CrossEntropyLoss', use_sigmoid=False))
        self.loss_bbox = build_loss(loss_bbox or dict(type='SmoothL1Loss', beta=1.0))
        self.reg_decoded_bbox = takes_boxes(self.loss_bbox, reg_decoded_bbox, self.bbox_dim)
        self._boxes = 1 if reg_class_agnostic else num_classes
        self._make_layers()

    def _make_layers(self) -> None:
        width = self.in_channels * self._places
        self._make_predictors(width, width)

    def _make_predictors(self, cls_width: int, reg_width: int) -> None:
        classes = self.num_classes + 1
        if self.custom_cls_channels:
            classes = self.loss_cls.get_cls_channels(self.num_classes)
        if self.with_cls:
            self.fc_cls = nn.Linear(cls_width, classes)
        if self.with_reg:
            self.fc_reg = nn.Linear(reg_width, self.bbox_dim * self._boxes)

    @property
    def custom_cls_channels(self) -> bool:
        """Whether the loss says the number of scores: its ``get_cls_channels(num_classes)``."""
        return getattr(self.loss_cls, 'custom_cls_channels', False)

    @property
    def custom_activation(self) -> bool:
        """Whether the loss makes probabilities of scores: its ``get_activation(cls_score)``."""
        return getattr(self.loss_cls, 'custom_activation', False)

    @property
    def custom_accuracy(self) -> bool:
        """Whether the loss tells the accuracy: its ``get_accuracy(cls_score, labels)``, a dict."""
        return getattr(self.loss_cls, 'custom_accuracy', False)

    def _flat(self, x: Tensor) -> Tensor:
        """RoI features (n, C, s, s) as rows (n, width); rows stay."""
        if self.with_avg_pool and x.dim() > 2:
            x = self.avg_pool(x)
        return x.flatten(1)

    def _branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """RoI features (n, C, s, s) -> what the layers of classes and of boxes see."""
        x = self._flat(x)
        return x, x

    def forward(self, x: Tensor) -> tuple[Tensor | None, ...]:
        """RoI features (n, C, s, s) -> scores (n, classes + 1) and deltas (n, d or classes * d)."""
        x_cls, x_reg = self._branches(x)
        return self.fc_cls(x_cls) if self.with_cls else None, self.fc_reg(x_reg) if self.with_reg else None

    def get_targets(
        self,
        sampling_results: list[SamplingResult],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        rcnn_train_cfg: dict,
        concat: bool = True,
    ) -> RoITargets:
        """Targets of all sampled proposals of a batch, positive before negative in each image.

        What the samples know of the objects is taken from them; ``concat=False`` gives lists over images.
        """
        facts = [(s.pos_bboxes, s.neg_bboxes, s.pos_gt_bboxes, s.pos_gt_labels) for s in sampling_results]
        whole = None if torch.compiler.is_compiling() else batch_method(self, '_get_target_single')
        if whole is None:
            fields = zip(*(self._get_target_single(*image, rcnn_train_cfg) for image in facts), strict=True)
        else:
            fields = whole(*zip(*facts, strict=True), rcnn_train_cfg)
        return tuple(map(torch.cat if concat else list, fields))

    def _get_target_single_batch(self, pos_bboxes: Sequence[Tensor], neg_bboxes: Sequence[Tensor], *rest: Any) -> Any:
        """What :meth:`_get_target_single` gives, lists over images, of its arguments as lists over images."""
        *objects, cfg = rest
        sizes = [*map(len, pos_bboxes), *map(len, neg_bboxes)]
        single: Any = self._get_target_single
        for field in single(*map(torch.cat, (pos_bboxes, neg_bboxes, *objects)), cfg):
            parts = field.split(sizes)
            images = zip(parts[: len(pos_bboxes)], parts[len(pos_bboxes) :], strict=True)
            yield [torch.cat(image) for image in images]

    def _get_target_single(
        self, pos_bboxes: Tensor, neg_bboxes: Tensor, pos_gt_bboxes: Tensor, pos_gt_labels: Any, cfg: dict
    ) -> RoITargets:
        """Targets of one image, of its positive (p, 4 or 5) and negative proposals and the objects (p, 5)."""
        weight, behind = cfg.get('pos_weight', -1), (0, neg_bboxes.size(0))
        labels = F.pad(pos_gt_labels.long(), behind, value=self.num_classes)
        weights = F.pad(torch.full_like(pos_bboxes[:, 0], weight if weight > 0 else 1.0), behind, value=1.0)
        targets = self._boxes_to_regress(pos_gt_bboxes)
        targets = (targets if self.reg_decoded_bbox else self.bbox_coder.encode(pos_bboxes, targets)).to(pos_bboxes)
        boxes, box_weights = (F.pad(rows, (0, 0, *behind)) for rows in (targets, torch.ones_like(targets)))
        return labels, weights, boxes, box_weights

    def _boxes_to_regress(self, gt_bboxes: Tensor) -> Tensor:
        """Objects (n, 5) in the form (n, d) that the coder encodes."""
        return gt_bboxes

    def _of_class(self, pred: Tensor, labels: Tensor) -> Tensor:
        """Each row's regression (n, d) for its class, of that for all classes (n, C * d)."""
        rows = torch.arange(labels.size(0), device=labels.device)
        return pred.unflatten(1, (self._boxes, -1))[rows, 0 if self.reg_class_agnostic else labels]

    def loss(
        self,
        cls_score: Tensor | None,
        bbox_pred: Tensor | None,
        rois: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        bbox_targets: Tensor,
        bbox_weights: Tensor,
        reduction_override: str | None = None,
    ) -> dict[str, Tensor]:
        """Losses ``loss_cls`` and ``loss_bbox``, and ``acc`` in percent."""
        losses: dict[str, Tensor] = {}
        override: dict[str, Any] = {} if reduction_override is None else dict(reduction_override=reduction_override)
        if cls_score is not None:
            cls_score = cls_score.float()
            avg_factor = over_processes((label_weights > 0).sum().clamp(min=1), cls_score)
            loss_cls = self.loss_cls(cls_score, labels, label_weights, avg_factor=avg_factor, **override)
            losses |= loss_cls if isinstance(loss_cls, dict) else dict(loss_cls=loss_cls)
            losses |= (
                self.loss_cls.get_accuracy(cls_score, labels)
                if self.custom_accuracy
                else dict(acc=accuracy(cls_score, labels))
            )
        if bbox_pred is not None:
            pos = ((labels >= 0) & (labels < self.num_classes)).nonzero().squeeze(1)
            deltas = self._of_class(bbox_pred.float()[pos], labels[pos])
            total = over_processes(len(bbox_targets), bbox_targets)
            rows = (deltas, bbox_targets[pos], bbox_weights[pos], total)
            decode = partial(self.bbox_coder.decode, rois[pos, 1:])
            losses['loss_bbox'] = regression_loss(self.loss_bbox, *rows, decode, self.reg_decoded_bbox, **override)
        return losses

    def _scores(self, cls_score: Tensor) -> Tensor:
        """Probabilities (n, classes + 1)."""
        cls_score = cls_score.float()
        return self.loss_cls.get_activation(cls_score) if self.custom_activation else cls_score.softmax(-1)

    def get_bboxes(
        self,
        rois: Tensor,
        cls_score: Tensor,
        bbox_pred: Tensor,
        img_shape: Sequence[int],
        scale_factor: np.ndarray | Sequence[float] | float,
        rescale: bool = False,
        cfg: Any = None,
    ) -> tuple[Tensor, ...]:
        """Boxes (k, 6) with scores and labels (k,) of one image's RoIs after NMS.

        Without ``cfg`` nothing is left out: boxes (n, 5 or classes * 5) and scores (n, classes + 1). ``rescale``
        divides by the scale factor.
        """
        scale = torch.as_tensor(scale_factor if rescale else 1.0).to(rois)
        boxes = self._decode((cls_score, bbox_pred), rois, img_shape, scale).flatten(1)
        scores = self._scores(cls_score)
        if cfg is None:
            return boxes, scores
        with_keys(cfg, 'test_cfg', RESULT_KEYS, self)
        return multiclass_nms_rotated(boxes, scores, cfg.score_thr, cfg.nms, cfg.max_per_img)

    def _decode(self, preds: Sequence[Tensor], rois: Tensor, max_shape: Sequence[int], scale: Tensor) -> Tensor:
        """Boxes (n, k, 5) of RoIs; ``scale`` divides their pixels."""
        boxes = self.bbox_coder.decode(rois[:, 1:], preds[1].float(), max_shape=max_shape).unflatten(1, (-1, 5))
        return torch.cat([boxes[..., :4] / scale, boxes[..., 4:]], -1)

    def detect(self, preds: Sequence[Tensor], rois: Tensor, img_meta: dict, cfg: Any, rescale: bool) -> tuple:
        """:meth:`get_bboxes` of all outputs, with the facts of the image."""
        facts: Any = (*preds, img_meta['img_shape'], img_meta['scale_factor'], rescale, cfg)
        return self.get_bboxes(rois, *facts)

    def refine_bboxes(
        self, rois: Tensor, labels: Tensor, bbox_preds: Tensor, pos_is_gts: list[Tensor], img_metas: list[dict]
    ) -> list[Tensor]:
        """Boxes (k, 5) of each image for the next stage in training.

        Args:
            rois: (n, 1 + d), the positive ones of each image first.
            labels: Class (n,) of each.
            bbox_preds: (n, 5) or (n, classes * 5).
            pos_is_gts: Of each image's positive ones, whether they are objects, which are left out: the next stage
                adds them itself.
            img_metas: Facts of each image.
        """
        refined = []
        for i, (is_gt, meta) in enumerate(zip(pos_is_gts, img_metas, strict=True)):
            rows = (rois[:, 0] == i).nonzero().squeeze(1)
            keep = F.pad(is_gt == 0, (0, rows.size(0) - is_gt.size(0)), value=True)
            rows = rows[keep]
            refined.append(self.regress_by_class(rois[rows], labels[rows], bbox_preds[rows], meta)[:, 1:])
        return refined

    def regress_by_class(self, rois: Tensor, label: Tensor, bbox_pred: Tensor, img_meta: dict) -> Tensor:
        """Boxes (n, 5) of the classes (n,) from boxes (n, 4 or 5); with the image's index first if RoIs have it.

        They are for another stage, and not kept in the image that ``img_meta`` tells of.
        """
        width = 4 if isinstance(self.bbox_coder, DeltaXYWHBBoxCoder | DeltaXYWHAHBBoxCoder) else 5
        index = rois.size(1) - width
        boxes = self.bbox_coder.decode(rois[:, index:], self._of_class(bbox_pred, label))
        return torch.cat([rois[:, :index], boxes], 1)
