"""Pictures of single errors, cut out of their images."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from mmrotate.core.images import read_image
from mmrotate.core.visualization import draw_rbox
from mmrotate.core.visualization.text import label_patch

from .errors import KINDS, Case, Errors
from .ranking import padded

_SIDE, _HEAD, _GAP = 180, 36, 6  # pixels: of a cut, of the text above, between cells
_OBJECT, _DETECTION = (80, 200, 60), (60, 60, 255)  # blue, green, red
_MARGIN = 1.6  # of a cut around the boxes


def draw_examples(errors: Errors, path_of: Callable[[int], str | Path], count: int = 6) -> np.ndarray:
    """A row for each kind with errors: the ``count`` best-scored, each cut out of its image; uint8, BGR.

    The object is green, the detection red. Above stand the class that was found and its score, then the object's.

    Args:
        errors: What was found.
        path_of: File of the image of an index.
        count: Cells in a row.
    """
    width = count * (_SIDE + _GAP) + _GAP
    rows = [label_patch('green: object, red: detection', 14, (255, 255, 255))]
    for kind in KINDS:
        if cases := errors.of_kind(kind):
            rows += _row(cases, kind, errors.judged.classes, path_of, count)
    return cv2.vconcat([padded(row, width) for row in rows])


def _row(
    cases: Sequence[Case], kind: str, classes: Sequence[str], path_of: Callable[[int], str | Path], count: int
) -> list[np.ndarray]:
    """The title of a kind, and its cells side by side."""
    chosen = sorted(cases, key=lambda case: -case.score)[:count] if kind != 'missed' else cases[:count]
    title = label_patch(f'{kind} ({len(cases)})', 18, (255, 255, 255))
    cells = [_cell(read_image(path_of(case.image)), case, classes) for case in chosen]
    return [title, cv2.hconcat(cells)]


def _cell(image: np.ndarray, case: Case, classes: Sequence[str]) -> np.ndarray:
    """One error: two lines of text, and the cut."""
    corner, side = _window(case)
    scale = _SIDE / side
    move = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]])
    cut = cv2.warpAffine(image, move, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR, borderValue=(128, 128, 128))
    for box, color in _boxes(case):
        scaled = np.array([*((box[:2] - corner) * scale), *(box[2:4] * scale), box[4]])
        draw_rbox(cut, scaled, color, 2, show_direction=False)
    found = [] if case.kind == 'missed' else [f'{classes[case.label]} {case.score:.2f}']
    target = case.label if case.kind == 'missed' else case.target_label
    lines = [*found, *([f'object: {classes[target]}'] if target >= 0 else [])]
    head = np.full((_HEAD, _SIDE, 3), 255, np.uint8)
    for i, line in enumerate(lines):
        text = padded(label_patch(line, 11, (255, 255, 255))[: _HEAD // 2], _SIDE)
        head[i * _HEAD // 2 :][: len(text)] = text
    return cv2.copyMakeBorder(cv2.vconcat([head, cut]), 0, 0, _GAP, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def _boxes(case: Case) -> Iterator[tuple[np.ndarray, tuple[int, int, int]]]:
    """The object, then the detection, each with its colour."""
    if case.kind == 'missed':
        yield case.box, _OBJECT
        return
    if case.target_box is not None:
        yield case.target_box, _OBJECT
    yield case.box, _DETECTION


def _window(case: Case) -> tuple[np.ndarray, float]:
    """Upper left corner and side of a square around the boxes."""
    boxes = np.array([box for box, _ in _boxes(case)])
    reach = np.hypot(boxes[:, 2], boxes[:, 3])[:, None] / 2
    low, high = (boxes[:, :2] - reach).min(0), (boxes[:, :2] + reach).max(0)
    side = max(float((high - low).max()) * _MARGIN, 24.0)
    return (low + high) / 2 - side / 2, side
