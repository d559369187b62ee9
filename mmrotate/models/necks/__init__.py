"""Necks: feature maps of a backbone -> a feature pyramid."""

from .fpn import FPN, PAFPN, ReFPN
