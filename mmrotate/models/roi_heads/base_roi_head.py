"""What every RoI head shares: proposals in, rotated boxes out, by a box head in each of its stages."""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import repeat
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.config import ConfigDict
from torch import Tensor

from mmrotate.core import bbox2roi, obb2xyxy, rbbox2result
from mmrotate.core.bbox import SamplingResult, build_assigner, build_sampler
from mmrotate.core.bbox.batches import batch_steps, joined, together
from mmrotate.models.base_module import BaseModule
from mmrotate.models.builder import build_shared_head
from mmrotate.models.settings import TEST_KEYS, TRAIN_KEYS
from mmrotate.models.views import Result, merge_views
from mmrotate.utils.errors import ArgumentError

from .bbox_head import RotatedBBoxHead

# prefix of the losses, their weight, RoI extractor and box head
Stage = tuple[str, float, Any, Any]


class RotatedBaseRoIHead(BaseModule):
    """Samples proposals, takes their features and refines them, stage after stage.

    Proposals are horizontal (n, 4) or rotated (n, 5), as the head before gives them; objects take
    the same form where they are compared with them. Subclasses give ``_stages``, and the steps that 0.x gave one
    or several stages: ``init_bbox_head``, ``init_assigner_sampler``, ``_bbox_forward``, ``_bbox_forward_train``.

    Args:
        bbox_roi_extractor: Config of the RoI extractor.
        bbox_head: Config of the box head.
        shared_head: Config of a module between them, on the RoI features.
        train_cfg: Assigner, sampler, ``pos_weight``.
        test_cfg: ``score_thr``, ``nms``, ``max_per_img``.
        pretrained: A checkpoint of the shared head.
        init_cfg: Initialisation.
        version: Angle version of the objects.
    """

    # what is read of both settings, and what configs of 0.x have there without effect
    train_keys: Mapping[str, Any] = TRAIN_KEYS
    test_keys: Mapping[str, Any] = TEST_KEYS
    # of one stage, or lists over stages
    bbox_roi_extractor: Any
    bbox_head: Any
    bbox_assigner: Any = None
    bbox_sampler: Any = None

    def __init__(
        self,
        bbox_roi_extractor: Any = None,
        bbox_head: Any = None,
        shared_head: dict | None = None,
        train_cfg: Any = None,
        test_cfg: dict | None = None,
        pretrained: str | None = None,
        init_cfg: Any = None,
        version: str = 'oc',
    ) -> None:
        super().__init__(init_cfg)
        # Any: a head is built without them, too, but does not train or test then
        self.train_cfg: Any = _settings(train_cfg)
        self.test_cfg: Any = _settings(test_cfg)
        self.version = version
        if pretrained is not None:
            if shared_head is None:
                raise ArgumentError(
                    f'pretrained={pretrained!r} is for a shared_head, which {type(self).__name__} lacks'
                )
            shared_head = dict(shared_head, init_cfg=dict(type='Pretrained', checkpoint=pretrained))
        if shared_head is not None:
            self.shared_head = build_shared_head(shared_head)
        if bbox_head is not None:
            self.init_bbox_head(bbox_roi_extractor, bbox_head)
        self.init_assigner_sampler()

    @property
    def with_bbox(self) -> bool:
        """Whether there is a box head."""
        return getattr(self, 'bbox_head', None) is not None

    @property
    def with_shared_head(self) -> bool:
        """Whether there is a shared head."""
        return getattr(self, 'shared_head', None) is not None

    def init_bbox_head(self, bbox_roi_extractor: Any, bbox_head: Any) -> None:
        """Build the RoI extractor and the box head of their configs."""
        raise NotImplementedError

    def init_assigner_sampler(self) -> None:
        """Build ``bbox_assigner`` and ``bbox_sampler`` of the training settings."""
        raise NotImplementedError

    def _assigner_and_sampler(self, stage: int, cfg: ConfigDict) -> tuple[Any, Any]:
        steps: dict[str, Any] = dict(sample_losses=self.sample_losses, sample_boxes=self.sample_boxes)
        context = SimpleNamespace(**{name: partial(step, stage) for name, step in steps.items()})
        return build_assigner(cfg.assigner), build_sampler(cfg.sampler, context=context)

    @property
    def assigners(self) -> list:
        """The assigner of each stage."""
        return _as_list(self.bbox_assigner)

    @property
    def samplers(self) -> list:
        """The sampler of each stage."""
        return _as_list(self.bbox_sampler)

    def _stages(self) -> list[Stage]:
        """The stages in their order."""
        raise NotImplementedError

    @property
    def num_classes(self) -> int:
        """Classes without background."""
        return self._stages()[-1][-1].num_classes

    def _stage_forward(self, stage: int, x: Sequence[Tensor], rois: Tensor) -> dict[str, Any]:
        _, _, extractor, head = self._stages()[stage]
        feats = extractor(x[: extractor.num_inputs], rois)
        if self.with_shared_head:
            feats = self.shared_head(feats)
        return dict(zip(_outputs(head), head(feats), strict=True), bbox_feats=feats)

    def _stage_forward_train(
        self, stage: int, x: Sequence[Tensor], samples: list[SamplingResult], *truth_and_settings: Any
    ) -> dict[str, Any]:
        head = self._stages()[stage][-1]
        rois = bbox2roi([sample.bboxes for sample in samples])
        outs = self._forward(stage, x, rois)
        targets = _weighted(head.get_targets(samples, *truth_and_settings), samples)
        losses = head.loss(*outs, rois, *targets)
        return dict(zip(_outputs(head), outs, strict=True), rois=rois, bbox_targets=targets, loss_bbox=losses)

    def _results(self, stage: int, x: Sequence[Tensor], rois: Tensor) -> dict[str, Any]:
        """What ``_bbox_forward`` gives for a stage."""
        raise NotImplementedError

    def _train_results(self, stage: int, x: Sequence[Tensor], samples: list, *truth: list) -> dict[str, Any]:
        """What ``_bbox_forward_train`` gives for a stage; ``truth``: boxes, labels, facts of the images."""
        raise NotImplementedError

    def _forward(self, stage: int, x: Sequence[Tensor], rois: Tensor) -> tuple[Tensor, ...]:
        """Outputs of a stage's box head, scores and deltas first, for RoIs (n, 5 or 6)."""
        results = self._results(stage, x, rois)
        return tuple(results[name] for name in _outputs(self._stages()[stage][-1]))

    def sample_losses(self, stage: int, x: Sequence[Tensor], rois: Tensor, labels: Tensor) -> Tensor:
        """Classification losses (n,) of RoIs, for samplers; ``labels`` -1 is background."""
        head = self._stages()[stage][-1]
        labels = labels.where(labels >= 0, head.num_classes)
        return head.loss_cls(self._forward(stage, x, rois)[0], labels, reduction_override='none')

    def sample_boxes(self, stage: int, x: Sequence[Tensor], rois: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities (n, classes + 1) of RoIs and their boxes (n, 5), for samplers."""
        head, outs = self._stages()[stage][-1], self._forward(stage, x, rois)
        return head._scores(outs[0]), self._refine(head, rois, outs[0], outs[1], {})

    def _samples(
        self, stage: int, x: Sequence[Tensor], boxes: list[Tensor], truth: list[Tensor], *rest: list
    ) -> list[SamplingResult]:
        """Sampled proposals of each image, of their ignored boxes and labels; the objects are rotated in any case."""
        (ignore, labels), compared = rest, truth
        if boxes[0].size(1) == 4:
            as_upright = partial(obb2xyxy, version=self.version)
            compared = list(together(as_upright, truth))
            ignore = [none if none is None else as_upright(none) for none in ignore]
        assigner, sampler = self.assigners[stage], self.samplers[stage]
        feats = ([level[i : i + 1] for level in x] for i in range(len(boxes)))
        if (steps := batch_steps(assigner, sampler)) is None:
            images = zip(boxes, compared, ignore, labels, feats, truth, strict=True)
            return [_sampled(assigner, sampler, *image) for image in images]
        assign, sample = steps
        seen = repeat(None) if sampler.by_facts else feats
        samples = sample(assign(boxes, compared, ignore, labels), boxes, compared, labels, seen)
        owners = [found.pos_assigned_gt_inds for found in samples]
        objects = torch.cat(truth)[joined(owners, list(map(len, truth)))].split(list(map(len, owners)))
        for found, gts in zip(samples, objects, strict=True):
            found.pos_gt_bboxes = gts
        return samples

    def forward_train(
        self,
        x: Sequence[Tensor],
        img_metas: list[dict],
        proposal_list: list[Tensor],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
        gt_masks: Any = None,
    ) -> dict[str, Tensor]:
        """Losses of a batch; ``proposal_list`` holds (n, 5 or 6) per image: boxes and scores.

        ``gt_masks`` are not used, which a warning says: there is no branch for masks.
        """
        if gt_masks is not None:
            warnings.warn(f'{type(self).__name__} predicts no masks: gt_masks are not used', UserWarning, stacklevel=2)
        ignore: list = gt_bboxes_ignore or [None] * len(img_metas)
        boxes = [proposals[:, :-1] for proposals in proposal_list]
        stages, losses = self._stages(), {}
        if self.train_cfg is None:
            raise ArgumentError(f'{type(self).__name__} does not train without train_cfg.rcnn')
        for i, (prefix, weight, _, head) in enumerate(stages):
            samples = self._samples(i, x, boxes, gt_bboxes, ignore, gt_labels)
            results = self._train_results(i, x, samples, gt_bboxes, gt_labels, img_metas)
            for name, value in results['loss_bbox'].items():
                losses[prefix + name] = value * weight if 'loss' in name else value
            if i + 1 < len(stages):
                labels = results['bbox_targets'][0]
                labels = results['cls_score'][:, :-1].argmax(1).where(labels == head.num_classes, labels)
                objects = [sample.pos_is_gt for sample in samples]
                with torch.no_grad():
                    boxes = head.refine_bboxes(results['rois'], labels, results['bbox_pred'], objects, img_metas)
        return losses

    def simple_test(
        self, x: Sequence[Tensor], proposal_list: list[Tensor], img_metas: list[dict], rescale: bool = False
    ) -> list[tuple[Tensor, Tensor]]:
        """Boxes (k, 6) with scores and labels (k,) of each image."""
        found = self.simple_test_bboxes(x, img_metas, proposal_list, self.test_cfg, rescale=rescale)
        return list(zip(*found, strict=True))

    def simple_test_bboxes(
        self,
        x: Sequence[Tensor],
        img_metas: list[dict],
        proposals: list[Tensor],
        rcnn_test_cfg: dict,
        rescale: bool = False,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Boxes (k, 6) with scores of each image, and labels (k,) of each; all stages vote on classes."""
        boxes = [image[:, :-1] for image in proposals]
        counts = [len(image) for image in boxes]
        stages, votes = self._stages(), []
        for i, (*_, head) in enumerate(stages):
            rois = bbox2roi(boxes)
            outs = self._forward(i, x, rois)
            votes.append(outs[0])
            if i + 1 < len(stages):
                parts = zip(*(part.split(counts) for part in (rois, *outs[:2])), img_metas, strict=True)
                boxes = [self._refine(head, *image) for image in parts]
        scores = torch.stack(votes).mean(0)
        split = [part.split(counts) for part in (scores, *outs[1:], rois)]
        found = [
            head.detect(preds, image_rois, meta, rcnn_test_cfg, rescale)
            for *preds, image_rois, meta in zip(*split, img_metas, strict=True)
        ]
        return [boxes for boxes, _ in found], [labels for _, labels in found]

    @torch.no_grad()
    def _refine(self, head: Any, rois: Tensor, scores: Tensor, deltas: Tensor, img_meta: dict) -> Tensor:
        """Boxes (n, 5) of the RoIs of an image, of the likeliest class each."""
        labels = scores[:, :-1].argmax(1)
        return head.regress_by_class(rois, labels, deltas, img_meta)[:, 1:]

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
            rois = bbox2roi([self._refine(head, rois, stage[0], stage[1], {})]) if i + 1 < len(stages) else rois
        return tuple(outs)


def _sampled(
    assigner: Any,
    sampler: Any,
    boxes: Tensor,
    compared: Tensor,
    ignore: Any,
    labels: Tensor,
    feats: list,
    truth: Tensor,
) -> SamplingResult:
    """Sampled proposals of one image, of objects in the form that is compared and as they are."""
    assigned = assigner.assign(boxes, compared, ignore, labels)
    sample = sampler.sample(assigned, boxes, compared, labels, feats=feats)
    sample.pos_gt_bboxes = truth[sample.pos_assigned_gt_inds]
    return sample


def _settings(cfg: Any) -> Any:
    """Settings, or a list of them, whose keys are attributes."""
    if isinstance(cfg, list | tuple):
        return [ConfigDict(each) for each in cfg]
    return None if cfg is None else ConfigDict(cfg)


def _weighted(targets: tuple, samples: list[SamplingResult]) -> tuple:
    """Targets whose label weights, the second of them, are those that a sampler found for its negatives."""
    own = [getattr(sample, 'neg_label_weights', None) for sample in samples]
    if all(weights is None for weights in own):
        return targets
    factors = torch.ones_like(targets[1])
    parts = factors.split([len(sample.pos_inds) + len(sample.neg_inds) for sample in samples])
    for part, sample, weights in zip(parts, samples, own, strict=True):
        if weights is not None:
            part[len(sample.pos_inds) :] = weights
    return targets[0], targets[1] * factors, *targets[2:]


def _as_list(parts: Any) -> list:
    if parts is None:
        return []
    return parts if isinstance(parts, list) else [parts]


def _outputs(head: Any) -> tuple[str, ...]:
    """Names of the outputs of a box head; one of one's own need not say the usual ones."""
    return getattr(head, 'outputs', RotatedBBoxHead.outputs)
