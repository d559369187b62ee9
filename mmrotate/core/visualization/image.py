"""Pictures of rotated boxes."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from mmrotate.core.bbox import obb2poly
from mmrotate.core.images import as_image, read_image
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.files import write_atomically

from .palette import Color, get_palette
from .text import LabelPlacer, label_patch

_SHIFT = 4  # sub-pixel positions: cv2 takes coordinates in 1/16 pixel


def imshow_det_rbboxes(
    img: np.ndarray | str | Path,
    bboxes: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    segms: None = None,
    class_names: Sequence[str] | None = None,
    score_thr: float = 0,
    bbox_color: str | Sequence | None = None,
    text_color: str | Sequence | None = None,
    mask_color: None = None,
    thickness: int | None = None,
    font_size: int | None = None,
    win_name: str = '',
    show: bool = True,
    wait_time: float = 0,
    out_file: str | Path | None = None,
    show_label: bool = True,
    show_score: bool = True,
    show_direction: bool | Literal['front'] = True,
) -> np.ndarray:
    """Draw rotated boxes, with a mark on the edge that theta points to; gives the picture, uint8 (H, W, 3), BGR.

    Args:
        img: the path of an image, or what :func:`mmrotate.core.images.as_image` takes. It is not changed.
        bboxes: (n, 5) or, with scores, (n, 6): x, y, w, h (pixels), theta (radians, clockwise).
        labels: (n,) class of each box.
        segms: only None, a 0.x name: there are no masks.
        class_names: name of each class; without it a label reads 'class 3'.
        score_thr: boxes with a lower score are left out (only with scores).
        bbox_color: colours, see :func:`get_palette`; None: distinct ones.
        text_color: ground of the labels, as ``bbox_color``; None: the colour of the box.
        mask_color: only None, as ``segms``.
        thickness: line width in pixels, thinner for small boxes; None: by the size of the image.
        font_size: height of the letters in pixels; None: by the size of the image.
        win_name: title of the window.
        show: open a window.
        wait_time: seconds until the window closes; 0: when the user closes it.
        out_file: write the picture there; folders are made.
        show_label: the labels hold the class; where they would hide an object they are left out.
        show_score: the labels hold the score.
        show_direction: draw the mark; 'front': on the front of boxes that have one (angle version r360).

    Raises:
        ValueError: wrong shapes, a damaged image, or an ``out_file`` that is the input image.
    """
    if segms is not None or mask_color is not None:
        raise ArgumentError('segms and mask_color are not supported: rotated boxes only')
    canvas = _read(img, out_file)
    boxes, classes = _shown(bboxes, labels, score_thr)
    texts = _texts(boxes, classes, class_names, show_label, show_score)
    grounds = _colors(bbox_color if text_color is None else text_color, classes, class_names)
    for box, color in zip(boxes, _colors(bbox_color, classes, class_names), strict=True):
        draw_rbox(canvas, box[:5], color, thickness or max(1, round(_edge(canvas) / 450)), show_direction)
    if any(texts):
        _draw_texts(canvas, boxes[:, :5], grounds, texts, font_size or _font_size(canvas, boxes))
    if out_file is not None:
        write_image(out_file, canvas)
    if show:
        _show(canvas, win_name, wait_time)
    return canvas


def _shown(bboxes: np.ndarray | None, labels: np.ndarray | None, score_thr: float) -> tuple[np.ndarray, np.ndarray]:
    """Boxes from a score on, and their labels; the best last, which draws them on top."""
    bboxes = np.zeros((0, 5)) if bboxes is None else np.asarray(bboxes, np.float64)
    if bboxes.ndim != 2 or bboxes.shape[1] not in (5, 6):
        raise ArgumentError(f'bboxes must be (n, 5) or (n, 6), got the shape {bboxes.shape}')
    labels = np.zeros(len(bboxes)) if labels is None else np.asarray(labels)
    if labels.shape != (len(bboxes),):
        raise ArgumentError(f'{len(bboxes)} boxes, but labels of the shape {labels.shape}')
    order = np.flatnonzero(np.isfinite(bboxes).all(axis=1))
    if bboxes.shape[1] == 6:
        order = order[np.argsort(bboxes[order, 5], kind='stable')]
        order = order[bboxes[order, 5] >= score_thr]
    return bboxes[order], labels[order].astype(np.int64)


def _colors(palette: str | Sequence | None, labels: np.ndarray, names: Sequence[str] | None) -> list[Color]:
    """Colour (B, G, R) of each box, by its class."""
    colors = get_palette(palette, max(len(names or ()), int(labels.max(initial=-1)) + 1))
    return [(blue, green, red) for red, green, blue in (colors[label] for label in labels)]


def rbox_corners(boxes: np.ndarray) -> np.ndarray:
    """Corners (n, 4, 2) of boxes (n, 5): (-w, -h), (w, -h), (w, h), (-w, h), halved, in the frame of the box."""
    return obb2poly(boxes).reshape(-1, 4, 2)


def draw_rbox(
    canvas: np.ndarray,
    box: np.ndarray,
    color: Color,
    thickness: int = 1,
    show_direction: bool | Literal['front'] = True,
) -> None:
    """Draw one box (x, y, w, h, theta) into ``canvas``, uint8 (H, W, 3), in its channel order.

    The mark of the direction is a stroke from the centre (for a small box from halfway, so that the object stays
    visible) to the middle of the edge that theta points to, or of the front, with a dot there.
    """
    corners = rbox_corners(np.asarray(box, np.float64)[None])[0]
    small = min(abs(box[2]), abs(box[3])) < 12 * thickness
    width = max(1, thickness // 2) if small else thickness
    cv2.polylines(canvas, [_fixed(corners)], True, color, width, cv2.LINE_AA, _SHIFT)
    if not show_direction:
        return
    # theta points to the edge between the second and the third corner, and the first edge is the front
    centre, tip = np.asarray(box[:2]), corners[:2].mean(0) if show_direction == 'front' else corners[1:3].mean(0)
    start, end = _fixed((centre + tip) / 2 if small else centre), _fixed(tip)
    cv2.line(canvas, tuple(start), tuple(end), color, max(1, width // 2), cv2.LINE_AA, _SHIFT)
    radius = min(0.8 * width + 0.8, 0.25 * max(abs(box[3]), 4))
    cv2.circle(canvas, tuple(end), int(radius * (1 << _SHIFT)), color, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def write_image(path: str | Path, img: np.ndarray) -> None:
    """Write an image, BGR, whole or not at all; its folder is made.

    Raises:
        ValueError: The ending names no format.
        WriteError: The system refuses to write.
    """
    try:
        done, data = cv2.imencode(Path(path).suffix or '.?', img)
    except cv2.error:
        done = False
    if not done:
        raise ArgumentError(f'cannot write {path}: the ending must name a format (.png, .jpg, ...)')
    write_atomically(path, data.tobytes())


def can_write_image(path: str | Path) -> bool:
    """Whether the ending of ``path`` names a format that :func:`write_image` knows."""
    try:
        return bool(Path(path).suffix) and cv2.haveImageWriter(str(path))
    except cv2.error:
        return False


def refuse_overwrite(out_file: str | Path, path: str | Path) -> None:
    """Raise a ValueError if ``out_file`` is the file ``path``, also through a link."""
    if os.path.exists(out_file) and os.path.exists(path) and os.path.samefile(out_file, path):
        raise ArgumentError(f'out_file={str(out_file)!r} is the input image: name another file')


def _read(img: np.ndarray | str | Path, out_file: str | Path | None) -> np.ndarray:
    """The image to draw on, which is not that of ``out_file``."""
    if isinstance(img, (str, Path)):
        if out_file is not None:
            refuse_overwrite(out_file, img)
        return read_image(img)
    return as_image(img).copy()


def _texts(
    bboxes: np.ndarray, labels: np.ndarray, class_names: Sequence[str] | None, show_label: bool, show_score: bool
) -> list[str]:
    """What stands at each box."""
    known, texts = class_names or (), []
    for box, label in zip(bboxes, labels, strict=True):
        name = known[label] if label < len(known) else f'class {label}'
        score = f'{box[5]:.2f}' if len(box) == 6 else ''
        texts.append(' '.join(part for part, shown in ((name, show_label), (score, show_score)) if shown and part))
    return texts


def _edge(canvas: np.ndarray) -> float:
    """Side in pixels of a square as large as the picture."""
    return float(np.sqrt(canvas.shape[0] * canvas.shape[1]))


def _font_size(canvas: np.ndarray, bboxes: np.ndarray) -> int:
    """Height of the letters: by the size of the picture, smaller for small objects."""
    by_objects = 0.35 * float(np.median(np.abs(bboxes[:, 2:4]).max(axis=1)))
    return round(min(max(by_objects, 10), max(_edge(canvas) / 65, 10), 30))


def _draw_texts(canvas: np.ndarray, bboxes: np.ndarray, colors: list[Color], texts: list[str], size: int) -> None:
    placer = LabelPlacer((canvas.shape[1], canvas.shape[0]), bboxes)
    for corners, text, color in reversed(list(zip(rbox_corners(bboxes), texts, colors, strict=True))):
        patch = label_patch(text, size, color)
        height, width = patch.shape[:2]
        if spot := placer.place(corners, (width, height)):
            x, y = spot
            canvas[y : y + height, x : x + width] = patch


def has_screen() -> bool:
    """Whether windows can be opened here."""
    # here, because it costs time that a run without windows need not spend
    import matplotlib.pyplot as plt  # noqa: PLC0415

    return plt.get_backend().lower() != 'agg'


def _show(canvas: np.ndarray, title: str, wait_time: float) -> None:
    import matplotlib.pyplot as plt  # noqa: PLC0415

    if not has_screen():
        logging.getLogger('mmrotate').warning('show: there is no screen here, no window is opened')
        return
    figure = plt.figure(title or None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis('off')
    axes.imshow(cv2.cvtColor(canvas, cv2.COLOR_BGR2RGB))
    plt.show(block=False)
    if wait_time > 0:
        plt.pause(wait_time)
    else:
        plt.show()
    plt.close(figure)


def _fixed(points: np.ndarray) -> np.ndarray:
    """Points in pixels as the integers that cv2 draws at with sub-pixel precision."""
    return np.clip(np.round(points * (1 << _SHIFT)), -(2**30), 2**30).astype(np.int32)
