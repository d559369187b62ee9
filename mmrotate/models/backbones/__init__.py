"""Backbones: image -> feature maps."""

from .base import Backbone
from .convnext import ConvNeXt
from .darknet import CSPDarknet, CSPNeXt, Darknet
from .large_kernel import LSKNet, StripNet
from .mobile import EfficientNet, EfficientNetLite, MobileNetV2
from .pkinet import PKINet
from .resnet import ReResNet, ResNet, ResNetV1c, ResNetV1d, ResNetV1dPaddle, ResNeXt
from .swin import SwinTransformer
from .timm_backbone import TIMMBackbone
