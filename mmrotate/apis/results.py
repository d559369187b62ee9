"""Results as JSON, in a schema that says what its numbers mean."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.core.evaluation import finite_results
from mmrotate.core.visualization import rbox_corners
from mmrotate.datasets.submission import Results
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.files import dump_json, replacing, write_json

Images = Sequence[str | Path]


def results_to_dict(images: Images, results: Results, classes: Sequence[str], score_thr: float = 0.0) -> dict[str, Any]:
    """Detections in a plain form for JSON.

    Schema, version 1::

        {"schema": "mmrotate.detections", "version": 1,
         "units": "pixels; theta in radians, clockwise on the screen",
         "classes": ["car", ...],
         "images": [{"image": "a.jpg", "detections": [
             {"label": "car", "label_id": 0, "score": 0.9,
              "rbox": [cx, cy, w, h, theta],
              "polygon": [[x1, y1], [x2, y2], [x3, y3], [x4, y4]]}]}]}

    Args:
        images: Name of each image.
        results: Per image a list over classes of arrays (n, 6): x, y, w, h, theta, score.
        classes: Names of the classes.
        score_thr: Detections with lower scores are left out; the others stand by falling score. Those that are not
            finite are left out with a warning: JSON has no such numbers.
    """
    results = finite_results(results)
    if len(images) != len(results):
        raise ArgumentError(f'{len(images)} images, but {len(results)} results')
    entries = (image_entry(image, one, classes, score_thr) for image, one in zip(images, results, strict=True))
    return {**_head(classes), 'images': list(entries)}


def _head(classes: Sequence[str]) -> dict[str, Any]:
    return {
        'schema': 'mmrotate.detections',
        'version': 1,
        'units': 'pixels; theta in radians, clockwise on the screen',
        'classes': list(classes),
    }


def image_entry(
    image: str | Path, result: Sequence[np.ndarray], classes: Sequence[str], score_thr: float
) -> dict[str, Any]:
    """What ``images`` of the schema holds for one image."""
    return {'image': str(image), 'detections': _detections(result, classes, score_thr)}


def torchserve_detections(
    result: Sequence[np.ndarray], classes: Sequence[str], score_thr: float
) -> list[dict[str, Any]]:
    """Detections of an image in the form of the TorchServe handler of MMRotate 0.3, class by class.

    Each has ``class_name``, ``bbox`` (cx, cy, w, h in pixels, theta in radians) and ``score``. Those with lower scores
    than ``score_thr``, or that are not finite, are left out.
    """
    (result,) = finite_results([result])
    return [
        {'class_name': name, 'bbox': [float(value) for value in box[:5]], 'score': float(box[5])}
        for name, boxes in zip(classes, result, strict=True)
        for box in boxes
        if box[5] >= score_thr
    ]


def write_results_json(
    path: str | Path, images: Images, results: Results, classes: Sequence[str], score_thr: float = 0.0
) -> None:
    """Write what :func:`results_to_dict` gives for the other arguments into a file; its folder is made."""
    write_json(path, results_to_dict(images, results, classes, score_thr))


def write_entries_json(path: str | Path, entries: Iterable[dict[str, Any]], classes: Sequence[str]) -> None:
    """Write the file of :func:`write_results_json` from entries of images that come one by one."""
    before, after = json.dumps({**_head(classes), 'images': ['?']}, indent=1).split('"?"')
    with replacing(Path(path)) as temporary, temporary.open('w', encoding='utf-8') as out:
        out.write(before)
        for i, entry in enumerate(entries):
            out.write(',\n  ' * (i > 0) + dump_json(path, entry).replace('\n', '\n  '))
        out.write(after)


def _detections(result: Sequence[np.ndarray], classes: Sequence[str], score_thr: float) -> list[dict[str, Any]]:
    if len(result) != len(classes):
        raise ArgumentError(f'a result over {len(result)} classes, but {len(classes)} class names')
    found = [
        {
            'label': classes[label],
            'label_id': label,
            'score': round(float(box[5]), 6),
            'rbox': [round(float(value), 5) for value in box[:5]],
            'polygon': [[round(float(v), 3) for v in corner] for corner in corners],
        }
        for label, boxes in enumerate(boxes[boxes[:, 5] >= score_thr] for boxes in result)
        for box, corners in zip(boxes, rbox_corners(boxes[:, :5]), strict=True)
    ]
    return sorted(found, key=lambda one: -one['score'])
