"""Necks: feature maps of a backbone -> a feature pyramid."""

from .csp_pafpn import RTDETRFPN, YOLOXPAFPN, CSPNeXtPAFPN
from .fpn import FPN, PAFPN, ReFPN
from .mapping import BFP, ChannelMapper
from .nas_fpn import NASFPN
