"""The one-stage RoI head of Oriented R-CNN: rotated proposals in, rotated boxes out."""

from collections.abc import Sequence

import torch
from mmengine.config import ConfigDict
from torch import Tensor

from mmrotate.core import build_assigner, build_sampler, rbbox2roi
from mmrotate.core.bbox import SamplingResult
from mmrotate.models.base_module import BaseModule
from mmrotate.models.builder import build_head, build_roi_extractor
from mmrotate.registry import MODELS


@MODELS.register_module()
class OrientedStandardRoIHead(BaseModule):
    """Samples proposals, takes their features and refines them once (Xie et al., ICCV 2021).

    Args:
        bbox_roi_extractor: Config of the RoI extractor.
        bbox_head: Config of the box head.
        train_cfg: Assigner, sampler, ``pos_weight``.
        test_cfg: ``score_thr``, ``nms``, ``max_per_img``.
        init_cfg: Initialisation.
    """

    def __init__(
        self,
        bbox_roi_extractor: dict,
        bbox_head: dict,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.bbox_roi_extractor = build_roi_extractor(bbox_roi_extractor)
        self.bbox_head = build_head(bbox_head)
        self.train_cfg = None if train_cfg is None else ConfigDict(train_cfg)
        self.test_cfg = None if test_cfg is None else ConfigDict(test_cfg)
        if self.train_cfg is not None:
            self.assigner = build_assigner(self.train_cfg.assigner)
            self.sampler = build_sampler(self.train_cfg.sampler, context=self)

    def _forward(self, x: Sequence[Tensor], rois: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and deltas of RoIs (n, 6)."""
        feats = self.bbox_roi_extractor(x[: self.bbox_roi_extractor.num_inputs], rois)
        return self.bbox_head(feats)

    def sample_losses(self, x: Sequence[Tensor], rois: Tensor, labels: Tensor) -> Tensor:
        """Classification losses (n,) of RoIs, for samplers; ``labels`` -1 is background."""
        scores, _ = self._forward(x, rois)
        labels = labels.where(labels >= 0, self.bbox_head.num_classes)
        return self.bbox_head.loss_cls(scores, labels, reduction_override='none')

    def _sample(
        self,
        proposals: Tensor,
        gt_bboxes: Tensor,
        gt_ignore: Tensor | None,
        gt_labels: Tensor,
        x: Sequence[Tensor],
    ) -> SamplingResult:
        boxes = proposals[:, :5]
        assigned = self.assigner.assign(boxes, gt_bboxes, gt_ignore, gt_labels)
        return self.sampler.sample(assigned, boxes, gt_bboxes, gt_labels, feats=x)

    def forward_train(
        self,
        x: Sequence[Tensor],
        img_metas: list[dict],
        proposal_list: list[Tensor],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Losses of a batch; ``proposal_list`` holds (n, 6) per image: boxes and scores."""
        ignore = gt_bboxes_ignore or [None] * len(img_metas)
        samples = [
            self._sample(*image, [level[i : i + 1] for level in x])
            for i, image in enumerate(zip(proposal_list, gt_bboxes, ignore, gt_labels, strict=True))
        ]
        rois = rbbox2roi([sample.bboxes for sample in samples])
        scores, deltas = self._forward(x, rois)
        targets = self.bbox_head.get_targets(samples, self.train_cfg)
        return self.bbox_head.loss(scores, deltas, rois, targets)

    def simple_test(
        self,
        x: Sequence[Tensor],
        proposal_list: list[Tensor],
        img_metas: list[dict],
        rescale: bool = False,
    ) -> list[tuple[Tensor, Tensor]]:
        """Boxes (k, 6) with scores and labels (k,) of each image."""
        rois = rbbox2roi([proposals[:, :5] for proposals in proposal_list])
        counts = [len(proposals) for proposals in proposal_list]
        outs = torch.split(rois, counts), *(t.split(counts) for t in self._forward(x, rois))
        return [
            self.bbox_head.get_bboxes(*image, meta, self.test_cfg, rescale)
            for *image, meta in zip(*outs, img_metas, strict=True)
        ]
