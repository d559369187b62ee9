"""Two-stage detectors: proposals, then a head on what is inside them."""

from typing import Any

from mmengine.config import ConfigDict
from torch import Tensor

from mmrotate.core import rbbox2result
from mmrotate.models.builder import build_head
from mmrotate.registry import MODELS

from .base import Result, RotatedBaseDetector


@MODELS.register_module()
class RotatedTwoStageDetector(RotatedBaseDetector):
    """Backbone, neck, proposal head and RoI head.

    Args:
        backbone: Config of the backbone.
        rpn_head: Config of the proposal head; it gets ``train_cfg.rpn`` and ``test_cfg.rpn``.
        roi_head: Config of the RoI head; it gets ``train_cfg.rcnn`` and ``test_cfg.rcnn``.
        **kwargs: See :class:`RotatedBaseDetector`.
    """

    def __init__(self, backbone: dict, rpn_head: dict, roi_head: dict, **kwargs: Any) -> None:
        super().__init__(backbone, **kwargs)
        train, test = self.train_cfg or ConfigDict(), self.test_cfg or ConfigDict()
        rpn, roi = ConfigDict(rpn_head), ConfigDict(roi_head)
        rpn.update(train_cfg=train.get('rpn'), test_cfg=test.get('rpn'))
        roi.update(train_cfg=train.get('rcnn'), test_cfg=test.get('rcnn'))
        self.rpn_head = build_head(rpn)
        self.roi_head = build_head(roi)

    def forward_train(
        self,
        img: Tensor,
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor | list[Tensor]]:
        """Losses of both stages; see the base."""
        x = self.extract_feat(img)
        losses, proposals = self.rpn_head.forward_train(
            x,
            img_metas,
            gt_bboxes,
            gt_bboxes_ignore=gt_bboxes_ignore,
            proposal_cfg=self.train_cfg.get('rpn_proposal', self.test_cfg.rpn),
        )
        second = self.roi_head.forward_train(x, img_metas, proposals, gt_bboxes, gt_labels, gt_bboxes_ignore)
        return {**losses, **second}

    def simple_test(self, img: Tensor, img_metas: list[dict], rescale: bool = False) -> list[Result]:
        """Results of a batch; see the base."""
        x = self.extract_feat(img)
        proposals = self.rpn_head.simple_test(x, img_metas)
        detections = self.roi_head.simple_test(x, proposals, img_metas, rescale)
        classes = self.roi_head.num_classes
        return [rbbox2result(boxes, labels, classes) for boxes, labels in detections]


@MODELS.register_module()
class OrientedRCNN(RotatedTwoStageDetector):
    """Oriented R-CNN (Xie et al., ICCV 2021)."""


@MODELS.register_module()
class RotatedFasterRCNN(RotatedTwoStageDetector):
    """Faster R-CNN (Ren et al., NeurIPS 2015) with rotated boxes from horizontal proposals."""


@MODELS.register_module()
class RoITransformer(RotatedTwoStageDetector):
    """RoI Transformer (Ding et al., CVPR 2019)."""


@MODELS.register_module()
class GlidingVertex(RotatedTwoStageDetector):
    """Gliding Vertex (Xu et al., TPAMI 2021)."""


@MODELS.register_module()
class ReDet(RotatedTwoStageDetector):
    """ReDet (Han et al., CVPR 2021): rotation-equivariant features, RoI Transformer's head."""
