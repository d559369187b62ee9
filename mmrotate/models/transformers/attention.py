"""What the layers of a transformer are made of; each part adds what it finds to its input."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmrotate.models.layers import build_activation
from mmrotate.ops import multi_scale_deformable_attn
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.graph import numbers


def _require_batch_first(batch_first: bool) -> None:
    if not batch_first:
        raise ArgumentError('the first axis is that of the images: leave batch_first=True')


class MultiheadAttention(nn.Module):
    """Every query sees every other; key ``attn``.

    Args:
        embed_dims: Numbers of a query.
        num_heads: Heads.
        dropout: Share of weights, and of results, that are dropped in training.
        batch_first: Only True.
    """

    def __init__(
        self, embed_dims: int = 256, num_heads: int = 8, dropout: float = 0.0, batch_first: bool = True
    ) -> None:
        super().__init__()
        _require_batch_first(batch_first)
        self.attn = nn.MultiheadAttention(embed_dims, num_heads, dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query: Tensor, position: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Queries (N, Q, C), what stands for their places (N or 1, Q, C), and (Q, Q) whether one is hidden."""
        placed = query if position is None else query + position
        return query + self.dropout(self.attn(placed, placed, query, attn_mask=mask, need_weights=False)[0])


class MultiScaleDeformableAttention(nn.Module):
    """Every query sees a few places around its point, or in its box, on each map.

    Args:
        embed_dims: Numbers of a query and of a pixel.
        num_heads: Heads.
        num_levels: Maps.
        num_points: Places on each map.
        dropout: Share of the results that are dropped in training.
        batch_first: Only True.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        num_heads: int = 8,
        num_levels: int = 4,
        num_points: int = 4,
        dropout: float = 0.1,
        batch_first: bool = True,
    ) -> None:
        super().__init__()
        _require_batch_first(batch_first)
        if embed_dims % num_heads:
            raise ArgumentError(f'embed_dims must be a multiple of num_heads, got {embed_dims} and {num_heads}')
        self.num_heads, self.num_levels, self.num_points = num_heads, num_levels, num_points
        places = num_heads * num_levels * num_points
        self.sampling_offsets = nn.Linear(embed_dims, places * 2)
        self.attention_weights = nn.Linear(embed_dims, places)
        self.value_proj, self.output_proj = (nn.Linear(embed_dims, embed_dims) for _ in range(2))
        self.dropout = nn.Dropout(dropout)
        self.init_weights()

    def init_weights(self) -> None:
        """At first each head looks in a direction of its own, one step further with each place."""
        for layer in (self.sampling_offsets, self.attention_weights):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        for layer in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        angle = torch.arange(self.num_heads) * (2 * math.pi / self.num_heads)
        direction = torch.stack([angle.cos(), angle.sin()], -1)
        direction = direction / direction.abs().amax(-1, keepdim=True)
        steps = torch.arange(1, self.num_points + 1)[:, None]
        offsets = (direction[:, None, None] * steps).expand(-1, self.num_levels, -1, -1)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(offsets.flatten())

    def forward(
        self,
        query: Tensor,
        position: Tensor | None,
        points: Tensor,
        shapes: Sequence[tuple[int, int]],
        value: Tensor | None = None,
        padding: Tensor | None = None,
    ) -> Tensor:
        """What the queries see, added to them.

        Args:
            query: (N, Q, C).
            position: What stands for their places, (N or 1, Q, C).
            points: (N or 1, Q, L, 2) as x, y, or boxes (N, Q, L, 5) as x, y, w, h, theta; all but theta as shares of
                a map.
            shapes: Height and width of each map.
            value: Pixels (N, S, C) of all maps; None for the queries.
            padding: Mask (N, S) of the pixels that are no image.
        """
        value = self.value_proj(query if value is None else value)
        if padding is not None:
            value = value.masked_fill(padding[..., None], 0.0)
        placed = query if position is None else query + position
        heads = (self.num_heads, self.num_levels, self.num_points)
        offsets = self.sampling_offsets(placed).unflatten(-1, (*heads, 2))
        weights = self.attention_weights(placed).unflatten(-1, (heads[0], -1)).softmax(-1).unflatten(-1, heads[1:])
        if points.size(-1) == 2:
            scale = 1 / numbers([side for h, w in shapes for side in (w, h)], points).view(-1, 1, 2)
        else:
            scale = _reach(points)[:, :, None, :, None] / self.num_points
        locations = points[:, :, None, :, None, :2] + offsets * scale
        found = multi_scale_deformable_attn(value.unflatten(-1, (self.num_heads, -1)), shapes, locations, weights)
        return query + self.dropout(self.output_proj(found))


def _reach(boxes: Tensor) -> Tensor:
    """How far offsets of 1 lead (..., 2) in boxes (..., 5): half the sides, turned as one vector.

    So the published models were trained; turned offsets would reach the sides of the box.
    """
    half, cos, sin = boxes[..., 2:4] / 2, boxes[..., 4].cos(), boxes[..., 4].sin()
    w, h = half.unbind(-1)
    return torch.stack([cos * w - sin * h, sin * w + cos * h], -1)


class FFN(nn.Module):
    """Two linear layers with an activation between them; keys ``layers.0.0`` and ``layers.1``.

    Args:
        embed_dims: Numbers of a query.
        feedforward_channels: Numbers between the layers.
        ffn_drop: Share that is dropped in training behind each layer.
        act_cfg: Activation.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        feedforward_channels: int = 1024,
        ffn_drop: float = 0.0,
        act_cfg: dict = dict(type='ReLU'),  # noqa: B006  (never written to)
    ) -> None:
        super().__init__()
        inner = build_activation(act_cfg) or nn.Identity()
        first = nn.Sequential(nn.Linear(embed_dims, feedforward_channels), inner, nn.Dropout(ffn_drop))
        self.layers = nn.Sequential(first, nn.Linear(feedforward_channels, embed_dims), nn.Dropout(ffn_drop))

    def forward(self, x: Tensor) -> Tensor:
        """(..., embed_dims) -> the same shape."""
        return x + self.layers(x)
