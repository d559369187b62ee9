"""RT-DETR's encoder: attention on the coarsest map, then a pyramid."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmrotate.models.builder import build_neck

from .attention import MultiheadAttention
from .layers import EncoderLayer


class _Layers(nn.Module):
    """Layers of one map; key ``layers``."""

    def __init__(self, count: int, layer_cfg: dict) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(MultiheadAttention, **layer_cfg) for _ in range(count))

    def forward(self, x: Tensor, position: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, position)
        return x


class HybridEncoder(nn.Module):
    """Attention inside of single maps, and a pyramid across them (Zhao et al., RT-DETR, CVPR 2024).

    Args:
        layer_cfg: ``self_attn_cfg`` and ``ffn_cfg`` of :class:`EncoderLayer`.
        in_channels: Channels of each map.
        use_encoder_idx: Maps with attention.
        num_encoder_layers: Layers of attention of such a map.
        pe_temperature: Range of the waves that stand for the places.
        encode_before_fpn: Attention comes first.
        fpn_cfg: The pyramid.
    """

    def __init__(
        self,
        layer_cfg: dict,
        in_channels: Sequence[int] = (256, 256, 256),
        use_encoder_idx: Sequence[int] = (2,),
        num_encoder_layers: int = 1,
        pe_temperature: float = 10000.0,
        encode_before_fpn: bool = True,
        fpn_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.use_encoder_idx, self.pe_temperature = list(use_encoder_idx), pe_temperature
        self.encode_before_fpn = encode_before_fpn
        self.fpn = nn.Identity() if fpn_cfg is None else build_neck(fpn_cfg)
        self.transformer_blocks = nn.ModuleList(_Layers(num_encoder_layers, layer_cfg) for _ in use_encoder_idx)

    def forward(self, maps: Sequence[Tensor]) -> Sequence[Tensor]:
        """Maps (N, C, h, w), finest first -> as many."""
        return self.fpn(self._encoded(maps)) if self.encode_before_fpn else self._encoded(self.fpn(maps))

    def _encoded(self, maps: Sequence[Tensor]) -> list[Tensor]:
        outs = list(maps)
        for index, block in zip(self.use_encoder_idx, self.transformer_blocks, strict=True):
            x = outs[index]
            h, w = x.shape[2:]
            position = plane_waves(h, w, x.size(1), self.pe_temperature, x.device)
            outs[index] = block(x.flatten(2).mT, position).mT.unflatten(2, (h, w))
        return outs


def plane_waves(h: int, w: int, channels: int, temperature: float, device: torch.device | None = None) -> Tensor:
    """What stands for the places (1, h * w, channels) of a map.

    The places are counted column by column, but the pixels row by row: on a map that is no square a pixel has the waves
    of another. So RT-DETR was published, and its weights expect it.
    """
    power = torch.arange(channels // 4, dtype=torch.float32, device=device) / (channels // 4)
    place = torch.arange(h * w, device=device)
    column, parts = place // h, []
    # not place % h, which cannot be written as ONNX where h is open
    for axis in (column, place - column * h):
        phase = axis[:, None] * temperature**-power
        parts += [phase.sin(), phase.cos()]
    return torch.cat(parts, 1)[None]
