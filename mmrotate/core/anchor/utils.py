"""Which anchors lie inside an image."""

from collections.abc import Sequence

from torch import Tensor


def anchor_inside_flags(
    flat_anchors: Tensor, valid_flags: Tensor, img_shape: Sequence[int], allowed_border: int = 0
) -> Tensor:
    """Mask (n,) of valid anchors (n, 4) whose corners stay inside the image.

    Args:
        flat_anchors: Left, top, right, bottom.
        valid_flags: Mask (n,) of the anchors that count at all.
        img_shape: Height and width in pixels first.
        allowed_border: Pixels they may reach outside; negative for any number.
    """
    if allowed_border < 0:
        return valid_flags
    return valid_flags & _within(flat_anchors, img_shape, allowed_border)


def rotated_anchor_inside_flags(
    flat_anchors: Tensor, valid_flags: Tensor, img_shape: Sequence[int], allowed_border: int = 0
) -> Tensor:
    """The same for rotated anchors (n, 5), by their centres."""
    if allowed_border < 0:
        return valid_flags
    centre = flat_anchors[:, [0, 1, 0, 1]]
    return valid_flags & _within(centre, img_shape, allowed_border)


def _within(boxes: Tensor, img_shape: Sequence[int], border: int) -> Tensor:
    left, top, right, bottom = boxes.unbind(1)
    return (left >= -border) & (top >= -border) & (right < img_shape[1] + border) & (bottom < img_shape[0] + border)
