"""Two-stage detectors: proposals, then a head on what is inside them."""

from collections.abc import Sequence
from typing import Any

from mmengine.config import ConfigDict
from torch import Tensor

from mmrotate.registry import MODELS

from .base import RotatedBaseDetector


@MODELS.register_module()
class RotatedTwoStageDetector(RotatedBaseDetector):
    """Backbone, neck, proposal head and RoI head.

    Args:
        rpn_head: Config of the proposal head; it gets ``train_cfg.rpn`` and ``test_cfg.rpn``.
        roi_head: Config of the RoI head; it gets ``train_cfg.rcnn`` and ``test_cfg.rcnn``.
        **kwargs: See :class:`RotatedBaseDetector`.
    """

    settings = (
        ('train_cfg.rpn', 'rpn_head', 'train_keys'),
        ('train_cfg.rpn_proposal', 'rpn_head', 'test_keys'),
        ('train_cfg.rcnn', 'roi_head', 'train_keys'),
        ('test_cfg.rpn', 'rpn_head', 'test_keys'),
        ('test_cfg.rcnn', 'roi_head', 'test_keys'),
    )

    def __init__(self, backbone: dict, rpn_head: dict, roi_head: dict, **kwargs: Any) -> None:
        super().__init__(backbone, **kwargs)
        train, test = self.train_cfg or ConfigDict(), self.test_cfg or ConfigDict()
        self.rpn_head = self._build_head(rpn_head, train.get('rpn'), test.get('rpn'))
        self.roi_head = self._build_head(roi_head, train.get('rcnn'), test.get('rcnn'))

    def _losses(self, x: Sequence[Tensor], img_metas: list[dict], *truth: Any) -> dict[str, Tensor | list[Tensor]]:
        gt_bboxes, _, ignore = truth
        settings = self.train_cfg.get('rpn_proposal', self.test_cfg.rpn)
        losses, proposals = self.rpn_head.forward_train(
            x, img_metas, gt_bboxes, gt_bboxes_ignore=ignore, proposal_cfg=settings
        )
        return losses | self.roi_head.forward_train(x, img_metas, proposals, *truth)

    def _detect(self, x: Sequence[Tensor], img_metas: list[dict], rescale: bool) -> tuple[list, int]:
        proposals = self.rpn_head.simple_test(x, img_metas)
        return self.roi_head.simple_test(x, proposals, img_metas, rescale), self.roi_head.num_classes


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
