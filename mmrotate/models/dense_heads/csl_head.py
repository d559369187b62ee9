"""RetinaNet's head with a prediction of its own for the angles."""

from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.core.bbox import build_bbox_coder, code_size
from mmrotate.models.builder import build_loss
from mmrotate.models.losses import loss_of_rows
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import Detections, Levels, rows_of
from .retina_head import RotatedRetinaHead


@MODELS.register_module()
class CSLRRetinaHead(RotatedRetinaHead):
    """A third prediction is the angle, as classes (Yang and Yan, CSL, ECCV 2020) or another coder's codes.

    Args:
        use_encoded_angle: Predict the angle from the anchor to the object as the box coder
            encodes it, else the object's own.
        shield_reg_angle: Leave the angle out of the regression loss.
        angle_coder: Between angles and classes, or other codes.
        loss_angle: Of these.
        use_normalized_angle_feat: Predictions of the angle are brought into [-1, 1], as codes of waves are.
        **kwargs: See :class:`RotatedRetinaHead`.
    """

    loss_names = ('loss_cls', 'loss_bbox', 'loss_angle')

    def __init__(
        self,
        use_encoded_angle: bool = True,
        shield_reg_angle: bool = False,
        angle_coder: dict | None = None,
        loss_angle: dict | None = None,
        init_cfg: dict | list | None = None,
        *,
        use_normalized_angle_feat: bool = False,
        **kwargs: Any,
    ) -> None:
        self.use_encoded_angle, self.shield_reg_angle = use_encoded_angle, shield_reg_angle
        coder = dict(type='CSLCoder', angle_version='le90', omega=1, window='gaussian', radius=6)
        self.angle_coder = build_bbox_coder(angle_coder or coder)
        self.angle_dim, self.use_normalized_angle_feat = code_size(self.angle_coder), use_normalized_angle_feat
        of_classes = getattr(self.angle_coder, 'of_classes', True)
        self.cls_layers = ('retina_cls', 'retina_angle_cls') if of_classes else ('retina_cls',)
        super().__init__(init_cfg=init_cfg, **kwargs)
        self.loss_angle = build_loss(loss_angle or dict(type='CrossEntropyLoss', use_sigmoid=True))
        self._check_angles()

    def _check_angles(self) -> None:
        """Raise an ArgumentError unless coders and losses agree on what the angle is."""
        boxes, angles = self.bbox_coder, self.angle_coder
        decoded = self.reg_decoded_bbox or getattr(self.loss_bbox, 'needs_decoded', False)
        if self.shield_reg_angle and decoded:
            raise ArgumentError(
                'shield_reg_angle=True leaves one delta out, so it needs a loss_bbox on deltas, '
                f'got {type(self.loss_bbox).__name__} on decoded boxes'
            )
        if getattr(boxes, 'angle_range', angles.angle_version) != angles.angle_version:
            raise ArgumentError(
                f'bbox_coder and angle_coder must have one angle version, got '
                f'{boxes.angle_range!r} and {angles.angle_version!r}'
            )
        if self.use_encoded_angle:
            unit = getattr(boxes, 'angle_unit', 1), boxes.means[-1], boxes.stds[-1]
            if unit != (1, 0, 1):
                raise ArgumentError(
                    'use_encoded_angle=True predicts the encoded angle in radians, so the '
                    'bbox_coder must have norm_factor=None, and 0 and 1 as the last of '
                    f'target_means and target_stds, got a unit, mean and deviation of {unit}'
                )

    def _init_layers(self) -> None:
        super()._init_layers()
        channels = self.num_anchors * self.angle_dim
        self.retina_angle_cls = nn.Conv2d(self.retina_reg.in_channels, channels, 3, padding=1)

    def forward_single(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map of one level -> scores (N, A * C, H, W), deltas and codes of angles likewise."""
        reg_feat = self.reg_convs(x)
        codes = self.retina_angle_cls(reg_feat)
        if self.use_normalized_angle_feat:
            codes = codes.sigmoid() * 2 - 1
        return self.retina_cls(self.cls_convs(x)), self.retina_reg(reg_feat), codes

    def get_targets(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """As of the base, with codes of angles (N, n, L) and their weights (N, n, 1) after the boxes' weights."""
        labels, label_weights, bbox_targets, bbox_weights, *rest = super().get_targets(*args, **kwargs)
        angle_targets, angle_weights = [], []
        for target, weight in zip(bbox_targets, bbox_weights, strict=True):
            rows = weight.any(-1).nonzero(as_tuple=True)
            codes = target.new_zeros(*target.shape[:2], self.angle_dim)
            codes[rows] = self.angle_coder.encode(target[rows][:, -1:])
            angle_targets.append(codes)
            angle_weights.append(weight[..., -1:].clone())
            if self.shield_reg_angle:
                weight[..., -1] = 0.0
        boxes = [target[..., :-1] for target in bbox_targets]
        return labels, label_weights, boxes, bbox_weights, angle_targets, angle_weights, *rest

    def loss(  # type: ignore[override]
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        angle_cls: Levels,
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        img_metas: list[dict],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Levels]:
        """Losses of classes, boxes and angles, a list over levels each."""
        return self._loss((cls_scores, bbox_preds, angle_cls), gt_bboxes, gt_labels, img_metas, gt_bboxes_ignore)

    def loss_single(  # type: ignore[override]
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        angle_cls: Tensor,
        anchors: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        bbox_targets: Tensor,
        bbox_weights: Tensor,
        angle_targets: Tensor,
        angle_weights: Tensor,
        num_total_samples: float | Tensor,
    ) -> tuple[Tensor, ...]:
        """Losses of classes, boxes and angles of one level; see the base and :meth:`get_targets`."""
        rest = (anchors, labels, label_weights, bbox_targets, bbox_weights, num_total_samples)
        losses = super().loss_single(cls_score, bbox_pred, *rest)
        some = angle_weights[..., 0].nonzero(as_tuple=True)
        codes = rows_of(angle_cls, self.angle_dim)[some]
        rows = (codes, angle_targets[some], angle_weights[some])
        return *losses, loss_of_rows(self.loss_angle, *rows, avg_factor=num_total_samples)

    def _encode(self, anchors: Tensor, gt_bboxes: Tensor) -> Tensor:
        """Targets of the box, and the angle to predict."""
        targets, angle = super()._encode(anchors, gt_bboxes), gt_bboxes[:, 4:]
        if self.use_encoded_angle:
            angle = self.bbox_coder.encode(anchors, gt_bboxes)[:, 4:]
        return torch.cat([targets, angle], 1)

    def get_bboxes(  # type: ignore[override]
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        angle_clses: Levels,
        img_metas: list[dict],
        cfg: dict | None = None,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> list[Detections]:
        """See the base."""
        priors = [self._grid(cls_scores)] * len(img_metas)
        return self._bboxes((cls_scores, bbox_preds, angle_clses), priors, img_metas, cfg, rescale, with_nms)

    def _get_bboxes_single(  # type: ignore[override]
        self, cls_score_list: Levels, bbox_pred_list: Levels, angle_cls_list: Levels, *rest: Any
    ) -> Any:
        """As of the base, with the maps of the angles."""
        # of each anchor the deltas first
        rows = [
            torch.cat([m.unflatten(0, (self.num_anchors, -1)) for m in level], 1).flatten(0, 1)
            for level in zip(bbox_pred_list, angle_cls_list, strict=True)
        ]
        return super()._get_bboxes_single(cls_score_list, rows, *rest)

    def _decode(self, anchors: Tensor, deltas: Tensor, max_shape: Any = None) -> Tensor:
        delta, codes = deltas[:, : self.bbox_dim], deltas[:, self.bbox_dim :]
        angle = self.angle_coder.decode(codes).reshape(-1, 1)
        if self.use_encoded_angle:
            return super()._decode(anchors, torch.cat([delta[:, :4], angle], 1), max_shape)
        return torch.cat([super()._decode(anchors, delta, max_shape)[:, :4], angle], 1)


# as in 1.x
MODELS.register_module('AngleBranchRetinaHead', module=CSLRRetinaHead)
