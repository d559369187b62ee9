"""RoI heads of one stage."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mmrotate.core.bbox import SamplingResult
from mmrotate.models.builder import build_head, build_roi_extractor
from mmrotate.registry import MODELS

from .base_roi_head import RotatedBaseRoIHead, Stage


@MODELS.register_module()
class RotatedStandardRoIHead(RotatedBaseRoIHead):
    """One stage (Ren et al., Faster R-CNN, NeurIPS 2015); arguments as of the base."""

    def init_bbox_head(self, bbox_roi_extractor: dict, bbox_head: dict) -> None:
        """Build the RoI extractor and the box head of their configs."""
        self.bbox_roi_extractor = build_roi_extractor(bbox_roi_extractor)
        self.bbox_head = build_head(bbox_head)

    def init_assigner_sampler(self) -> None:
        """Build the assigner and the sampler of the training settings, if there are any."""
        if self.train_cfg is not None:
            self.bbox_assigner, self.bbox_sampler = self._assigner_and_sampler(0, self.train_cfg)

    def _stages(self) -> list[Stage]:
        return [('', 1.0, self.bbox_roi_extractor, self.bbox_head)]

    def _bbox_forward(self, x: Sequence[Tensor], rois: Tensor) -> dict[str, Any]:
        """Outputs of the box head for RoIs, by their names, and ``bbox_feats``, what it saw."""
        return self._stage_forward(0, x, rois)

    def _bbox_forward_train(
        self,
        x: Sequence[Tensor],
        sampling_results: list[SamplingResult],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        img_metas: list[dict],
    ) -> dict[str, Any]:
        """Outputs, RoIs and targets of a batch, and its losses ``loss_bbox``, a dict."""
        return self._stage_forward_train(0, x, sampling_results, gt_bboxes, gt_labels, self.train_cfg)

    def _results(self, stage: int, x: Sequence[Tensor], rois: Tensor) -> dict[str, Any]:
        return self._bbox_forward(x, rois)

    def _train_results(self, stage: int, x: Sequence[Tensor], samples: list, *truth: list) -> dict[str, Any]:
        return self._bbox_forward_train(x, samples, *truth)


@MODELS.register_module()
class OrientedStandardRoIHead(RotatedStandardRoIHead):
    """The same on rotated proposals (Xie et al., Oriented R-CNN, ICCV 2021)."""


@MODELS.register_module()
class GVRatioRoIHead(RotatedStandardRoIHead):
    """The same with a :class:`GVBBoxHead` (Xu et al., Gliding Vertex, TPAMI 2021)."""
