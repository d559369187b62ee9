"""Encoders and decoders: layers of attention in a row, each with a norm behind it."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.graph import numbers

from .attention import FFN, MultiheadAttention, MultiScaleDeformableAttention
from .positions import MLP, box_waves

Shapes = Sequence[tuple[int, int]]


class EncoderLayer(nn.Module):
    """Attention of pixels to pixels, then each by itself.

    Args:
        attention: Class of the attention.
        self_attn_cfg: Its arguments.
        ffn_cfg: Those of :class:`FFN`.
    """

    def __init__(self, attention: type[nn.Module], self_attn_cfg: dict, ffn_cfg: dict) -> None:
        super().__init__()
        self.self_attn, self.ffn = attention(**self_attn_cfg), FFN(**ffn_cfg)
        self.norms = nn.ModuleList(nn.LayerNorm(ffn_cfg.get('embed_dims', 256)) for _ in range(2))

    def forward(self, x: Tensor, position: Tensor, **facts: Any) -> Tensor:
        """(N, S, C) and what stands for the places (N or 1, S, C) -> (N, S, C); ``facts`` are for the attention."""
        x = self.norms[0](self.self_attn(x, position, **facts))
        return self.norms[1](self.ffn(x))


class DeformableEncoder(nn.Module):
    """Layers of deformable attention from pixels to pixels of all maps.

    Args:
        num_layers: Layers.
        layer_cfg: ``self_attn_cfg`` and ``ffn_cfg`` of :class:`EncoderLayer`.
    """

    def __init__(self, num_layers: int, layer_cfg: dict) -> None:
        super().__init__()
        layers = (EncoderLayer(MultiScaleDeformableAttention, **layer_cfg) for _ in range(num_layers))
        self.layers = nn.ModuleList(layers)

    def forward(
        self, x: Tensor, position: Tensor, shapes: Shapes, ratios: Tensor | None, padding: Tensor | None
    ) -> Tensor:
        """Pixels (N, S, C) -> (N, S, C); for the others see :class:`Decoder`."""
        points = pixel_centres(shapes, ratios, x.device)
        points = (
            points[:, :, None].expand(-1, -1, len(shapes), -1)
            if ratios is None
            else points[:, :, None] * ratios[:, None]
        )
        for layer in self.layers:
            x = layer(x, position, points=points, shapes=shapes, padding=padding)
        return x


def pixel_centres(shapes: Shapes, ratios: Tensor | None, device: torch.device | None = None) -> Tensor:
    """Centres (N or 1, S, 2) of the pixels of all maps as x, y in shares of the image.

    Args:
        shapes: Height and width of each map.
        ratios: The image's share (N, L, 2) of a map's width and height; None for 1.
        device: Where they shall be.
    """
    levels = []
    for level, (h, w) in enumerate(shapes):
        x, y = (torch.arange(n, dtype=torch.float32, device=device) + 0.5 for n in (w, h))
        place = torch.stack([x.expand(h, w), y[:, None].expand(h, w)], -1).flatten(0, 1)[None]
        size = numbers((w, h), place)
        levels.append(place / (size if ratios is None else size * ratios[:, None, level]))
    return torch.cat(levels, 1)


class DecoderLayer(nn.Module):
    """Attention of queries to queries, then to the maps, then each by itself."""

    def __init__(self, self_attn_cfg: dict, cross_attn_cfg: dict, ffn_cfg: dict) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(**self_attn_cfg)
        self.cross_attn = MultiScaleDeformableAttention(**cross_attn_cfg)
        self.ffn = FFN(**ffn_cfg)
        self.norms = nn.ModuleList(nn.LayerNorm(ffn_cfg.get('embed_dims', 256)) for _ in range(3))

    def forward(self, query: Tensor, position: Tensor, mask: Tensor | None, **facts: Any) -> Tensor:
        """Queries (N, Q, C) -> (N, Q, C); ``facts`` are for the attention to the maps."""
        query = self.norms[0](self.self_attn(query, position, mask))
        query = self.norms[1](self.cross_attn(query, position, **facts))
        return self.norms[2](self.ffn(query))


class Decoder(nn.Module):
    """Layers whose queries have places, which every layer may refine.

    Args:
        num_layers: Layers.
        layer_cfg: ``self_attn_cfg``, ``cross_attn_cfg`` and ``ffn_cfg``.
        angle_factor: Radians of an angle of 1.
        places: What stands for the places of queries: ``'given'``: what comes with them; ``'waves'``: an MLP of waves
            of their boxes, as in DINO, whose results are normalised too; or ``'boxes'``: an MLP of the boxes, as in
            RT-DETR.
        return_intermediate: Only True.
        post_norm_cfg: Only None.
    """

    def __init__(
        self,
        num_layers: int,
        layer_cfg: dict,
        angle_factor: float = math.pi,
        *,
        places: str = 'given',
        return_intermediate: bool = True,
        post_norm_cfg: None = None,
    ) -> None:
        super().__init__()
        if not return_intermediate or post_norm_cfg is not None:
            raise ArgumentError('a decoder has return_intermediate=True and post_norm_cfg=None only')
        self.layers = nn.ModuleList(DecoderLayer(**layer_cfg) for _ in range(num_layers))
        self.angle_factor, self.places = angle_factor, places
        dims = self.embed_dims = layer_cfg['ffn_cfg'].get('embed_dims', 256)
        self.norm: nn.Module = nn.LayerNorm(dims) if places == 'waves' else nn.Identity()
        if places != 'given':
            self.ref_point_head = MLP(2 * dims, dims, dims) if places == 'waves' else MLP(5, 2 * dims, dims)

    def forward(
        self,
        query: Tensor,
        reference: Tensor,
        memory: Tensor,
        shapes: Shapes,
        ratios: Tensor | None = None,
        padding: Tensor | None = None,
        mask: Tensor | None = None,
        position: Tensor | None = None,
        refine: Any = None,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Queries and their places, layer by layer.

        Args:
            query: (N, Q, C).
            reference: Their points (N, Q, 2) or boxes (N, Q, 5), in shares of the image; angles in [0, 1].
            memory: Pixels (N, S, C) of all maps.
            shapes: Height and width of each map.
            ratios: The image's share (N, L, 2) of a map's width and height; None for 1.
            padding: Mask (N, S) of the pixels that are no image.
            mask: (Q, Q) whether a query is hidden from another.
            position: What stands for the places of queries (N, Q, C), if that is given.
            refine: Called with the number of a layer, its queries and their places, it gives better ones (N, Q, 5);
                None for none.

        Returns:
            What each layer makes of the queries (N, Q, C), and the places (N, Q, 2 or 5) that it saw.
        """
        states, references = [], [reference]
        facts: dict[str, Any] = dict(value=memory, shapes=shapes, padding=padding)
        for number, layer in enumerate(self.layers):
            points = self._on_maps(reference, len(shapes), ratios)
            place = self._place(reference, points) if position is None else position
            query = layer(query, place, mask, points=points, **facts)
            states.append(self.norm(query))
            if refine is not None:
                better = refine(number, query, reference)
                reference = better.detach()
                # DINO looks forward twice: a layer's loss reaches the refinement before it
                references.append(better if self.places == 'waves' else reference)
            else:
                references.append(reference)
        return states, references[:-1]

    def _on_maps(self, reference: Tensor, levels: int, ratios: Tensor | None) -> Tensor:
        """Places (N, Q, L, 2 or 5) on each map; angles in radians."""
        points = reference[:, :, None].expand(-1, -1, levels, -1)
        if ratios is not None:
            ratios = torch.cat([ratios, ratios, torch.ones_like(ratios[..., :1])], -1)
            points = points * ratios[:, None, :, : points.size(-1)]
        if points.size(-1) == 5:
            points = torch.cat([points[..., :4], points[..., 4:] * self.angle_factor], -1)
        return points

    def _place(self, reference: Tensor, points: Tensor) -> Tensor:
        seen = box_waves(points[:, :, 0, :4], count=self.embed_dims // 2) if self.places == 'waves' else reference
        return self.ref_point_head(seen)
