"""Necks: feature maps of a backbone -> a feature pyramid."""

from .fpn import FPN
from .pafpn import PAFPN
from .re_fpn import ReFPN
