"""Angles as classes on a circle."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError

from ..angle import angle_version as version_of
from .phase import PseudoAngleCoder

# labels by the distances from the right class and the radius, both in classes
_WINDOWS: dict[str, Callable[[Tensor, float], Tensor]] = {
    'gaussian': lambda d, radius: (d.float() / radius).square().div(-2).exp(),
    'triangle': lambda d, radius: (1 - d.abs() / radius).clamp(min=0),
    'rect': lambda d, radius: ((d >= -radius) & (d < radius)).float(),
    'pulse': lambda d, radius: (d == 0).float(),
}


@TASK_UTILS.register_module()
class CSLCoder(PseudoAngleCoder):
    """Circular smooth labels of angles (Yang and Yan, ECCV 2020).

    The range of the angle version is cut into classes of ``omega`` degrees; neighbours of the right class,
    around the circle, get a label too.

    Args:
        angle_version: Angle version of the boxes.
        omega: Width of a class in degrees, above 0.
        window: Label of a class by its distance d from the right one, in classes: ``'gaussian'``
            exp(-d^2 / (2 radius^2)), ``'triangle'`` 1 - d / radius, ``'rect'`` 1 for -radius <= d < radius,
            ``'pulse'`` 1 for d = 0.
        radius: Of the window, above 0.
    """

    of_classes = True

    def __init__(self, angle_version: str, omega: float = 1, window: str = 'gaussian', radius: float = 6) -> None:
        version = version_of(angle_version)
        self.angle_version = angle_version
        self.start, self.span = math.degrees(version.start), math.degrees(version.span)
        if window not in _WINDOWS:
            raise ArgumentError(f'window must be one of {tuple(_WINDOWS)}, got {window!r}')
        if not 0 < omega <= self.span or radius <= 0:
            raise ArgumentError(
                f'omega must be in (0, {self.span:g}] degrees and radius above 0, got {omega} and {radius}'
            )
        self.omega, self.window, self.radius = omega, window, radius
        self.encode_size = self.coding_len = int(round(self.span) // omega)

    def encode(self, angle_targets: Tensor) -> Tensor:
        """Angles (n, 1) in radians, in the version's range -> labels (n, coding_len) in [0, 1]."""
        degrees = angle_targets.float() * (180 / math.pi) - self.start
        right = (degrees / self.omega).long()
        classes = torch.arange(self.coding_len, device=right.device)
        ahead = (classes - right) % self.coding_len  # steps around the circle, [0, coding_len)
        # of both ways to a class, the shorter
        offset = torch.where(2 * ahead < self.coding_len, ahead, ahead - self.coding_len)
        return _WINDOWS[self.window](offset, self.radius)

    def decode(self, angle_preds: Tensor, keepdim: bool = False) -> Tensor:
        """Scores (n, coding_len) -> angles (n,) in radians, or (n, 1) for ``keepdim``: the middle of the best class."""
        best = angle_preds.argmax(1, keepdim)
        degrees = (best + 0.5) * self.omega % self.span + self.start
        return degrees * (math.pi / 180)
