"""Places as numbers between 0 and 1, as logits of these, and as waves."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def inverse_sigmoid(x: Tensor, eps: float = 1e-5) -> Tensor:
    """Logits of numbers in [0, 1]; below ``eps`` neither they nor what they lack of 1 counts."""
    x = x.clamp(0, 1)
    return (x.clamp(min=eps) / (1 - x).clamp(min=eps)).log()


def waves(values: Tensor, count: int, temperature: float = 10000.0) -> Tensor:
    """Sines and cosines (..., count), in turn, of values (...) in radians over rising powers up to ``temperature``."""
    power = torch.arange(0, count, 2, dtype=torch.float32, device=values.device) / count
    phase = values[..., None] / temperature**power
    return torch.stack([phase.sin(), phase.cos()], -1).flatten(-2)


def box_waves(boxes: Tensor, order: str = 'yxwh', count: int = 128) -> Tensor:
    """The same (..., 4 * count) of boxes (..., 4 or more) as x, y, w, h in [0, 1], in an order of these."""
    columns = [boxes[..., 'xywh'.index(name)] for name in order]
    return torch.cat([waves(column * 2 * math.pi, count) for column in columns], -1)


class SinePositions:
    """Waves of the row and of the column of each pixel (Carion et al., DETR, ECCV 2020).

    Args:
        num_feats: Numbers of each of the two.
        temperature: See :func:`waves`.
        normalize: Rows and columns run from 0 to 2 pi.
        offset: What is added to the rows and columns, which begin with 1.
    """

    def __init__(
        self, num_feats: int, temperature: float = 10000.0, normalize: bool = False, offset: float = 0.0
    ) -> None:
        self.num_feats, self.temperature, self.normalize, self.offset = num_feats, temperature, normalize, offset

    def __call__(self, padding: Tensor) -> Tensor:
        """Masks (N, h, w) of what is no image -> (N, h * w, 2 * num_feats)."""
        parts = []
        for axis in (1, 2):
            place = (~padding).cumsum(axis, dtype=torch.float32)
            if self.normalize:
                last = place.narrow(axis, -1, 1)
                place = (place + self.offset) / (last + 1e-6) * 2 * math.pi
            parts.append(waves(place, self.num_feats, self.temperature))
        return torch.cat(parts, -1).flatten(1, 2)


class MLP(nn.Module):
    """Two linear layers with a ReLU between them; keys ``layers.0`` and ``layers.1``."""

    def __init__(self, channels: int, hidden: int, out: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(channels, hidden), nn.Linear(hidden, out)])

    def forward(self, x: Tensor) -> Tensor:
        """(..., channels) -> (..., out)."""
        return self.layers[1](F.relu(self.layers[0](x)))
