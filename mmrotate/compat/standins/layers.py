"""Layers by their configs, as ``mmcv.cnn`` builds them; a user's own are found in the registry of models."""

import inspect
from collections.abc import Sequence
from typing import Any, Literal

from mmengine.model import constant_init, kaiming_init
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.models import layers
from mmrotate.models.base_module import BaseModule
from mmrotate.models.layers import parse_layer


class HSigmoid(nn.Module):
    """(x + bias) / divisor, kept between two values."""

    def __init__(self, bias: float = 3.0, divisor: float = 6.0, min_value: float = 0.0, max_value: float = 1.0) -> None:
        super().__init__()
        self.bias, self.divisor, self.limits = bias, divisor, (min_value, max_value)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return ((x + self.bias) / self.divisor).clamp(*self.limits)


Swish = nn.SiLU
_CONVS = {
    **layers.CONVOLUTIONS, 'Conv1d': nn.Conv1d, 'Conv3d': nn.Conv3d, 'deconv': nn.ConvTranspose2d,
    'deconv3d': nn.ConvTranspose3d,
}  # fmt: skip
_NORMS = {
    **layers.NORMS, 'BN1d': nn.BatchNorm1d, 'BN3d': nn.BatchNorm3d, 'LN': nn.LayerNorm, 'IN': nn.InstanceNorm2d,
    'IN1d': nn.InstanceNorm1d, 'IN2d': nn.InstanceNorm2d, 'IN3d': nn.InstanceNorm3d,
}  # fmt: skip
_ACTIVATIONS = {
    **layers.ACTIVATIONS, 'HSigmoid': HSigmoid, 'HSwish': nn.Hardswish,
    **{name: getattr(nn, name) for name in ('ELU', 'PReLU', 'RReLU', 'Tanh', 'Hardswish')},
}  # fmt: skip
_PADDINGS = {'zero': nn.ZeroPad2d, 'reflect': nn.ReflectionPad2d, 'replicate': nn.ReplicationPad2d}
HSwish = nn.Hardswish


def build_conv_layer(cfg: dict | None, *args: Any, **kwargs: Any) -> Any:
    """Convolution from ``dict(type='Conv2d'|'DCNv2'|..., ...)``, None for a plain one, and its own arguments."""
    cls, settings = parse_layer('conv_cfg', _CONVS, cfg or dict(type='Conv2d'))
    return cls(*args, **kwargs, **settings)


def build_norm_layer(cfg: dict, num_features: int, postfix: int | str = '') -> tuple[str, Any]:
    """Normalisation of ``num_features`` channels from ``dict(type='BN'|'GN'|..., ...)``.

    ``requires_grad=False`` freezes its parameters.

    Returns:
        Its name in a module, e.g. ``bn1`` with the postfix 1, and the layer.
    """
    cls, args = parse_layer('norm_cfg', _NORMS, cfg)
    name, layer = layers.make_norm(cls, {'eps': 1e-5, **args}, num_features)
    return f'{name}{postfix}', layer


def build_activation_layer(cfg: dict) -> Any:
    """Activation from ``dict(type='ReLU'|..., ...)``."""
    cls, args = parse_layer('act_cfg', _ACTIVATIONS, cfg)
    return cls(**args)


def build_padding_layer(cfg: dict, *args: Any, **kwargs: Any) -> Any:
    """Padding from ``dict(type='zero'|'reflect'|'replicate')``, and its own arguments."""
    cls, settings = parse_layer('padding_cfg', _PADDINGS, cfg)
    return cls(*args, **kwargs, **settings)


def build_upsample_layer(cfg: dict, *args: Any, **kwargs: Any) -> Any:
    """Layer that enlarges maps, from ``dict(type='nearest'|'bilinear'|'deconv'|'pixel_shuffle', ...)``."""
    table = {'nearest': nn.Upsample, 'bilinear': nn.Upsample, 'deconv': nn.ConvTranspose2d, 'pixel_shuffle': _Shuffled}
    cls, settings = parse_layer('upsample_cfg', table, cfg)
    if cls is nn.Upsample:
        settings['mode'] = cfg['type']
    return cls(*args, **kwargs, **settings)


