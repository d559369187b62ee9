"""A turned view of images, of points and of boxes."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Turn(NamedTuple):
    """A turn about the centre of images.

    Args:
        angle: In radians, clockwise on the screen.
        height: Of the images, in pixels.
        width: Likewise.
    """

    angle: float
    height: int
    width: int

    def points(self, xy: Tensor) -> Tensor:
        """Where points (n, 2) come to lie."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        centre = xy.new_tensor([self.width / 2, self.height / 2])
        return (xy - centre) @ xy.new_tensor([[cos, sin], [-sin, cos]]) + centre

    def boxes(self, boxes: Tensor) -> Tensor:
        """Boxes (n, 5) as they come to lie; their angles may leave the range of a version."""
        return torch.cat([self.points(boxes[:, :2]), boxes[:, 2:4], boxes[:, 4:] + self.angle], 1)

    def images(self, imgs: Tensor, padding: str = 'reflection') -> Tensor:
        """Images (N, C, height, width); ``padding`` says what comes in at the corners, as of ``grid_sample``."""
        cos, sin, ratio = math.cos(self.angle), math.sin(self.angle), max(self.height - 1, 1) / max(self.width - 1, 1)
        back = torch.tensor([[cos, sin * ratio, 0], [-sin / ratio, cos, 0]], device=imgs.device)
        grid = F.affine_grid(back.expand(len(imgs), 2, 3), list(imgs.shape), align_corners=True)
        return F.grid_sample(imgs, grid.to(imgs.dtype), 'bilinear', padding, align_corners=True)
