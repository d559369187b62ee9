"""Backbones: image -> feature maps."""

from .base import Backbone
from .convnext import ConvNeXt
from .re_resnet import ReResNet
from .resnet import ResNet, ResNeXt
from .swin import SwinTransformer
from .timm_backbone import TIMMBackbone
