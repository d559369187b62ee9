"""What steps do to boxes (n, 5), as x, y, w, h, theta, beside the pixels."""

import numpy as np

_LABELS = {'gt_bboxes': 'gt_labels', 'gt_bboxes_ignore': 'gt_labels_ignore'}


def scale_boxes(boxes: np.ndarray, w_scale: float, h_scale: float) -> np.ndarray:
    """Boxes of a resized image: centres by the factors of width and height, sides by the root of their product."""
    side = np.sqrt(w_scale * h_scale)
    return boxes.reshape(-1, 5) * np.array([w_scale, h_scale, side, side, 1], np.float32)


def centres_inside(boxes: np.ndarray, h: int, w: int) -> np.ndarray:
    """Mask (n,) of the boxes whose centre is in an image of this height and width."""
    return np.asarray(((boxes[:, :2] > 0) & (boxes[:, :2] < (w, h))).all(1))


def keep_boxes(results: dict, key: str, mask: np.ndarray) -> None:
    """Keep the boxes ``results[key]`` of a mask (n,), and their labels."""
    results[key] = results[key][mask]
    if (labels := _LABELS.get(key)) in results:
        results[labels] = results[labels][mask]


def joined_boxes(parts: list[dict], key: str) -> np.ndarray:
    """The boxes ``key`` of several samples; one that has none of them counts as empty."""
    return np.concatenate([np.asarray(part.get(key, ()), np.float32).reshape(-1, 5) for part in parts])
