"""Detection in large images, patch by patch."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmrotate.core.images import as_image, read_image
from mmrotate.core.patch import MergeRule, get_multiscale_patch, slide_window
from mmrotate.utils.errors import ArgumentError

from .inference import Image, ModelSight, Result
from .tiles import Window, detect_windows, joined


def inference_detector_by_patches(
    model: Any,
    img: Image,
    sizes: Sequence[int],
    steps: Sequence[int],
    ratios: Sequence[float],
    merge_iou_thr: float,
    bs: int = 1,
) -> Result:
    """Detect objects in an image that is too large for the detector, in overlapping square patches.

    Args:
        model: A detector of :func:`init_detector`.
        img: An image file, or an array (H, W, 3), BGR, uint8.
        sizes: Sides of the patches in pixels.
        steps: Pixels from each patch to the next, one for each size and smaller than it.
        ratios: Scales at which the image is searched: at 0.5 the patches are twice as large.
        merge_iou_thr: Overlap of two detections of a class above which the worse one goes.
        bs: Patches that go through the detector at once.

    Returns:
        A list over classes of arrays (n, 6): x, y, w, h in pixels of the image, theta in radians, score.
    """
    if bs < 1:
        raise ArgumentError(f'bs must be at least 1, got {bs}')
    image = read_image(os.fspath(img)) if isinstance(img, str | os.PathLike) else as_image(img)
    height, width = image.shape[:2]
    windows = slide_window(width, height, *get_multiscale_patch(sizes, steps, ratios))

    def read(window: Window) -> np.ndarray:
        left, top, right, bottom = window
        return image[top:bottom, left:right]

    return joined(detect_windows(ModelSight(model), read, windows, MergeRule(merge_iou_thr), batch_size=bs))