class _Shuffled(nn.Module):
    """A convolution whose channels become pixels: ``scale_factor`` times larger maps; key ``upsample_conv``."""

    def __init__(self, in_channels: int, out_channels: int, scale_factor: int, upsample_kernel: int) -> None:
        super().__init__()
        padding = (upsample_kernel - 1) // 2
        self.scale_factor = scale_factor
        self.upsample_conv = nn.Conv2d(in_channels, out_channels * scale_factor**2, upsample_kernel, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, s * H, s * W)."""
        return F.pixel_shuffle(self.upsample_conv(x), self.scale_factor)


def build_plugin_layer(cfg: dict, postfix: int | str = '', **kwargs: Any) -> tuple[str, Any]:
    """A block that backbones take as a plugin: its name in a module, and the block."""
    cls, args = parse_layer('plugin', {}, cfg)
    name = getattr(cls, '_abbr_', None) or _snake(cls.__name__)
    return f'{name}{postfix}', cls(**kwargs, **args)


def _snake(name: str) -> str:
    return ''.join(f'_{c.lower()}' if c.isupper() and i else c.lower() for i, c in enumerate(name))


def is_norm(layer: nn.Module, exclude: type | tuple[type, ...] | None = None) -> bool:
    """Whether a layer is a normalisation, those of ``exclude`` left out."""
    if exclude is not None and isinstance(layer, exclude):
        return False
    kinds = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm, nn.GroupNorm, nn.LayerNorm)
    return isinstance(layer, kinds)


def build_linear_layer(cfg: dict | None, *args: Any, **kwargs: Any) -> Any:
    """Linear layer from a config, None for a plain one, and its own arguments."""
    cls, settings = parse_layer('linear_cfg', {'Linear': nn.Linear}, cfg or dict(type='Linear'))
    return cls(*args, **kwargs, **settings)


class ConvModule(nn.Module):
    """Convolution, normalisation, activation in the order wanted; keys ``conv``, the norm's name, ``activate``.

    Args, beside those of a convolution:
        bias: Whether it has one; ``'auto'``: only without a normalisation.
        conv_cfg: See :func:`build_conv_layer`.
        norm_cfg: See :func:`build_norm_layer`; None for none.
        act_cfg: See :func:`build_activation_layer`; None for none.
        inplace: Whether the activation writes over its input.
        with_spectral_norm: Divide the weights by their largest singular value.
        padding_mode: One of PyTorch, or ``'reflect'``.
        order: The three in their order.
    """

    _abbr_ = 'conv_block'

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool | Literal['auto'] = 'auto',
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = dict(type='ReLU'),  # noqa: B006  (never written to)
        inplace: bool = True,
        with_spectral_norm: bool = False,
        padding_mode: str = 'zeros',
        order: Sequence[str] = ('conv', 'norm', 'act'),
    ) -> None:
        super().__init__()
        if set(order) != {'conv', 'norm', 'act'} or len(order) != 3:
            raise ValueError(f"order must hold 'conv', 'norm' and 'act', got {order}")
        self.conv_cfg, self.norm_cfg, self.act_cfg, self.order = conv_cfg, norm_cfg, act_cfg, tuple(order)
        self.with_norm, self.with_activation = norm_cfg is not None, act_cfg is not None
        self.with_bias = not self.with_norm if bias == 'auto' else bias
        more = {} if padding_mode == 'zeros' else dict(padding_mode=padding_mode)
        how = dict(stride=stride, padding=padding, dilation=dilation, groups=groups, bias=self.with_bias, **more)
        self.conv = build_conv_layer(conv_cfg, in_channels, out_channels, kernel_size, **how)
        for name in ('in_channels', 'out_channels', 'kernel_size', 'stride', 'padding', 'dilation', 'groups'):
            setattr(self, name, getattr(self.conv, name))
        if with_spectral_norm:
            self.conv = nn.utils.spectral_norm(self.conv)
        self.norm_name = None
        if norm_cfg is not None:
            width = out_channels if order.index('norm') > order.index('conv') else in_channels
            self.norm_name, norm = build_norm_layer(norm_cfg, width)
            self.add_module(self.norm_name, norm)
        if act_cfg is not None:
            self.activate = _activation(act_cfg, inplace)
        self.init_weights()

    @property
    def norm(self) -> Any:
        """The normalisation, or None."""
        return getattr(self, self.norm_name) if self.norm_name else None

    def init_weights(self) -> None:
        """He's initialisation of the convolution, and 1 and 0 of the normalisation."""
        if not hasattr(self.conv, 'init_weights'):  # one that knows better
            leaky = self.act_cfg is not None and self.act_cfg['type'] == 'LeakyReLU'
            slope = self.act_cfg.get('negative_slope', 0.01) if leaky and self.act_cfg else 0
            kaiming_init(self.conv, a=slope, nonlinearity='leaky_relu' if leaky else 'relu')
        if self.with_norm:
            constant_init(self.norm, 1, bias=0)

    def forward(self, x: Tensor, activate: bool = True, norm: bool = True) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H', W'), if wanted without activation or normalisation."""
        for part in self.order:
            if part == 'conv':
                x = self.conv(x)
            elif part == 'norm' and norm and self.with_norm:
                x = self.norm(x)
            elif part == 'act' and activate and self.with_activation:
                x = self.activate(x)
        return x


def _activation(cfg: dict, inplace: bool) -> Any:
    cls, args = parse_layer('act_cfg', _ACTIVATIONS, cfg)
    if 'inplace' in inspect.signature(cls.__init__).parameters:
        args.setdefault('inplace', inplace)
    return cls(**args)


class DepthwiseSeparableConvModule(nn.Module):
    """A convolution of each channel, then one of 1x1: keys ``depthwise_conv`` and ``pointwise_conv``.

    Args, beside those of a convolution:
        norm_cfg, act_cfg: Of both.
        dw_norm_cfg, dw_act_cfg, pw_norm_cfg, pw_act_cfg: Of one; ``'default'`` is that of both.
        kwargs: More of :class:`ConvModule`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = dict(type='ReLU'),  # noqa: B006  (never written to)
        dw_norm_cfg: Any = 'default',
        dw_act_cfg: Any = 'default',
        pw_norm_cfg: Any = 'default',
        pw_act_cfg: Any = 'default',
        **kwargs: Any,
    ) -> None:
        super().__init__()

        def chosen(norm: Any, act: Any) -> dict[str, Any]:
            return dict(
                norm_cfg=norm_cfg if norm == 'default' else norm, act_cfg=act_cfg if act == 'default' else act, **kwargs
            )

        each = (kernel_size, stride, padding, dilation, in_channels)
        depthwise, pointwise = chosen(dw_norm_cfg, dw_act_cfg), chosen(pw_norm_cfg, pw_act_cfg)
        self.depthwise_conv = ConvModule(in_channels, in_channels, *each, **depthwise)
        self.pointwise_conv = ConvModule(in_channels, out_channels, 1, **pointwise)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        return self.pointwise_conv(self.depthwise_conv(x))


