"""RoI heads of several stages."""

from collections.abc import Sequence
from typing import Any

from mmengine.config import ConfigDict
from mmengine.model import ModuleList
from torch import Tensor

from mmrotate.core.bbox import SamplingResult
from mmrotate.models.builder import build_head, build_roi_extractor
from mmrotate.models.views import Result
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base_roi_head import RotatedBaseRoIHead, Stage


@MODELS.register_module()
class RoITransRoIHead(RotatedBaseRoIHead):
    """A cascade: horizontal proposals are turned, then refined (Ding et al., CVPR 2019).

    Args:
        num_stages: Stages.
        stage_loss_weights: Factor of each stage's losses.
        bbox_roi_extractor: Config of each stage's RoI extractor, or one for all.
        bbox_head: Config of each stage's box head, or one for all.
        train_cfg: Assigner, sampler, ``pos_weight`` of each stage, or one for all.

    The others are those of :class:`RotatedBaseRoIHead`.
    """

    def __init__(
        self,
        num_stages: int,
        stage_loss_weights: Sequence[float],
        bbox_roi_extractor: dict | Sequence[dict] | None = None,
        bbox_head: dict | Sequence[dict] | None = None,
        shared_head: None = None,
        train_cfg: dict | Sequence[dict] | None = None,
        test_cfg: dict | None = None,
        pretrained: str | None = None,
        version: str = 'oc',
        init_cfg: Any = None,
    ) -> None:
        if shared_head is not None:
            raise ArgumentError('a cascade has no shared_head: its stages would not see the RoI features alike')
        self.num_stages, self.stage_loss_weights = num_stages, list(stage_loss_weights)
        parts: dict[str, Any] = dict(bbox_roi_extractor=bbox_roi_extractor, bbox_head=bbox_head, train_cfg=train_cfg)
        parts = {name: cfg if cfg is None else self._per_stage(name, cfg) for name, cfg in parts.items()}
        self._per_stage('stage_loss_weights', self.stage_loss_weights)
        super().__init__(**parts, test_cfg=test_cfg, pretrained=pretrained, init_cfg=init_cfg, version=version)

    def _per_stage(self, name: str, cfgs: Any) -> list:
        if isinstance(cfgs, dict):
            return [cfgs] * self.num_stages
        if len(cfgs) != self.num_stages:
            wanted = f'one item for each of num_stages={self.num_stages}'
            raise ArgumentError(f'{name} must have {wanted}, got {len(cfgs)}')
        return list(cfgs)

    def init_bbox_head(self, bbox_roi_extractor: Sequence[dict], bbox_head: Sequence[dict]) -> None:
        """Build the RoI extractor and the box head of each stage of their configs."""
        # these lists initialise their members
        self.bbox_roi_extractor = ModuleList(map(build_roi_extractor, bbox_roi_extractor))
        self.bbox_head = ModuleList(map(build_head, bbox_head))

    def init_assigner_sampler(self) -> None:
        """Build the assigner and the sampler of each stage's training settings, if there are any."""
        parts = [self._assigner_and_sampler(i, cfg) for i, cfg in enumerate(self.train_cfg or [])]
        self.bbox_assigner, self.bbox_sampler = [part[0] for part in parts], [part[1] for part in parts]

    def _stages(self) -> list[Stage]:
        parts = zip(self.stage_loss_weights, self.bbox_roi_extractor, self.bbox_head, strict=True)
        return [(f's{i}.', *part) for i, part in enumerate(parts)]

    def _bbox_forward(self, stage: int, x: Sequence[Tensor], rois: Tensor) -> dict[str, Any]:
        """Outputs of a stage's box head for RoIs, by their names, and ``bbox_feats``, what it saw."""
        return self._stage_forward(stage, x, rois)

    def _bbox_forward_train(
        self,
        stage: int,
        x: Sequence[Tensor],
        sampling_results: list[SamplingResult],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        rcnn_train_cfg: ConfigDict,
    ) -> dict[str, Any]:
        """Outputs, RoIs and targets of a stage for a batch, and its losses ``loss_bbox``, a dict."""
        return self._stage_forward_train(stage, x, sampling_results, gt_bboxes, gt_labels, rcnn_train_cfg)

    def _results(self, stage: int, x: Sequence[Tensor], rois: Tensor) -> dict[str, Any]:
        return self._bbox_forward(stage, x, rois)

    def _train_results(self, stage: int, x: Sequence[Tensor], samples: list, *truth: list) -> dict[str, Any]:
        gt_bboxes, gt_labels, _ = truth
        return self._bbox_forward_train(stage, x, samples, gt_bboxes, gt_labels, self.train_cfg[stage])

    def aug_test(
        self,
        features: Sequence[Sequence[Tensor]],
        proposal_list: Sequence[list[Tensor]],
        img_metas: Sequence[list[dict]],
        rescale: bool = False,
    ) -> list[Result]:
        """As of the base; 0.x named the pyramids so here."""
        return super().aug_test(features, proposal_list, img_metas, rescale)
