"""Steps of data pipelines by their names in MMDetection, where the rotated step means the same."""

import numpy as np
import torch

from mmrotate.compat.box_types import RotatedBoxes
from mmrotate.datasets.pipelines import RMosaic, RRandomFlip, RResize
from mmrotate.registry import PIPELINES

for _name, _step in {'Mosaic': RMosaic, 'RandomFlip': RRandomFlip}.items():
    PIPELINES.register_module(name=_name, module=_step)


@PIPELINES.register_module()
class Resize(RResize):
    """RResize, but with boxes as MMRotate 1.x has them: where the factors of width and height differ they turn."""

    def scale_boxes(self, boxes: np.ndarray, w_scale: float, h_scale: float) -> np.ndarray:
        """Boxes (n, 5) of the resized image."""
        scaled = RotatedBoxes(torch.from_numpy(boxes.reshape(-1, 5)))
        scaled.rescale_((w_scale, h_scale))
        return scaled.tensor.numpy()
