"""Folding batch normalisation into the convolution before it, for faster inference."""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)


def fuse_conv_bn(model: nn.Module) -> nn.Module:
    """Fold every batch norm into the convolution that is registered right before it.

    ``model`` is changed in place, put into eval mode and given back. Its outputs in eval mode stay the same up to
    rounding; it cannot be trained any more.
    """
    model.eval()
    for module in model.modules():
        before: tuple[str, nn.Conv2d] | None = None
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d) and not getattr(child, 'standardised', False):
                before = name, child
            elif isinstance(child, _NORMS) and before is not None:
                conv_name, conv = before
                if conv.out_channels == child.num_features:
                    setattr(module, conv_name, fuse_conv_bn_eval(conv, child))
                    setattr(module, name, nn.Identity())
                before = None
    return model
