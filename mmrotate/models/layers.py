"""Small blocks that backbones, necks and heads share."""

import inspect
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.ops import DeformConv2dPack, ModulatedDeformConv2dPack
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError


def sound_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, *settings: Any) -> Tensor:
    """``F.conv2d``, in float32 where PyTorch's gradient in bfloat16 on a CPU holds what was in memory before (2.14).

    That is so of dilated convolutions in groups, and of maps narrower than the stride.

    Args:
        x: (N, in_channels, H, W).
        weight: (out_channels, in_channels / groups, height, width).
        bias: (out_channels,).
        *settings: Stride, padding, dilation and groups; the first and the third of both axes.
    """
    stride, _, dilation, groups = settings
    autocast = torch.is_autocast_enabled('cpu')
    half = x.device.type == 'cpu' and (autocast or x.dtype == torch.bfloat16)
    if not half or not (x.shape[-1] < stride[1] or (groups > 1 and max(dilation) > 1)):
        return F.conv2d(x, weight, bias, *settings)
    with torch.autocast('cpu', enabled=False):
        y = F.conv2d(x.float(), weight.float(), None if bias is None else bias.float(), *settings)
    return y.to(torch.get_autocast_dtype('cpu') if autocast else x.dtype)


class SoundConv2d(nn.Conv2d):
    """A convolution by :func:`sound_conv2d`."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding_mode != 'zeros':
            return super()._conv_forward(x, weight, bias)
        return sound_conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)


def make_convs_sound(model: nn.Module) -> None:
    """Make plain convolutions, of any library, :class:`SoundConv2d`; weights and names stay as they are."""
    for module in model.modules():
        if type(module) is nn.Conv2d:
            module.__class__ = SoundConv2d


class ConvWS2d(SoundConv2d):
    """A convolution whose filters have mean 0 and deviation 1 (Qiao et al., Weight Standardization, 2019)."""

    standardised = True  # nothing can be folded into its weights
    eps = 1e-5

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        deviation, mean = torch.std_mean(self.weight, (1, 2, 3), keepdim=True)
        return self._conv_forward(x, (self.weight - mean) / (deviation + self.eps), self.bias)


class LayerNorm2d(nn.LayerNorm):
    """A layer norm over the channels of maps."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class DropPath(nn.Module):
    """Leaves out the branch of some samples in training, and scales the rest (Huang et al., Stochastic Depth, 2016).

    Args:
        drop: Share of the samples.
    """

    def __init__(self, drop: float) -> None:
        super().__init__()
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) -> the same shape."""
        if not self.training or self.drop == 0:
            return x
        kept = x.new_empty(len(x), *[1] * (x.dim() - 1)).bernoulli_(1 - self.drop)
        return x * (kept.div_(1 - self.drop) if self.drop < 1 else kept)


class Conv2dAdaptivePadding(nn.Conv2d):
    """A convolution whose map has its size over the stride, rounded up, as in TensorFlow; ``padding`` is not used."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        pads: list[int] = []
        for axis in (1, 0):
            size, stride = x.size(2 + axis), self.stride[axis]
            reach = (self.kernel_size[axis] - 1) * self.dilation[axis] + 1
            pad = max(reach - stride + -size % stride, 0)
            pads += [pad // 2, pad - pad // 2]
        even = pads[::2] == pads[1::2]  # the convolution pads by itself, without a copy
        x = x if even else F.pad(x, pads)
        padding = (pads[2], pads[0]) if even else 0
        return sound_conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


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


def parse_layer(kind: str, table: dict[str, Any], cfg: dict) -> tuple[Any, dict]:
    """What a config names, in a table or as a class of the user's, and its arguments.

    Raises:
        TypeError: The config is no dict with ``type``.
        KeyError: Its type is neither in the table nor registered.
    """
    if not isinstance(cfg, dict) or 'type' not in cfg:
        raise TypeError(f'{kind} must be a dict with the key "type", got {cfg!r}')
    args = dict(cfg)
    name = args.pop('type')
    found = name if inspect.isclass(name) else table.get(name) or MODELS.get(name)
    if found is None:
        raise KeyError(f'{kind}={cfg}: the type must be one of {sorted(table)}, or one of the registry of models')
    return found, args


def norm_name(cls: type) -> str:
    """Name of a normalisation in a module, which is a part of checkpoint keys."""
    own = getattr(cls, '_abbr_', None)
    kinds = {
        nn.modules.instancenorm._InstanceNorm: 'in', nn.modules.batchnorm._BatchNorm: 'bn', nn.GroupNorm: 'gn',
        nn.LayerNorm: 'ln',
    }  # fmt: skip
    return own or next((short for kind, short in kinds.items() if issubclass(cls, kind)), 'norm_layer')


def build_norm(cfg: dict, channels: int) -> tuple[str, nn.Module]:
    """Normalisation of ``channels`` maps from ``dict(type='BN'|'SyncBN'|'MMSyncBN'|'GN', ...)``.

    ``requires_grad=False`` freezes its affine parameters.

    Returns:
        Its attribute name in a module, see :func:`norm_name`, and the layer.
    """
    return make_norm(*parse_layer('norm_cfg', NORMS, cfg), channels)


def make_norm(cls: Any, args: dict, channels: int) -> tuple[str, nn.Module]:
    """A normalisation of the class ``cls``, see :func:`build_norm`."""
    requires_grad = args.pop('requires_grad', True)
    layer = cls(num_channels=channels, **args) if cls is nn.GroupNorm else cls(channels, **args)
    return norm_name(cls), layer.requires_grad_(requires_grad)


def build_activation(cfg: dict | None) -> nn.Module | None:
    """Activation from ``dict(type='ReLU', ...)``; None for none."""
    if cfg is None:
        return None
    cls, args = parse_layer('act_cfg', ACTIVATIONS, cfg)
    in_place = cls in ACTIVATIONS.values() and cls not in _PLAIN_ACTIVATIONS
    return cls(**({'inplace': True} if in_place else {}) | args)


def build_conv(cfg: dict | None, *args: Any, **kwargs: Any) -> Any:
    """Convolution from ``dict(type='Conv2d'|'ConvWS'|'DCN'|'DCNv2', ...)`` or None (plain), and its arguments."""
    cls, settings = parse_layer('conv_cfg', CONVOLUTIONS, dict(type='Conv2d') if cfg is None else cfg)
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
        kernel_size: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
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
        if not hasattr(self.conv, 'init_weights'):  # a user's own may start otherwise
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
