"""Which anchors lie inside an image."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor


def anchor_inside_flags(
    flat_anchors: Tensor, valid_flags: Tensor, img_shape: Sequence[Any], allowed_border: int = 0
) -> Tensor:
    """Mask (n,) of valid anchors (n, 4) whose corners stay inside the image; or (N, n) of those of a batch.

    Args:
        flat_anchors: Left, top, right, bottom.
        valid_flags: Mask (n,) of the anchors that count at all.
        img_shape: Height and width in pixels first; (N, 1) each of a batch.
        allowed_border: Pixels they may reach outside; negative for any number.
    """
    if allowed_border < 0:
        return valid_flags
    left, top, right, bottom = flat_anchors.unbind(-1)
    begins = (left >= -allowed_border) & (top >= -allowed_border)
    return valid_flags & begins & (right < img_shape[1] + allowed_border) & (bottom < img_shape[0] + allowed_border)


def rotated_anchor_inside_flags(
    flat_anchors: Tensor, valid_flags: Tensor, img_shape: Sequence[Any], allowed_border: int = 0
) -> Tensor:
    """The same for rotated anchors (n, 5) or (N, n, 5), by their centres."""
    if allowed_border < 0:
        return valid_flags
    return anchor_inside_flags(flat_anchors[..., [0, 1, 0, 1]], valid_flags, img_shape, allowed_border)