class NonLocal2d(nn.Module):
    """Attention between all positions of a map, added to it (Wang et al., Non-local networks, CVPR 2018).

    Args:
        in_channels: Channels of the map.
        reduction: The attention's own are fewer by this factor.
        use_scale: Divide the products by the root of the attention's channels.
        conv_cfg: Of its convolutions.
        norm_cfg: After the last one.
        mode: ``'embedded_gaussian'`` or ``'dot_product'``.
    """

    def __init__(
        self,
        in_channels: int,
        reduction: int = 2,
        use_scale: bool = True,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        mode: str = 'embedded_gaussian',
    ) -> None:
        super().__init__()
        if mode not in ('embedded_gaussian', 'dot_product'):
            raise ValueError(f"mode must be 'embedded_gaussian' or 'dot_product', got {mode!r}")
        self.mode, self.use_scale = mode, use_scale
        self.inter_channels = max(in_channels // reduction, 1)
        own = (in_channels, self.inter_channels, 1)
        self.g, self.theta, self.phi = (ConvModule(*own, conv_cfg=conv_cfg, act_cfg=None) for _ in range(3))
        out = (conv_cfg, norm_cfg, None)
        self.conv_out = ConvModule(self.inter_channels, in_channels, 1, 1, 0, 1, 1, 'auto', *out)
        constant_init(self.conv_out.norm if norm_cfg else self.conv_out.conv, 0)  # at first the map itself

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        values, query, keys = (conv(x).flatten(2) for conv in (self.g, self.theta, self.phi))
        weights = query.transpose(1, 2) @ keys  # (N, positions, positions)
        if self.mode == 'dot_product':
            weights = weights / weights.size(-1)
        else:
            weights = (weights / (self.inter_channels**0.5 if self.use_scale else 1)).softmax(-1)
        found = (weights @ values.transpose(1, 2)).transpose(1, 2)
        return x + self.conv_out(found.unflatten(2, x.shape[2:]))


class SELayer(BaseModule):
    """Factors of the channels from the mean of the map (Hu et al., CVPR 2018); keys ``conv1`` and ``conv2``."""

    def __init__(
        self,
        channels: int,
        ratio: int = 16,
        conv_cfg: dict | None = None,
        act_cfg: Any = (dict(type='ReLU'), dict(type='Sigmoid')),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        first, last = (act_cfg, act_cfg) if isinstance(act_cfg, dict) else act_cfg
        self.conv1 = ConvModule(channels, max(channels // ratio, 1), 1, conv_cfg=conv_cfg, act_cfg=first)
        self.conv2 = ConvModule(max(channels // ratio, 1), channels, 1, conv_cfg=conv_cfg, act_cfg=last)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return x * self.conv2(self.conv1(x.mean((2, 3), keepdim=True)))


def make_divisible(value: float, divisor: int, min_value: int | None = None, min_ratio: float = 0.9) -> int:
    """The multiple of ``divisor`` next to ``value``, at least ``min_value`` and ``min_ratio`` of the value."""
    new = max(min_value or divisor, int(value + divisor / 2) // divisor * divisor)
    return new + divisor if new < min_ratio * value else new


def interpolate_as(source: Tensor, target: Any, mode: str = 'bilinear', align_corners: bool = False) -> Tensor:
    """Maps (N, C, H, W) or (C, H, W) in the height and width of those of ``target``."""
    size = tuple(target.shape[-2:])
    if tuple(source.shape[-2:]) == size:
        return source
    maps = source if source.dim() == 4 else source[None]
    maps = F.interpolate(maps, size, mode=mode, align_corners=None if mode == 'nearest' else align_corners)
    return maps if source.dim() == 4 else maps[0]
