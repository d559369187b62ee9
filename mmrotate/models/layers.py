"""Small blocks that backbones, necks and heads share."""

from typing import Any

import torch
from torch import Tensor, nn

# config name -> (attribute name in a ConvModule, class); the attribute is part of checkpoint keys
_NORMS: dict[str, tuple[str, type[nn.Module]]] = {
    'BN': ('bn', nn.BatchNorm2d),
    'BN2d': ('bn', nn.BatchNorm2d),
    'SyncBN': ('bn', nn.SyncBatchNorm),
    'GN': ('gn', nn.GroupNorm),
}
_ACTIVATIONS = {cls.__name__: cls for cls in (nn.ReLU, nn.LeakyReLU, nn.SiLU, nn.GELU)}


def _split(table: dict, kind: str, cfg: dict) -> tuple[Any, dict]:
    """What the table has under the type of a config, and the other settings."""
    if str(cfg.get('type')) not in table:
        raise KeyError(f'{kind}={cfg}: the type must be one of {sorted(table)}')
    return table[cfg['type']], {key: value for key, value in cfg.items() if key != 'type'}


def build_norm(cfg: dict, channels: int) -> tuple[str, nn.Module]:
    """Normalisation of ``channels`` maps from ``dict(type='BN'|'SyncBN'|'GN', ...)``.

    ``requires_grad=False`` freezes its affine parameters.

    Returns:
        Its attribute name in a module (``bn`` or ``gn``) and the layer.
    """
    (attribute, cls), args = _split(_NORMS, 'norm_cfg', cfg)
    requires_grad = args.pop('requires_grad', True)
    args['num_channels' if cls is nn.GroupNorm else 'num_features'] = channels
    return attribute, cls(**args).requires_grad_(requires_grad)


def build_activation(cfg: dict | None) -> nn.Module | None:
    """Activation from ``dict(type='ReLU', ...)``; None for none."""
    if cfg is None:
        return None
    cls, args = _split(_ACTIVATIONS, 'act_cfg', cfg)
    return cls(**(args if cls is nn.GELU else dict(inplace=True) | args))


class ConvModule(nn.Module):
    """Convolution, normalisation, activation; keys ``conv``, ``bn`` or ``gn``.

    Args, after those of a convolution:
        norm_cfg: Normalisation, see :func:`build_norm`; the convolution has a bias only without it.
        act_cfg: Activation, see :func:`build_activation`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = dict(type='ReLU'),  # noqa: B006  (never written to)
    ) -> None:
        super().__init__()
        bias = norm_cfg is None
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=bias)
        self.norm_name = None
        if norm_cfg is not None:
            self.norm_name, norm = build_norm(norm_cfg, out_channels)
            self.add_module(self.norm_name, norm)
        self.activate = build_activation(act_cfg)
        nn.init.kaiming_normal_(self.conv.weight, mode='fan_out', nonlinearity='relu')
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        x = self.conv(x)
        if self.norm_name is not None:
            x = getattr(self, self.norm_name)(x)
        return x if self.activate is None else self.activate(x)


def conv_tower(in_channels: int, channels: int, count: int, norm_cfg: dict | None = None) -> nn.Sequential:
    """``count`` convolutions of 3x3 in a row, with ``channels`` maps each."""
    inputs = [in_channels] + [channels] * (count - 1)
    return nn.Sequential(*(ConvModule(i, channels, 3, padding=1, norm_cfg=norm_cfg) for i in inputs[:count]))


class Scale(nn.Module):
    """A learned factor, 1 at first; key ``scale``."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, x: Tensor) -> Tensor:
        """The input, scaled."""
        return x * self.scale
