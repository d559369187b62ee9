"""Ultralytics' smallest oriented model, in an environment of its own: it is run, and nothing more."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from answering import answer
from ultralytics import YOLO


def small(settings: dict) -> Callable[[], Any]:
    """A whole call on an image of 640x512, with as many threads as ours has."""
    torch.set_num_threads = lambda count: None  # it takes one fewer than there are processors
    model = YOLO('yolo11n-obb.yaml')
    image = np.random.RandomState(0).randint(0, 256, (512, 640, 3), np.uint8)
    return lambda: model.predict(image, imgsz=(512, 640), verbose=False, device='cpu')


if __name__ == '__main__':
    answer(dict(small=small))
