"""A detector as one function of tensors: images in, boxes after NMS out."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.core.post_processing import read_nms
from mmrotate.models.detectors import RefineSingleStageDetector, RotatedDeformableDETR, RotatedTwoStageDetector
from mmrotate.models.detectors.detr import Extent
from mmrotate.utils.graph import Graph, tracing

from .batching import over_images
from .nms import limit_each_class, rotated_nms, upright_nms


class GraphDetector(nn.Module):
    """Runs the steps of a detector for every image of a batch, without a branch on a value.

    The steps for one image are those of the detector's own heads, carried over the batch by ``torch.vmap``; NMS is done
    here.

    Args:
        model: The detector, in eval mode.
        normalize: Mean and standard deviation of each channel, and whether BGR becomes RGB before: to normalise pixels
            of 0 to 255 inside. None: they come normalised.
        candidates: Most candidates of an image that NMS sees.
        most_per_class: Most boxes of a class in an image; None for any number.
        with_nms: Suppress; else all candidates come out.
        half: Run the layers in float16, of a detector with queries those of its body and pyramid; boxes are computed
            in float32.
    """

    def __init__(
        self,
        model: Any,
        normalize: tuple[Sequence[float], Sequence[float], bool] | None = None,
        candidates: int = 2000,
        most_per_class: int | None = None,
        with_nms: bool = True,
        half: bool = False,
    ) -> None:
        super().__init__()
        self.dtype = torch.float16 if half else torch.float32
        for part in (model.backbone, model.neck) if isinstance(model, RotatedDeformableDETR) else (model,):
            part.to(self.dtype)
        self.model, self.candidates, self.most_per_class, self.with_nms = model, candidates, most_per_class, with_nms
        self.normalize = normalize

    def forward(self, image: Tensor, img_shape: Tensor, scale_factor: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (N, k, 6) and labels (N, k), best first; a label of -1, and a box of zeros, where there are fewer.

        Args:
            image: (N, 3, H, W).
            img_shape: (N, 2), height and width of each image without its padding.
            scale_factor: (N, 4), how many times as large as the original image it is, along x, y, x, y.
        """
        with tracing(Graph(self.candidates)) as graph:
            image = self._normalized(image, img_shape).to(self.dtype)
            dets, labels = self._candidates(graph, image, img_shape, scale_factor)
        alive = dets[..., 5] > 0
        # one object a query: a detector with queries asks for no NMS
        if self.with_nms and graph.asked:
            (nms, most), *others = graph.asked
            assert all(other == (nms, most) for other in others)
            dets, labels, alive = self._suppressed(dets, labels, alive, nms, most)
        return torch.where(alive[..., None], dets, 0), torch.where(alive, labels, -1)

    def _suppressed(
        self, dets: Tensor, labels: Tensor, alive: Tensor, nms: Mapping | float, most: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What NMS leaves of candidates, in fewer columns."""
        # columns that no image fills cost nothing; one stays: an axis of 0 is a trap of many operators
        dets, labels, alive = _shortened(alive.sum(1).max().clamp(min=1), dets, labels, alive)
        threshold, by_class, _ = read_nms(nms)
        alive = rotated_nms(dets[..., :5], labels if by_class else None, alive, threshold)
        if self.most_per_class is not None:
            alive = limit_each_class(alive, labels, self.most_per_class)
        count = alive.sum(1).max()
        order = torch.where(alive, dets[..., 5], -1).sort(1, descending=True).indices
        dets, labels, alive = (_gathered(field, order) for field in (dets, labels, alive))
        dets, labels, alive = _shortened(count if most <= 0 else count.clamp(max=most), dets, labels, alive)
        return dets, labels, alive

    def _normalized(self, image: Tensor, img_shape: Tensor) -> Tensor:
        if self.normalize is None:
            return image
        mean, std, swap = self.normalize
        image = image.flip(1) if swap else image
        image = (image - image.new_tensor(mean).view(3, 1, 1)) / image.new_tensor(std).view(3, 1, 1)
        # padding is 0 after it, too
        inside = [torch.arange(image.size(axis), device=image.device) < img_shape[:, axis - 2, None] for axis in (2, 3)]
        return image * (inside[0][:, None, :, None] & inside[1][:, None, None])

    def _candidates(self, graph: Graph, image: Tensor, *facts: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes with scores (N, k, 6), best first, and labels (N, k) before NMS."""
        x = self.model.extract_feat(image)
        if isinstance(self.model, RotatedTwoStageDetector):
            return self._second_stage(graph, x, *facts)
        if isinstance(self.model, RotatedDeformableDETR):
            return self._of_queries([maps.float() for maps in x], (image.size(2), image.size(3)), *facts)
        given: dict[str, Any] = {}
        if isinstance(self.model, RefineSingleStageDetector):
            head, outs, given = self._refined(x)
        else:
            head = self.model.bbox_head
            outs = head(x)
        return _each_image(partial(head.get_bboxes, rescale=True), outs, given, *facts)

    def _refined(self, x: Sequence[Tensor]) -> tuple[Any, tuple, dict[str, Any]]:
        """Last head, its outputs, and its rois by level; as ``_run`` walks, for all images."""
        (_, _, _, head), *later = self.model._stages()
        outs = head(x)
        given: dict[str, Any] = {}
        refine = getattr(head, self.model.first_rois)
        for _, _, align, head in later:
            rois = over_images(partial(_one, refine), tuple(outs), given)
            given = dict(rois=list(rois))
            outs, refine = head(align(x, given['rois'])), head.refine_bboxes
        return head, outs, given

    def _of_queries(self, x: Sequence[Tensor], whole: tuple[int, int], *facts: Tensor) -> tuple[Tensor, Tensor]:
        head = self.model.bbox_head
        # as tensors: vmap multiplies none with a size that is not known yet
        sides = [torch.scalar_tensor(side) for side in whole]

        def single(scores: Tensor, boxes: Tensor, *facts: Tensor) -> tuple[Tensor, Tensor]:
            metas = [_facts(*facts) | dict(batch_input_shape=sides)]
            (found,) = head.get_bboxes(scores[None], boxes[None], metas, self.model.sizes(metas), rescale=True)
            return found

        return over_images(single, *self.model.predict(x, Extent(facts[0], whole)), *facts)

    def _proposals(self, x: Sequence[Tensor], *facts: Tensor) -> tuple[Tensor, Tensor]:
        """Proposals (N, k, 4 or 5) and a mask (N, k) of those that are some."""
        head = self.model.rpn_head
        cfg = head.test_cfg
        boxes, scores = _each_image(partial(head.get_bboxes, with_nms=False), head(x), {}, *facts)
        scores = scores[..., 0]
        hbb, sides = over_images(head._extent, boxes)
        large = (sides >= cfg.get('min_bbox_size', 0)).all(-1)
        threshold, *_ = read_nms(cfg.nms)
        counts = [torch.sym_min(cfg.nms_pre, m.size(2) * m.size(3) * head.num_anchors) for m in x]
        # proposals of different levels do not suppress each other
        levels = zip(*(field.split(counts, 1) for field in (hbb, scores, large)), strict=True)
        keep = torch.cat([upright_nms(b, s, big, threshold) for b, s, big in levels], 1)
        ranking, index = torch.where(keep, scores, -1).topk(torch.sym_min(cfg.max_per_img, scores.size(1)), 1)
        return _gathered(boxes, index), ranking >= 0

    def _second_stage(self, graph: Graph, x: Sequence[Tensor], *facts: Tensor) -> tuple[Tensor, Tensor]:
        boxes, present = self._proposals(x, *facts)
        batch, count = present.shape
        head = self.model.roi_head
        # not repeat_interleave: its form in ONNX is wrong for a batch of unknown size
        index = torch.arange(batch, device=boxes.device)[:, None, None].expand(batch, count, 1)
        rois = torch.cat([index.to(boxes), boxes], 2).flatten(0, 1)
        stages, votes = head._stages(), []
        for i, (*_, box_head) in enumerate(stages):
            outs = head._forward(i, x, rois)
            votes.append(outs[0])
            if i + 1 < len(stages):
                rois = torch.cat([rois[:, :1], head._refine(box_head, rois, *outs[:2], {})], 1)
        fields = (torch.stack(votes).mean(0), *outs[1:], rois)
        fields = tuple(field.unflatten(0, (batch, count)) for field in fields)

        def single(fields: Sequence[Tensor], present: Tensor, *facts: Tensor) -> tuple[Tensor, Tensor]:
            *preds, rois = fields
            graph.present = present
            return box_head.detect(preds, rois, _facts(*facts), head.test_cfg, True)

        return over_images(single, fields, present, *facts)


def _facts(shape: Tensor, scale: Tensor) -> dict[str, Tensor]:
    return dict(img_shape=shape, scale_factor=scale)


def _one(step: Callable[..., list], outs: Sequence[list[Tensor]], given: dict[str, list[Tensor]], **kwargs: Any) -> Any:
    """What a head's step gives for one image, of maps (C, H, W) by level and, if there are any, rois by level."""
    batch = [[m[None] for m in levels] for levels in outs]
    (found,) = step(*batch, **{name: [levels] for name, levels in given.items()}, **kwargs)
    return tuple(found)


def _each_image(
    step: Callable[..., list], outs: Sequence[list[Tensor]], given: dict[str, list[Tensor]], *facts: Tensor
) -> Any:
    """The same for a batch of maps (N, C, H, W), with the facts of its images."""

    def single(outs: Any, given: Any, *facts: Tensor) -> Any:
        return _one(step, outs, given, img_metas=[_facts(*facts)])

    return over_images(single, tuple(outs), given, *facts)


def _gathered(field: Tensor, index: Tensor) -> Tensor:
    """Field (N, n, ...) at indices (N, k) -> (N, k, ...)."""
    image = torch.arange(field.size(0), device=field.device)[:, None]
    return field[image, index]


def _shortened(count: Tensor, *fields: Tensor) -> list[Tensor]:
    """The first ``count`` columns of fields (N, k, ...), a number known when the graph runs."""
    number = count.item()
    torch._check(number >= 0)
    torch._check(number <= fields[0].size(1))
    return [field[:, :number].contiguous() for field in fields]
