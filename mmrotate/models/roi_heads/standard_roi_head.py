"""RoI heads: proposals in, rotated boxes out, by a box head in each of one or several stages."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmengine.model import ModuleList
from torch import Tensor

from mmrotate.core import bbox2roi, obb2xyxy, rbbox2result
from mmrotate.core.bbox import SamplingResult, build_assigner, build_sampler
from mmrotate.models.base_module import BaseModule
from mmrotate.models.builder import build_head, build_roi_extractor
from mmrotate.models.settings import TEST_KEYS, TRAIN_KEYS
from mmrotate.models.views import Result, merge_views
from mmrotate.registry import MODELS

# prefix of the losses, their weight, RoI extractor and box head
Stage = tuple[str, float, Any, Any]


class RotatedBaseRoIHead(BaseModule):
    """Samples proposals, takes their features and refines them, stage after stage.

    Proposals are horizontal (n, 4) or rotated (n, 5), as the head before gives them; objects take
    the same form where they are compared with them. Subclasses give ``_stages``.

    Args:
        train_cfgs: Assigner, sampler, ``pos_weight`` of each stage; none where it is not trained.
        test_cfg: ``score_thr``, ``nms``, ``max_per_img``.
        init_cfg: Initialisation.
        version: Angle version of the objects.
    """

    # what is read of both settings, and what configs of 0.x have there without effect
    train_keys: Mapping[str, Any] = TRAIN_KEYS
    test_keys: Mapping[str, Any] = TEST_KEYS

    def __init__(
        self, train_cfgs: Sequence[dict], test_cfg: dict | None = None, init_cfg: Any = None, version: str = 'oc'
    ) -> None:
        super().__init__(init_cfg)
        self.train_cfgs = [ConfigDict(cfg) for cfg in train_cfgs]
        # Any: a head is built without it, too, but does not test then
        self.test_cfg: Any = None if test_cfg is None else ConfigDict(test_cfg)
        self.version = version
        self.assigners = [build_assigner(cfg.assigner) for cfg in self.train_cfgs]
        self.samplers = [
            build_sampler(cfg.sampler, context=SimpleNamespace(sample_losses=partial(self.sample_losses, i)))
            for i, cfg in enumerate(self.train_cfgs)
        ]

    def _stages(self) -> list[Stage]:
        """The stages in their order."""
        raise NotImplementedError

    @property
    def num_classes(self) -> int:
        """Classes without background."""
        return self._stages()[-1][-1].num_classes

    def _forward(self, stage: int, x: Sequence[Tensor], rois: Tensor) -> tuple[Tensor, ...]:
        """Outputs of a stage's box head, scores and deltas first, for RoIs (n, 5 or 6)."""
        _, _, extractor, head = self._stages()[stage]
        return head(extractor(x[: extractor.num_inputs], rois))

    def sample_losses(self, stage: int, x: Sequence[Tensor], rois: Tensor, labels: Tensor) -> Tensor:
        """Classification losses (n,) of RoIs, for samplers; ``labels`` -1 is background."""
        head = self._stages()[stage][-1]
        labels = labels.where(labels >= 0, head.num_classes)
        return head.loss_cls(self._forward(stage, x, rois)[0], labels, reduction_override='none')

    def _sample(
        self, stage: int, feats: Sequence[Tensor], boxes: Tensor, truth: Tensor, ignore: Tensor | None, labels: Tensor
    ) -> SamplingResult:
        """Sampled proposals of one image; their objects are rotated whatever they are."""
        compared = truth
        if boxes.size(1) == 4:
            compared = obb2xyxy(truth, self.version)
            ignore = None if ignore is None else obb2xyxy(ignore, self.version)
        assigned = self.assigners[stage].assign(boxes, compared, ignore, labels)
        sample = self.samplers[stage].sample(assigned, boxes, compared, labels, feats=feats)
        sample.pos_gt_bboxes = truth[sample.pos_assigned_gt_inds]
        return sample

    def forward_train(
        self,
        x: Sequence[Tensor],
        img_metas: list[dict],
        proposal_list: list[Tensor],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Losses of a batch; ``proposal_list`` holds (n, 5 or 6) per image: boxes and scores."""
        ignore: Sequence[Tensor | None] = gt_bboxes_ignore or [None] * len(img_metas)
        feats = [[level[i : i + 1] for level in x] for i in range(len(img_metas))]
        boxes = [proposals[:, :-1] for proposals in proposal_list]
        stages, losses = self._stages(), {}
        for i, (prefix, weight, _, head) in enumerate(stages):
            images = zip(feats, boxes, gt_bboxes, ignore, gt_labels, strict=True)
            samples = [self._sample(i, *image) for image in images]
            rois = bbox2roi([sample.bboxes for sample in samples])
            outs = self._forward(i, x, rois)
            targets = head.get_targets(samples, self.train_cfgs[i])
            for name, value in head.loss(outs, rois, targets).items():
                losses[prefix + name] = value * weight if 'loss' in name else value
            if i + 1 < len(stages):
                refined = self._refine(head, rois, outs, targets[0])
                # objects that were added to the proposals go: the next stage adds them itself
                kept = [torch.cat([s.pos_is_gt == 0, s.neg_inds >= 0]) for s in samples]
                parts = refined.split([len(rows) for rows in kept])
                boxes = [part[rows] for part, rows in zip(parts, kept, strict=True)]
        return losses

    @torch.no_grad()
    def _refine(self, head: Any, rois: Tensor, outs: tuple[Tensor, ...], labels: Tensor | None = None) -> Tensor:
        """Boxes (n, 5) of RoIs, of the given class or, where it is background, the likeliest."""
        best = outs[0][:, :-1].argmax(1)
        labels = best if labels is None else best.where(labels == head.num_classes, labels)
        return head.refine(rois, outs[1], labels)

    def simple_test(
        self, x: Sequence[Tensor], proposal_list: list[Tensor], img_metas: list[dict], rescale: bool = False
    ) -> list[tuple[Tensor, Tensor]]:
        """Boxes (k, 6) with scores and labels (k,) of each image; all stages vote on classes."""
        boxes = [proposals[:, :-1] for proposals in proposal_list]
        counts = [len(image) for image in boxes]
        stages, votes = self._stages(), []
        for i, (*_, head) in enumerate(stages):
            rois = bbox2roi(boxes)
            outs = self._forward(i, x, rois)
            votes.append(outs[0])
            if i + 1 < len(stages):
                boxes = list(self._refine(head, rois, outs).split(counts))
        scores = torch.stack(votes).mean(0)
        split = [part.split(counts) for part in (scores, *outs[1:], rois)]
        return [
            head.get_bboxes(preds, image_rois, meta, self.test_cfg, rescale)
            for *preds, image_rois, meta in zip(*split, img_metas, strict=True)
        ]

    async def async_simple_test(
        self, x: Sequence[Tensor], proposal_list: list[Tensor], img_metas: list[dict], rescale: bool = False
    ) -> list[tuple[Tensor, Tensor]]:
        """As :meth:`simple_test`, for callers that await."""
        return self.simple_test(x, proposal_list, img_metas, rescale)

    def aug_test(
        self,
        x: Sequence[Sequence[Tensor]],
        proposal_list: Sequence[list[Tensor]],
        img_metas: Sequence[list[dict]],
        rescale: bool = False,
    ) -> list[Result]:
        """Per image and class boxes (n, 6), merged over several views, whose arguments come in a list each.

        They are in the pixels of the original images, or of the first view without ``rescale``.
        """
        views = [self.simple_test(*view) for view in zip(x, proposal_list, img_metas, strict=True)]
        results = [[rbbox2result(*image, self.num_classes) for image in view] for view in views]
        return merge_views(results, img_metas, self.test_cfg, rescale)

    def forward_dummy(self, x: Sequence[Tensor], proposals: Tensor) -> tuple[Tensor, ...]:
        """Outputs of all stages for proposals (n, 4 or more) of the first image, without NMS: to count operations."""
        stages = self._stages()
        outs: list[Tensor] = []
        rois = bbox2roi([proposals[:, : stages[0][2].box_dim]])
        for i, (*_, head) in enumerate(stages):
            stage = self._forward(i, x, rois)
            outs += stage
            rois = bbox2roi([self._refine(head, rois, stage)]) if i + 1 < len(stages) else rois
        return tuple(outs)


@MODELS.register_module()
class RotatedStandardRoIHead(RotatedBaseRoIHead):
    """One stage (Ren et al., Faster R-CNN, NeurIPS 2015).

    Args:
        bbox_roi_extractor: Config of the RoI extractor.
        bbox_head: Config of the box head.
        train_cfg: Assigner, sampler, ``pos_weight``.
        **kwargs: See :class:`RotatedBaseRoIHead`.
    """

    def __init__(
        self, bbox_roi_extractor: dict, bbox_head: dict, train_cfg: dict | None = None, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__([] if train_cfg is None else [train_cfg], *args, **kwargs)
        self.bbox_roi_extractor = build_roi_extractor(bbox_roi_extractor)
        self.bbox_head = build_head(bbox_head)

    def _stages(self) -> list[Stage]:
        return [('', 1.0, self.bbox_roi_extractor, self.bbox_head)]


@MODELS.register_module()
class OrientedStandardRoIHead(RotatedStandardRoIHead):
    """The same on rotated proposals (Xie et al., Oriented R-CNN, ICCV 2021)."""


@MODELS.register_module()
class GVRatioRoIHead(RotatedStandardRoIHead):
    """The same with a :class:`GVBBoxHead` (Xu et al., Gliding Vertex, TPAMI 2021)."""


@MODELS.register_module()
class RoITransRoIHead(RotatedBaseRoIHead):
    """A cascade: horizontal proposals are turned, then refined (Ding et al., CVPR 2019).

    Args:
        num_stages: Stages.
        stage_loss_weights: Factor of each stage's losses.
        bbox_roi_extractor: Config of each stage's RoI extractor, or one for all.
        bbox_head: Config of each stage's box head, or one for all.
        train_cfg: Assigner, sampler, ``pos_weight`` of each stage, or one for all.
        **kwargs: See :class:`RotatedBaseRoIHead`.
    """

    def __init__(
        self,
        num_stages: int,
        stage_loss_weights: Sequence[float],
        bbox_roi_extractor: dict | Sequence[dict],
        bbox_head: dict | Sequence[dict],
        train_cfg: dict | Sequence[dict] | None = None,
        **kwargs: Any,
    ) -> None:
        per_stage: dict[str, Any] = dict(bbox_roi_extractor=bbox_roi_extractor, bbox_head=bbox_head)
        if train_cfg is not None:
            per_stage['train_cfg'] = train_cfg
        for name, cfgs in (per_stage | dict(stage_loss_weights=stage_loss_weights)).items():
            if isinstance(cfgs, dict):
                per_stage[name] = [cfgs] * num_stages
            elif len(cfgs) != num_stages:
                raise ValueError(f'{name} must have one item for each of num_stages={num_stages}, got {len(cfgs)}')
        super().__init__(per_stage.get('train_cfg', []), **kwargs)
        self.stage_loss_weights = list(stage_loss_weights)
        # these lists initialise their members
        self.bbox_roi_extractor = ModuleList(map(build_roi_extractor, per_stage['bbox_roi_extractor']))
        self.bbox_head = ModuleList(map(build_head, per_stage['bbox_head']))

    def _stages(self) -> list[Stage]:
        parts = zip(self.stage_loss_weights, self.bbox_roi_extractor, self.bbox_head, strict=True)
        return [(f's{i}.', *part) for i, part in enumerate(parts)]
