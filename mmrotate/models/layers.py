"""Small blocks that backbones, necks and heads share."""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.ops import DeformConv2dPack, ModulatedDeformConv2dPack
from mmrotate.utils.errors import ArgumentError


class ConvWS2d(nn.Conv2d):
    """A convolution whose filters have mean 0 and deviation 1 (Qiao et al., Weight Standardization, 2019)."""

    standardised = True  # nothing can be folded into its weights
    eps = 1e-5

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        deviation, mean = torch.std_mean(self.weight, (1, 2, 3), keepdim=True)
        return self._conv_forward(x, (self.weight - mean) / (deviation + self.eps), self.bias)


class Conv2dAdaptivePadding(nn.Conv2d):
    """A convolution whose map has its size over the stride, rounded up, as in TensorFlow; ``padding`` is not used."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        pads: list[int] = []
        for axis in (1, 0):
            size, stride = x.size(2 + axis), self.stride[axis]
            reach = (self.kernel_size[axis] - 1) * self.dilation[axis] + 1
            pad = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
            pads += [pad // 2, pad - pad // 2]
        even = pads[::2] == pads[1::2]  # the convolution pads by itself, without a copy
        x = x if even else F.pad(x, pads)
        padding = (pads[2], pads[0]) if even else 0
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


_SYNC = dict.fromkeys(('SyncBN', 'MMSyncBN'), nn.SyncBatchNorm)
NORMS = {'BN': nn.BatchNorm2d, 'BN2d': nn.BatchNorm2d, **_SYNC, 'GN': nn.GroupNorm}
CONVOLUTIONS = {
    'Conv': nn.Conv2d, 'Conv2d': nn.Conv2d, 'ConvWS': ConvWS2d, 'Conv2dAdaptivePadding': Conv2dAdaptivePadding,
    'DCN': DeformConv2dPack, 'DCNv2': ModulatedDeformConv2dPack,
}  # fmt: skip
ACTIVATIONS: dict[str, type[nn.Module]] = {
    cls.__name__: cls for cls in (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.SiLU, nn.GELU, nn.Sigmoid)
}
ACTIVATIONS['Swish'] = nn.SiLU
_PLAIN_ACTIVATIONS = (nn.GELU, nn.Sigmoid)  # they write no result over their input


def _parse(table: dict, kind: str, cfg: dict) -> tuple[type[nn.Module], dict]:
    """The class that a config names, and its arguments."""
    args = dict(cfg)
    name = str(args.pop('type', None))
    if name not in table:
        raise KeyError(f'{kind}={cfg}: the type must be one of {sorted(table)}')
    return table[name], args


def build_norm(cfg: dict, channels: int) -> tuple[str, nn.Module]:
    """Normalisation of ``channels`` maps from ``dict(type='BN'|'SyncBN'|'MMSyncBN'|'GN', ...)``.

    ``requires_grad=False`` freezes its affine parameters.

    Returns:
        Its attribute name in a module (``bn`` or ``gn``), a part of checkpoint keys, and the layer.
    """
    cls, args = _parse(NORMS, 'norm_cfg', cfg)
    requires_grad = args.pop('requires_grad', True)
    attribute, count = ('gn', 'num_channels') if cls is nn.GroupNorm else ('bn', 'num_features')
    return attribute, cls(**{count: channels}, **args).requires_grad_(requires_grad)


def build_activation(cfg: dict | None) -> nn.Module | None:
    """Activation from ``dict(type='ReLU', ...)``; None for none."""
    if cfg is None:
        return None
    cls, args = _parse(ACTIVATIONS, 'act_cfg', cfg)
    return cls(**args) if cls in _PLAIN_ACTIVATIONS else cls(**{'inplace': True, **args})


def build_conv(cfg: dict | None, *args: int, **kwargs: Any) -> Any:
    """Convolution from ``dict(type='Conv2d'|'ConvWS'|'DCN'|'DCNv2', ...)`` or None (plain), and its arguments."""
    cls, settings = (nn.Conv2d, {}) if cfg is None else _parse(CONVOLUTIONS, 'conv_cfg', cfg)
    return cls(*args, **kwargs, **settings)


def require_plain_convs(conv_cfg: dict | None) -> None:
    """Raise a ValueError if a config asks for other convolutions than the usual ones."""
    if conv_cfg is not None and dict(conv_cfg) not in (dict(type='Conv2d'), dict(type='Conv')):
        raise ArgumentError(f"conv_cfg must be None or dict(type='Conv2d'), got {conv_cfg}")


class ConvModule(nn.Module):
    """Convolution, normalisation, activation; keys ``conv``, ``bn`` or ``gn``.

    Args, after those of a convolution:
        norm_cfg: Normalisation, see :func:`build_norm`.
        act_cfg: Activation, see :func:`build_activation`.
        conv_cfg: Convolution, see :func:`build_conv`.
        bias: Whether the convolution has one; ``'auto'``: only without a normalisation.
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
        conv_cfg: dict | None = None,
        bias: bool | Literal['auto'] = 'auto',
    ) -> None:
        super().__init__()
        bias = norm_cfg is None if bias == 'auto' else bias
        shape = (in_channels, out_channels, kernel_size, stride, padding)
        self.conv = build_conv(conv_cfg, *shape, groups=groups, bias=bias)
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


def conv_tower(
    in_channels: int,
    channels: int,
    count: int,
    norm_cfg: dict | None = None,
    conv_cfg: dict | None = None,
    bias: bool | Literal['auto'] = 'auto',
    last_cfg: dict | None = None,
    act_cfg: dict | None = dict(type='ReLU'),  # noqa: B006  (never written to)
) -> nn.Sequential:
    """``count`` convolutions of 3x3 in a row, with ``channels`` maps each; the last by ``last_cfg`` if given."""
    inputs = ([in_channels] + [channels] * (count - 1))[:count]
    kinds = [conv_cfg] * (count - 1) + [last_cfg or conv_cfg]
    convs = zip(inputs, kinds[-count:], strict=True) if count else ()
    block: dict[str, Any] = dict(padding=1, norm_cfg=norm_cfg, act_cfg=act_cfg, bias=bias)
    return nn.Sequential(*(ConvModule(i, channels, 3, conv_cfg=kind, **block) for i, kind in convs))


class Scale(nn.Module):
    """A learned factor, 1 at first; key ``scale``."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(float(scale)))

    def forward(self, x: Tensor) -> Tensor:
        """The input, scaled."""
        return x * self.scale
