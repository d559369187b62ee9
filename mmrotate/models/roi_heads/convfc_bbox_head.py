"""Box heads with convolutions and layers before the predictions."""

from typing import Any

from torch import Tensor, nn

from mmrotate.models.layers import conv_tower
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .bbox_head import RotatedBBoxHead


@MODELS.register_module()
class RotatedConvFCBBoxHead(RotatedBBoxHead):
    """Shared convolutions and layers, then a branch of both for classes and one for boxes.

    Args:
        num_shared_convs: Convolutions that both branches share.
        num_shared_fcs: Fully connected layers that both branches share; then no branch has convolutions.
        num_cls_convs: Convolutions of the branch for classes.
        num_cls_fcs: Layers of the branch for classes.
        num_reg_convs: Convolutions of the branch for boxes.
        num_reg_fcs: Layers of the branch for boxes.
        conv_out_channels: Width of the convolutions.
        fc_out_channels: Width of the layers.
        conv_cfg: Convolutions; None for plain ones.
        norm_cfg: Normalisation of the convolutions.
        init_cfg: Initialisation.
        *args: See :class:`RotatedBBoxHead`.
        **kwargs: Likewise.
    """

    def __init__(
        self,
        num_shared_convs: int = 0,
        num_shared_fcs: int = 0,
        num_cls_convs: int = 0,
        num_cls_fcs: int = 0,
        num_reg_convs: int = 0,
        num_reg_fcs: int = 0,
        conv_out_channels: int = 256,
        fc_out_channels: int = 1024,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if num_shared_fcs and (num_cls_convs or num_reg_convs):
            given = f'num_shared_fcs={num_shared_fcs}, num_cls_convs={num_cls_convs}, num_reg_convs={num_reg_convs}'
            raise ArgumentError(f'shared layers leave no maps for the convolutions of a branch, got {given}')
        # the base asks for the layers, which need these
        self._counts = dict(
            shared=(num_shared_convs, num_shared_fcs),
            cls=(num_cls_convs, num_cls_fcs),
            reg=(num_reg_convs, num_reg_fcs),
        )
        self.conv_out_channels, self.fc_out_channels = conv_out_channels, fc_out_channels
        self.conv_cfg, self.norm_cfg = conv_cfg, norm_cfg
        super().__init__(*args, **dict(kwargs, init_cfg=init_cfg))

    def _make_layers(self) -> None:
        shared, flat = self._make_part('shared', self.in_channels, flat=False)
        ends = [self._make_part(name, shared, flat) for name in ('cls', 'reg')]
        self._make_predictors(*(width if flat else width * self._places for width, flat in ends))

    def _make_part(self, name: str, channels: int, flat: bool) -> tuple[int, bool]:
        """Build the convolutions and layers of a part; gives what its output has, and whether that is rows."""
        convs, fcs = self._counts[name]
        self.add_module(
            f'{name}_convs', conv_tower(channels, self.conv_out_channels, convs, self.norm_cfg, self.conv_cfg)
        )
        channels = self.conv_out_channels if convs else channels
        first = channels if flat or not fcs else channels * self._places
        widths = [first] + [self.fc_out_channels] * fcs
        self.add_module(f'{name}_fcs', nn.ModuleList(map(nn.Linear, widths, widths[1:])))
        return widths[-1], flat or fcs > 0

    def _through(self, name: str, x: Tensor) -> Tensor:
        x = getattr(self, f'{name}_convs')(x)
        for fc in getattr(self, f'{name}_fcs'):
            x = fc(self._flat(x)).relu()
        return x

    def _branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self._through('shared', x)
        return self._flat(self._through('cls', x)), self._flat(self._through('reg', x))


@MODELS.register_module()
class RotatedShared2FCBBoxHead(RotatedConvFCBBoxHead):
    """Two shared layers, no convolution: the usual box head; other arguments as of :class:`RotatedBBoxHead`."""

    def __init__(self, fc_out_channels: int = 1024, *args: Any, **kwargs: Any) -> None:
        fixed = dict(num_shared_convs=0, num_shared_fcs=2, fc_out_channels=fc_out_channels)
        super().__init__(*args, **dict(fixed, **kwargs))


@MODELS.register_module()
class RotatedKFIoUShared2FCBBoxHead(RotatedShared2FCBBoxHead):
    """The same; the name that configs of KFIoU use, whose loss says what it wants itself."""
