"""Box heads on RoI features: class scores and box deltas, their targets, losses and decoding."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from mmengine.config import ConfigDict
from torch import Tensor, nn

from mmrotate.core import multiclass_nms_rotated
from mmrotate.core.bbox import SamplingResult, build_bbox_coder
from mmrotate.models.base_module import BaseModule
from mmrotate.models.builder import build_loss
from mmrotate.models.layers import conv_tower
from mmrotate.models.losses import accuracy, regression_loss, takes_boxes
from mmrotate.registry import MODELS

# labels (n,), label weights (n,), box targets (n, d), box weights (n, d), and what a head adds
RoITargets = tuple[Tensor, ...]


@MODELS.register_module()
class RotatedConvFCBBoxHead(BaseModule):
    """Shared convolutions and layers, then a branch for classes and one for boxes.

    Beside these, the arguments are configs of the parts that they name.

    Args:
        num_classes: Classes without background, which is the last score.
        in_channels: Channels of the RoI features.
        roi_feat_size: Side of the RoI features.
        num_shared_convs: Convolutions that both branches share.
        num_shared_fcs: Fully connected layers that both branches share, at least 1.
        conv_out_channels: Width of the convolutions.
        fc_out_channels: Width of the layers.
        reg_class_agnostic: One box for all classes.
        reg_decoded_bbox: Regression loss on decoded boxes.
    """

    # numbers of a box in the regression
    bbox_dim = 5
    # standard deviation of the initial weights of each branch
    stds: tuple[tuple[str, float], ...] = (('fc_cls', 0.01), ('fc_reg', 0.001))

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 256,
        roi_feat_size: int = 7,
        num_shared_convs: int = 0,
        num_shared_fcs: int = 2,
        conv_out_channels: int = 256,
        fc_out_channels: int = 1024,
        bbox_coder: dict | None = None,
        reg_class_agnostic: bool = False,
        reg_decoded_bbox: bool = False,
        loss_cls: dict | None = None,
        loss_bbox: dict | None = None,
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        branches = [dict(type='Normal', std=std, override=dict(name=name)) for name, std in self.stds]
        super().__init__(init_cfg or [dict(type='Xavier', distribution='uniform', layer='Linear'), *branches])
        if num_shared_fcs < 1:
            raise ValueError(f'num_shared_fcs must be at least 1, got {num_shared_fcs}')
        self.num_classes, self.reg_class_agnostic = num_classes, reg_class_agnostic
        self.bbox_coder = build_bbox_coder(bbox_coder or dict(type='DeltaXYWHAHBBoxCoder'))
        self.loss_cls = build_loss(loss_cls or dict(type='CrossEntropyLoss', use_sigmoid=False))
        self.loss_bbox = build_loss(loss_bbox or dict(type='SmoothL1Loss', beta=1.0))
        self.reg_decoded_bbox = takes_boxes(self.loss_bbox, reg_decoded_bbox, self.bbox_dim)
        self.shared_convs = conv_tower(in_channels, conv_out_channels, num_shared_convs, norm_cfg)
        channels = conv_out_channels if num_shared_convs else in_channels
        widths = [channels * roi_feat_size**2] + [fc_out_channels] * num_shared_fcs
        self.shared_fcs = nn.ModuleList(map(nn.Linear, widths, widths[1:]))
        self.fc_cls = nn.Linear(fc_out_channels, num_classes + 1)
        self._boxes = 1 if reg_class_agnostic else num_classes
        self.fc_reg = nn.Linear(fc_out_channels, self.bbox_dim * self._boxes)

    def _shared(self, x: Tensor) -> Tensor:
        """RoI features (n, C, s, s) -> what the branches share (n, width)."""
        x = self.shared_convs(x).flatten(1)
        for fc in self.shared_fcs:
            x = fc(x).relu()
        return x

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """RoI features (n, C, s, s) -> scores (n, classes + 1) and deltas (n, d or classes * d)."""
        x = self._shared(x)
        return self.fc_cls(x), self.fc_reg(x)

    def get_targets(self, samples: list[SamplingResult], cfg: dict) -> RoITargets:
        """Targets of all sampled proposals of a batch, positive before negative in each image."""
        per_image = [self._targets_single(sample, cfg) for sample in samples]
        return tuple(map(torch.cat, zip(*per_image, strict=True)))

    def _boxes_to_regress(self, gt_bboxes: Tensor) -> Tensor:
        """Objects (n, 5) in the form (n, d) that the coder encodes."""
        return gt_bboxes

    def _of_class(self, pred: Tensor, labels: Tensor) -> Tensor:
        """Each row's regression (n, d) for its class, of that for all classes (n, C * d)."""
        rows = torch.arange(len(labels), device=labels.device)
        return pred.unflatten(1, (self._boxes, -1))[rows, 0 if self.reg_class_agnostic else labels]

    def refine(self, rois: Tensor, bbox_pred: Tensor, labels: Tensor) -> Tensor:
        """Boxes (n, 5) of RoIs (n, 1 + d), with the image's index first, of the classes (n,).

        They are for another stage, and not kept in the image.
        """
        return self.bbox_coder.decode(rois[:, 1:], self._of_class(bbox_pred, labels))

    def _targets_single(self, sample: SamplingResult, cfg: dict) -> RoITargets:
        new, pos = sample.pos_bboxes, len(sample.pos_bboxes)
        count = pos + len(sample.neg_bboxes)
        labels = new.new_full((count,), self.num_classes, dtype=torch.long)
        weights = new.new_ones(count)
        boxes, box_weights = new.new_zeros(2, count, self.bbox_dim)
        if pos:
            labels[:pos] = sample.pos_gt_labels  # type: ignore[assignment]
            if cfg.get('pos_weight', -1) > 0:
                weights[:pos] = cfg['pos_weight']
            targets = self._boxes_to_regress(sample.pos_gt_bboxes)
            boxes[:pos] = targets if self.reg_decoded_bbox else self.bbox_coder.encode(new, targets)
            box_weights[:pos] = 1
        return labels, weights, boxes, box_weights

    def loss(self, preds: Sequence[Tensor], rois: Tensor, targets: RoITargets) -> dict[str, Tensor]:
        """Losses ``loss_cls`` and ``loss_bbox``, and ``acc`` in percent."""
        labels, label_weights, bbox_targets, bbox_weights = targets[:4]
        cls_score, bbox_pred = preds[0].float(), preds[1].float()
        avg_factor = max(float((label_weights > 0).sum()), 1.0)
        loss_cls = self.loss_cls(cls_score, labels, label_weights, avg_factor=avg_factor)
        pos = (labels < self.num_classes).nonzero().squeeze(1)
        deltas = self._of_class(bbox_pred[pos], labels[pos])
        rows = (deltas, bbox_targets[pos], bbox_weights[pos], len(bbox_targets))
        decode = partial(self.bbox_coder.decode, rois[pos, 1:])
        loss_bbox = regression_loss(self.loss_bbox, *rows, decode, self.reg_decoded_bbox)
        return dict(loss_cls=loss_cls, acc=accuracy(cls_score, labels), loss_bbox=loss_bbox)

    def _decode(self, preds: Sequence[Tensor], rois: Tensor, max_shape: Sequence[int], scale: Tensor) -> Tensor:
        """Boxes (n, k, 5) of RoIs; ``scale`` divides their pixels."""
        boxes = self.bbox_coder.decode(rois[:, 1:], preds[1].float(), max_shape=max_shape).unflatten(1, (-1, 5))
        return torch.cat([boxes[..., :4] / scale, boxes[..., 4:]], -1)

    def get_bboxes(
        self, preds: Sequence[Tensor], rois: Tensor, img_meta: dict, cfg: ConfigDict, rescale: bool = False
    ) -> tuple[Tensor, ...]:
        """Boxes (k, 6) with scores and labels (k,) of one image's RoIs after NMS."""
        scores = preds[0].float().softmax(-1)
        scale = scores.new_tensor(img_meta['scale_factor'] if rescale else 1.0)
        boxes = self._decode(preds, rois, img_meta['img_shape'], scale).flatten(1)
        return multiclass_nms_rotated(boxes, scores, cfg.score_thr, cfg.nms, cfg.max_per_img)


@MODELS.register_module()
class RotatedShared2FCBBoxHead(RotatedConvFCBBoxHead):
    """Two shared layers, no convolution: the usual box head."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **dict(kwargs, num_shared_convs=0, num_shared_fcs=2))


@MODELS.register_module()
class RotatedKFIoUShared2FCBBoxHead(RotatedShared2FCBBoxHead):
    """The same; the name that configs of KFIoU use, whose loss says what it wants itself."""
