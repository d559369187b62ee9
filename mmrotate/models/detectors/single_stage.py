"""One-stage detectors: a dense head on the pyramid."""

from typing import Any

from mmengine.config import ConfigDict
from torch import Tensor

from mmrotate.core import rbbox2result
from mmrotate.models.builder import build_head
from mmrotate.registry import MODELS

from .base import Result, RotatedBaseDetector


@MODELS.register_module()
class RotatedSingleStageDetector(RotatedBaseDetector):
    """Backbone, neck and one dense head.

    Args:
        backbone: Config of the backbone.
        bbox_head: Config of the head; it gets ``train_cfg`` and ``test_cfg``.
        **kwargs: See :class:`RotatedBaseDetector`.
    """

    def __init__(self, backbone: dict, bbox_head: dict, **kwargs: Any) -> None:
        super().__init__(backbone, **kwargs)
        cfg = ConfigDict(bbox_head)
        cfg.update(train_cfg=self.train_cfg, test_cfg=self.test_cfg)
        self.bbox_head = build_head(cfg)

    def forward_train(
        self,
        img: Tensor,
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor | list[Tensor]]:
        """Losses of a batch; see the base."""
        return self.bbox_head.forward_train(self.extract_feat(img), img_metas, gt_bboxes, gt_labels, gt_bboxes_ignore)

    def simple_test(self, img: Tensor, img_metas: list[dict], rescale: bool = False) -> list[Result]:
        """Results of a batch; see the base."""
        detections = self.bbox_head.simple_test(self.extract_feat(img), img_metas, rescale)
        classes = self.bbox_head.num_classes
        return [rbbox2result(boxes, labels, classes) for boxes, labels in detections]


@MODELS.register_module()
class RotatedRetinaNet(RotatedSingleStageDetector):
    """RetinaNet (Lin et al., ICCV 2017) with rotated boxes."""


@MODELS.register_module()
class RotatedFCOS(RotatedSingleStageDetector):
    """FCOS (Tian et al., ICCV 2019) with rotated boxes."""


@MODELS.register_module()
class RotatedRepPoints(RotatedSingleStageDetector):
    """RepPoints (Yang et al., ICCV 2019) with rotated boxes, and what builds on it."""
