"""Results in the forms of other packages, which are imported when they are asked for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmrotate.apis.results import Images
from mmrotate.core.evaluation import finite_results
from mmrotate.core.visualization import rbox_corners
from mmrotate.datasets.submission import Results
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.imports import import_package


def to_supervision(result: Sequence[np.ndarray], classes: Sequence[str], score_thr: float = 0.0) -> Any:
    """``supervision.Detections`` of an image.

    Its ``xyxy`` are the upright boxes around the objects; ``data`` holds the corners (n, 4, 2) as ``xyxyxyxy``, where
    its ``OrientedBoxAnnotator`` looks for them, the boxes (n, 5) as ``rbox``, and ``class_name``.

    Args:
        result: A list over classes of arrays (n, 6): x, y, w, h, theta, score.
        classes: Names of the classes.
        score_thr: Detections with lower scores are left out.
    """
    package = import_package('supervision', 'to_supervision')
    boxes, labels, corners = _columns(result, classes, score_thr)
    names = np.array([classes[label] for label in labels])
    return package.Detections(
        xyxy=np.concatenate([corners.min(1), corners.max(1)], 1).astype(np.float32),
        confidence=boxes[:, 5].astype(np.float32),
        class_id=labels,
        data={'xyxyxyxy': corners.astype(np.float32), 'rbox': boxes[:, :5], 'class_name': names},
    )


def to_fiftyone(
    result: Sequence[np.ndarray], classes: Sequence[str], width: int, height: int, score_thr: float = 0.0
) -> Any:
    """``fiftyone.Polylines`` of an image of ``width`` x ``height`` pixels: closed, with points from 0 to 1.

    The other arguments are those of :func:`to_supervision`.
    """
    package = import_package('fiftyone', 'to_fiftyone')
    boxes, labels, corners = _columns(result, classes, score_thr)
    lines = [
        package.Polyline(
            label=classes[label],
            confidence=float(box[5]),
            points=[(points / [width, height]).tolist()],
            closed=True,
            filled=False,
            rbox=[float(value) for value in box[:5]],
        )
        for box, label, points in zip(boxes, labels, corners, strict=True)
    ]
    return package.Polylines(polylines=lines)


def to_coco(results: Results, classes: Sequence[str], image_ids: Sequence[int], score_thr: float = 0.0) -> list[dict]:
    """Detections of images as COCO's list of results, with the corners as ``segmentation``.

    Args:
        results: Per image a list over classes of arrays (n, 6).
        classes: Names of the classes; ``category_id`` counts them from 1.
        image_ids: The ``image_id`` of each image.
        score_thr: Detections with lower scores are left out.

    Returns:
        Dicts with ``image_id``, ``category_id``, ``score``, ``bbox`` (x, y, w, h of the upright box), ``segmentation``
        and ``rbox`` (cx, cy, w, h in pixels, theta in radians).
    """
    _check_length(image_ids, results)
    found = []
    for image_id, result in zip(image_ids, results, strict=True):
        for box, label, corners in zip(*_columns(result, classes, score_thr), strict=True):
            low, size = corners.min(0), np.ptp(corners, 0)
            entry: dict[str, Any] = {'image_id': image_id, 'category_id': int(label) + 1, 'score': float(box[5])}
            entry['bbox'] = [*map(float, low), *map(float, size)]
            found.append({**entry, 'segmentation': [corners.ravel().tolist()], 'rbox': box[:5].tolist()})
    return found


def to_pandas(results: Results, classes: Sequence[str], images: Images, score_thr: float = 0.0) -> Any:
    """A ``pandas.DataFrame`` with a row for each detection: image, label, score, cx, cy, w, h, theta, x1 ... y4.

    Args:
        results: Per image a list over classes of arrays (n, 6).
        classes: Names of the classes.
        images: Name of each image.
        score_thr: Detections with lower scores are left out.
    """
    package = import_package('pandas', 'to_pandas')
    _check_length(images, results)
    rows = [
        [str(image), classes[label], box[5], *box[:5], *corners.ravel()]
        for image, result in zip(images, results, strict=True)
        for box, label, corners in zip(*_columns(result, classes, score_thr), strict=True)
    ]
    points = [f'{axis}{i}' for i in range(1, 5) for axis in 'xy']
    return package.DataFrame(rows, columns=['image', 'label', 'score', 'cx', 'cy', 'w', 'h', 'theta', *points])


def _columns(
    result: Sequence[np.ndarray], classes: Sequence[str], score_thr: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes (n, 6), labels (n,) and corners (n, 4, 2) by falling score, without what is not finite."""
    if len(result) != len(classes):
        raise ArgumentError(f'a result over {len(result)} classes, but {len(classes)} class names')
    (result,) = finite_results([result])
    boxes = np.concatenate([np.zeros((0, 6)), *result])
    labels = np.repeat(np.arange(len(result)), [len(each) for each in result])
    order = np.argsort(-boxes[:, 5], kind='stable')
    order = order[boxes[order, 5] >= score_thr]
    return boxes[order], labels[order], rbox_corners(boxes[order, :5])


def _check_length(names: Sequence[Any], results: Results) -> None:
    if len(names) != len(results):
        raise ArgumentError(f'{len(names)} images, but {len(results)} results')
