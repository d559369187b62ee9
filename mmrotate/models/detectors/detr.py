"""Detectors that find objects by queries, one for each: nothing is suppressed afterwards."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mmrotate.models.dense_heads.detr_head import Truth
from mmrotate.models.transformers import Decoder, DeformableEncoder, HybridEncoder, NoisedQueries
from mmrotate.models.transformers.attention import MultiScaleDeformableAttention
from mmrotate.models.transformers.denoising import Noised
from mmrotate.models.transformers.layers import Shapes, pixel_centres
from mmrotate.models.transformers.positions import SinePositions, box_waves
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import Result, RotatedBaseDetector

# between which shares of the image pixels are candidates: of 50 in a row the first lies at 0.01, which is outside,
# however a program rounds
_INSIDE = (0.01 + 1e-6, 0.99 - 1e-6)
# logit of a place that no query shall have
_NOWHERE = 1e4


class Extent(NamedTuple):
    """How far images reach in their batch."""

    own: Tensor  # height and width (N, 2) of each, without its padding
    whole: Sequence[int]  # of the batch

    def padding(self, shape: tuple[int, int]) -> Tensor:
        """Mask (N, h, w) of a map's pixels that begin beyond their image."""
        sides = zip(shape, self.whole, self.own.T, strict=True)
        rows, columns = (torch.arange(n, device=own.device) * whole // n >= own[:, None] for n, whole, own in sides)
        return rows[:, :, None] | columns[:, None]


class Memory(NamedTuple):
    """Pixels of all maps, one map behind the other, each row by row."""

    pixels: Tensor  # (N, S, C)
    shapes: Shapes  # height and width of each map
    ratios: Tensor | None  # the image's share (N, L, 2) of a map's width and height; None for 1
    padding: Tensor | None  # mask (N, S) of the pixels that are no image; None for none


class Queries(NamedTuple):
    """What the decoder starts from."""

    content: Tensor  # (N, Q, C)
    reference: Tensor  # points (N, Q, 2) or boxes (N, Q, 5), in shares of the image
    position: Tensor | None = None  # (N, Q, C), where it does not follow from the reference
    of_pixels: tuple[Tensor, Tensor] | None = None  # logits (N, K, num_classes) and boxes (N, K, 5)


@MODELS.register_module()
class RotatedDeformableDETR(RotatedBaseDetector):
    """Deformable DETR (Zhu et al., ICLR 2021) with rotated boxes.

    Args:
        backbone: The body.
        neck: Maps of one width.
        encoder: See :class:`DeformableEncoder`.
        decoder: See :class:`Decoder`.
        bbox_head: The head.
        positional_encoding: See :class:`SinePositions`.
        num_queries: Queries.
        num_feature_levels: Maps.
        with_box_refine: Each layer refines the places of the queries.
        as_two_stage: Queries begin where pixels look like objects.

    The others are those of :meth:`RotatedBaseDetector.build_trunk`.
    """

    settings = (('train_cfg', 'bbox_head', 'train_keys'), ('test_cfg', 'bbox_head', 'test_keys'))
    # what stands for the places of queries, see Decoder
    places = 'given'

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        encoder: dict,
        decoder: dict,
        bbox_head: dict,
        positional_encoding: dict | None = None,
        num_queries: int = 100,
        num_feature_levels: int = 4,
        with_box_refine: bool = False,
        as_two_stage: bool = False,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        pretrained: str | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.build_trunk(backbone, neck, train_cfg, test_cfg, pretrained)
        if self.test_cfg is not None:  # for views of an image (test-time augmentation), and for nothing else
            self.test_cfg.setdefault('nms', dict(iou_thr=0.1))
        self.num_queries, self.num_feature_levels = num_queries, num_feature_levels
        self.with_box_refine, self.as_two_stage = with_box_refine, as_two_stage
        self.decoder = Decoder(**decoder, places=self.places)
        self.embed_dims = self.decoder.embed_dims
        predictions = len(self.decoder.layers) + as_two_stage
        facts: dict[str, Any] = dict(num_pred_layer=predictions, share_pred_layer=not with_box_refine)
        facts |= dict(as_two_stage=as_two_stage, embed_dims=self.embed_dims)
        self.bbox_head = self._build_head({**bbox_head, **facts}, self.train_cfg, self.test_cfg)
        self._require_the_angle_of_the_head(decoder=decoder)
        self._make_layers(encoder, positional_encoding)

    def _require_the_angle_of_the_head(self, **parts: dict) -> None:
        """Raise an ArgumentError if a part has other angles than the head."""
        for part, cfg in parts.items():
            for key in ('angle_cfg', 'angle_factor'):
                own = getattr(self.bbox_head, key)
                if key in cfg and cfg[key] != own:
                    raise ArgumentError(f'{key} of {part} must be that of bbox_head, {own}, got {cfg[key]}')

    def _make_layers(self, encoder: dict, positional_encoding: dict | None) -> None:
        dims = self.embed_dims
        self._make_encoder(encoder, positional_encoding)
        if self.as_two_stage:
            self._make_selection()
            self.pos_trans_fc, self.pos_trans_norm = nn.Linear(2 * dims, 2 * dims), nn.LayerNorm(2 * dims)
        else:
            self.query_embedding = nn.Embedding(self.num_queries, 2 * dims)
            self.reference_points_fc = nn.Linear(dims, 2)

    def _make_encoder(self, encoder: dict, positional_encoding: dict | None) -> None:
        self.positional_encoding = SinePositions(**(positional_encoding or dict(num_feats=self.embed_dims // 2)))
        if 2 * self.positional_encoding.num_feats != self.embed_dims:
            given = f'{self.positional_encoding.num_feats} and {self.embed_dims}'
            raise ArgumentError(f'positional_encoding: num_feats must be half of embed_dims, got {given}')
        self.encoder: nn.Module = DeformableEncoder(**encoder)
        self.level_embed = nn.Parameter(torch.randn(self.num_feature_levels, self.embed_dims))

    def _make_selection(self) -> None:
        self.memory_trans_fc = nn.Linear(self.embed_dims, self.embed_dims)
        self.memory_trans_norm = nn.LayerNorm(self.embed_dims)

    def init_weights(self) -> None:
        """Xavier for the transformer; what pretrained weights leave out is as without them."""
        if not self.is_init:
            self.bbox_head.init_weights()
            for part in (self.encoder, self.decoder):
                self._init_transformer(part)
            if hasattr(self, 'memory_trans_fc'):
                nn.init.xavier_uniform_(self.memory_trans_fc.weight)
            if hasattr(self, 'reference_points_fc'):
                nn.init.xavier_uniform_(self.reference_points_fc.weight)
                nn.init.zeros_(self.reference_points_fc.bias)
        super().init_weights()

    @staticmethod
    def _init_transformer(part: nn.Module) -> None:
        for parameter in part.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        for module in part.modules():
            if isinstance(module, MultiScaleDeformableAttention):
                module.init_weights()

    # ------------------------------------------------------------------------------- ways in
    def forward_train(self, img: Tensor, img_metas: list[dict], *truth: Any, **kwargs: Any) -> dict[str, Any]:
        """See the base; ``gt_bboxes_ignore`` counts as background."""
        return super().forward_train(img, _with_batch_shape(img, img_metas), *truth, **kwargs)

    def simple_test(self, img: Tensor, img_metas: list[dict], rescale: bool = False) -> list[Result]:
        """See the base."""
        return super().simple_test(img, _with_batch_shape(img, img_metas), rescale)

    def _losses(self, x: Sequence[Tensor], img_metas: list[dict], *truth: Any) -> dict[str, Tensor | list[Tensor]]:
        gt_bboxes, gt_labels = truth[:2]
        objects = self.bbox_head.truth(gt_bboxes, gt_labels, self.sizes(img_metas))
        memory = self.encode(x, _extent(img_metas, x[0].device))
        queries = self.queries(memory)
        noised = self._noised(objects, queries.content.size(1))
        outputs = self.bbox_head(*self.decode(memory, queries, noised))
        return self.bbox_head.loss(*outputs, objects, queries.of_pixels, noised)

    def _detect(self, x: Sequence[Tensor], img_metas: list[dict], rescale: bool) -> tuple[list, int]:
        outputs = self.predict(x, _extent(img_metas, x[0].device))
        found = self.bbox_head.get_bboxes(*outputs, img_metas, self.sizes(img_metas), rescale=rescale)
        return found, self.bbox_head.num_classes

    def _outputs(self, x: Sequence[Tensor]) -> Any:
        return self.predict(x)

    def predict(self, x: Sequence[Tensor], extent: Extent | None = None) -> tuple[Tensor, Tensor]:
        """Logits (N, Q, num_classes) and boxes (N, Q, 5) of a pyramid."""
        memory = self.encode(x, extent)
        return self.bbox_head.last(*self.decode(memory, self.queries(memory)))

    # ----------------------------------------------------------------------------------- steps
    def sizes(self, img_metas: list[dict]) -> list[tuple[int, int]]:
        """Width and height of each image, without its padding: what places are shares of."""
        return [(meta['img_shape'][1], meta['img_shape'][0]) for meta in img_metas]

    def encode(self, maps: Sequence[Tensor], extent: Extent | None = None) -> Memory:
        """Maps (N, C, h, w) of the neck as pixels that have seen each other; no extent means no padding."""
        shapes = [(m.size(2), m.size(3)) for m in maps]
        masks = [m.new_zeros(m.size(0), *m.shape[2:], dtype=torch.bool) for m in maps]
        ratios = padding = None
        if extent is not None:
            masks = [extent.padding(shape) for shape in shapes]
            ratios = torch.stack([_share_of_image(mask) for mask in masks], 1)
            padding = torch.cat([mask.flatten(1) for mask in masks], 1)
        embeds = zip(masks, self.level_embed, strict=True)
        position = torch.cat([self.positional_encoding(mask) + embed for mask, embed in embeds], 1)
        pixels = torch.cat([m.flatten(2).mT for m in maps], 1)
        return Memory(self.encoder(pixels, position, shapes, ratios, padding), shapes, ratios, padding)

    def candidates(self, memory: Memory) -> tuple[Tensor, Tensor]:
        """Pixels (N, S, C) as queries, and the logits (N or 1, S, 5) of their boxes.

        A box is around its pixel, a twentieth of the image large on the finest map and twice that on each next one;
        boxes at the border and in the padding are out of reach.
        """
        centres = pixel_centres(memory.shapes, memory.ratios, memory.pixels.device)
        sides = [centres.new_full((h * w,), 0.05 * 2.0**i) for i, (h, w) in enumerate(memory.shapes)]
        side = torch.cat(sides).expand(centres.size(0), -1)
        boxes = torch.stack([*centres.unbind(-1), side, side, torch.full_like(side, 0.5)], -1)
        valid = ((boxes > _INSIDE[0]) & (boxes < _INSIDE[1])).all(-1, keepdim=True)
        if memory.padding is not None:
            valid = valid & ~memory.padding[..., None]
        pixels = self.memory_trans_norm(self.memory_trans_fc(memory.pixels * valid))
        return pixels, boxes.logit().masked_fill(~valid, _NOWHERE)

    def queries(self, memory: Memory) -> Queries:
        """The queries of a batch."""
        if not self.as_two_stage:
            position, content = self.query_embedding.weight.expand(memory.pixels.size(0), -1, -1).chunk(2, -1)
            return Queries(content, self.reference_points_fc(position).sigmoid(), position)
        pixels, logits = self.candidates(memory)
        scores, branch = self.bbox_head.cls_branches[-1](pixels), self.bbox_head.reg_branches[-1]
        boxes = (branch(pixels) + logits).sigmoid()
        best = _best(scores[..., 0], self.num_queries)
        reference = boxes.detach().gather(1, best[..., None].expand(-1, -1, 5))
        embedding = self.pos_trans_norm(self.pos_trans_fc(box_waves(reference, 'xywh', self.embed_dims // 2)))
        position, content = embedding.chunk(2, -1)
        return Queries(content, reference, position, (scores, boxes))

    def _noised(self, objects: Truth, queries: int) -> Noised | None:
        """Queries made of the objects; None for none."""

    def decode(
        self, memory: Memory, queries: Queries, noised: Noised | None = None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """What each layer makes of the queries (N, Q, C), noised ones first, and the places that it saw."""
        content, reference, mask = queries.content, queries.reference, None
        if noised is not None:
            content = torch.cat([noised.query, content], 1)
            reference, mask = torch.cat([noised.reference, reference], 1), noised.mask
        refine = self.bbox_head.refined if self.with_box_refine else None
        return self.decoder(
            content,
            reference,
            memory.pixels,
            memory.shapes,
            memory.ratios,
            memory.padding,
            mask,
            queries.position,
            refine,
        )


@MODELS.register_module()
class RotatedDINO(RotatedDeformableDETR):
    """DINO (Zhang et al., ICLR 2023) with rotated boxes, and with other heads and costs RHINO (Lee et al., WACV 2025).

    Args:
        *args: Those of its base.
        dn_cfg: See :class:`NoisedQueries`.
        **kwargs: Those of its base; ``with_box_refine`` and ``as_two_stage`` must be True.
    """

    places = 'waves'

    def __init__(self, *args: Any, dn_cfg: dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.with_box_refine or not self.as_two_stage:
            raise ArgumentError(f'{type(self).__name__} needs with_box_refine=True and as_two_stage=True')
        own = dict(dn_cfg or {})
        self._require_the_angle_of_the_head(dn_cfg=own)
        noise = {key: value for key, value in own.items() if key not in ('angle_cfg', 'angle_factor')}
        self.dn_query_generator = NoisedQueries(self.bbox_head.num_classes, self.embed_dims, **noise)

    def _make_layers(self, encoder: dict, positional_encoding: dict | None) -> None:
        self._make_encoder(encoder, positional_encoding)
        self._make_selection()
        self.query_embedding = nn.Embedding(self.num_queries, self.embed_dims)

    def queries(self, memory: Memory) -> Queries:
        """The queries of a batch: where pixels look most like objects of any class."""
        pixels, logits = self.candidates(memory)
        scores = self.bbox_head.cls_branches[-1](pixels)
        best = _best(scores.amax(-1), self.num_queries)[..., None]
        chosen, scores = (field.gather(1, best.expand(-1, -1, field.size(-1))) for field in (pixels, scores))
        logits = logits.expand(pixels.size(0), -1, -1).gather(1, best.expand(-1, -1, 5))
        boxes = (self.bbox_head.reg_branches[-1](chosen) + logits).sigmoid()
        return Queries(self._content(chosen), boxes.detach(), None, (scores, boxes))

    def _content(self, pixels: Tensor) -> Tensor:
        """What queries hold at first, by the pixels (N, Q, C) that they come from."""
        return self.query_embedding.weight[: pixels.size(1)].expand(pixels.size(0), -1, -1)

    def _noised(self, objects: Truth, queries: int) -> Noised | None:
        return self.dn_query_generator(objects.each(objects.objects), objects.each(objects.labels), queries)


@MODELS.register_module()
class RotatedRTDETR(RotatedDINO):
    """RT-DETR (Zhao et al., CVPR 2024) with rotated boxes; with its costs O2-RTDETR.

    Places are shares of the padded image. Args as of its base, ``encoder`` as of :class:`HybridEncoder`.
    """

    places = 'boxes'

    def _make_layers(self, encoder: dict, positional_encoding: dict | None) -> None:
        if positional_encoding is not None:
            raise ArgumentError('RotatedRTDETR has no positional_encoding: its encoder brings its own')
        self.encoder = HybridEncoder(**encoder)
        self._make_selection()

    def sizes(self, img_metas: list[dict]) -> list[tuple[int, int]]:
        """Width and height of the batch, for each image."""
        return [meta['batch_input_shape'][::-1] for meta in img_metas]

    def encode(self, maps: Sequence[Tensor], extent: Extent | None = None) -> Memory:
        """Maps (N, C, h, w) of the neck as pixels; padding is seen like the image."""
        outs = self.encoder(maps)
        shapes = [(m.size(2), m.size(3)) for m in outs]
        return Memory(torch.cat([m.flatten(2).mT for m in outs], 1), shapes, None, None)

    def _content(self, pixels: Tensor) -> Tensor:
        return pixels.detach()


def _best(scores: Tensor, count: int) -> Tensor:
    """Indices (N, count) of the largest scores (N, S), of all if they are fewer."""
    return scores.topk(torch.sym_min(count, scores.size(1)), 1).indices


def _with_batch_shape(img: Tensor, img_metas: list[dict]) -> list[dict]:
    """The facts of the images, with the height and width to which their batch was padded."""
    return [dict(meta, batch_input_shape=tuple(img.shape[2:])) for meta in img_metas]


def _extent(img_metas: list[dict], device: torch.device) -> Extent | None:
    """The extent of images; None if none of them is padded."""
    whole, shapes = img_metas[0]['batch_input_shape'], [tuple(meta['img_shape'][:2]) for meta in img_metas]
    return None if set(shapes) == {tuple(whole)} else Extent(torch.tensor(shapes, device=device), whole)


def _share_of_image(mask: Tensor) -> Tensor:
    """The image's share (N, 2) of the width and height of a map, by the mask (N, h, w) of its padding."""
    real = ~mask
    return torch.stack([real[:, 0].float().mean(-1), real[:, :, 0].float().mean(-1)], -1)
