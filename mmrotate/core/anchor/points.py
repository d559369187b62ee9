"""Positions of a feature pyramid as points."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS

from .generator import AnchorGenerator


@TASK_UTILS.register_module()
class MlvlPointGenerator(AnchorGenerator):
    """One prior (x, y) at each position.

    Args:
        strides: Pixels between positions of each level.
        offset: Place of a point within its cell, in units of the stride.
    """

    def __init__(self, strides: Sequence[int], offset: float = 0.5) -> None:
        super().__init__(strides, ratios=[1.0], scales=[1.0])
        self.offset = offset

    def _level_priors(self, level: int, size: tuple[int, int], device: torch.device) -> Tensor:
        x, y = (
            (torch.arange(count, device=device) + self.offset) * stride
            for count, stride in zip(size[::-1], self.strides[level], strict=True)
        )
        return torch.cartesian_prod(y, x).flip(1)
