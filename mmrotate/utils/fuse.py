"""Folding batch normalisation into the convolution before it, for faster inference."""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)


def fuse_conv_bn(model: nn.Module) -> nn.Module:
    """Fold every batch norm into the convolution that is registered right before it.

    The outputs of the model in eval mode stay the same up to rounding; it cannot be trained
    any more.

    Args:
        model: Changed in place and put into eval mode.

    Returns:
        ``model``.
    """
    model.eval()
    for module in model.modules():
        _fuse_children(module)
    return model


def _fuse_children(module: nn.Module) -> None:
    conv_name: str | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d):
            conv_name = name
        elif isinstance(child, _NORMS) and conv_name is not None:
            conv = module.get_submodule(conv_name)
            assert isinstance(conv, nn.Conv2d)
            if conv.out_channels == child.num_features:
                setattr(module, conv_name, fuse_conv_bn_eval(conv, child))
                setattr(module, name, nn.Identity())
            conv_name = None
