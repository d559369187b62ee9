"""Results and annotations in COCO's format, as rotated boxes."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmrotate.core.evaluation import finite_results

from .results import Judged, ResultsError, read_json

TYPES = ('bbox', 'segm')


def judged_coco(results: str | Path, annotations: str | Path, kind: str | None = None) -> Judged:
    """Detections of a result file of COCO beside an annotation file.

    Args:
        results: JSON: a list of dicts of image_id, category_id, score, and ``bbox`` (x, y, w, h of the upper left
            corner and the size) or ``segmentation`` (polygons).
        annotations: JSON: a dict of images, categories and annotations; those with ``iscrowd`` are to be ignored.
        kind: 'bbox': upright boxes; 'segm': the smallest rotated boxes around the polygons; None: 'segm' if the
            results have polygons, else 'bbox'.

    Raises:
        ResultsError: A file is not as it should be, or the two are of other images or categories.
    """
    found, truth = read_json(results), read_json(annotations)
    try:
        names = {image['id']: str(image['file_name']) for image in truth['images']}
        classes = {category['id']: str(category['name']) for category in truth['categories']}
        objects = truth['annotations']
    except (KeyError, TypeError) as error:
        raise ResultsError(f'{annotations} is no annotation file of COCO: {type(error).__name__}: {error}') from error
    if not isinstance(found, list):
        raise ResultsError(f'{results} is no result file of COCO: a list was expected')
    polygons = bool(found) and isinstance(found[0], dict) and 'segmentation' in found[0]
    kind = kind or ('segm' if polygons else 'bbox')
    reader = _Reader(kind, {key: i for i, key in enumerate(names)}, {key: i for i, key in enumerate(classes)})
    dets = reader.rows(found, str(results), scored=True)
    boxes = reader.rows(objects, str(annotations), scored=False)
    per_image = [[_rows(dets, image, label, 6) for label in range(len(classes))] for image in range(len(names))]
    truths = [_annotation(boxes, image) for image in range(len(names))]
    return Judged(list(names.values()), list(classes.values()), finite_results(per_image), truths)


class _Reader:
    def __init__(self, kind: str, images: dict[Any, int], labels: dict[Any, int]) -> None:
        self.kind, self.images, self.labels = kind, images, labels

    def rows(self, entries: list[dict[str, Any]], path: str, scored: bool) -> np.ndarray:
        """(n, 8): image, label, x, y, w, h, theta, and the score, or whether the object is to be ignored."""
        rows = []
        for number, entry in enumerate(entries):
            try:
                place = self.images[entry['image_id']], self.labels[entry['category_id']]
                last = entry['score'] if scored else bool(entry.get('iscrowd'))
                rows.append([*place, *self._box(entry), last])
            except (KeyError, TypeError, ValueError, cv2.error) as error:
                reason = f'no {error} that the annotations know' if isinstance(error, KeyError) else error
                raise ResultsError(f'{path}, entry {number}: {reason}') from error
        return np.array(rows, np.float64).reshape(-1, 8)

    def _box(self, entry: dict[str, Any]) -> list[float]:
        if self.kind == 'bbox':
            x, y, w, h = entry['bbox']
            return [x + w / 2, y + h / 2, w, h, 0.0]
        if not isinstance(entry['segmentation'], list):
            raise ValueError('segmentation must be polygons, lists of numbers')
        points = np.concatenate([np.array(part, np.float32).reshape(-1, 2) for part in entry['segmentation']])
        (x, y), (w, h), degrees = cv2.minAreaRect(points)
        return [x, y, w, h, np.radians(degrees)]


def _rows(table: np.ndarray, image: int, label: int, width: int) -> np.ndarray:
    return table[(table[:, 0] == image) & (table[:, 1] == label), 2 : 2 + width].astype(np.float32)


def _annotation(table: np.ndarray, image: int) -> dict[str, np.ndarray]:
    own = table[table[:, 0] == image]
    ignored = own[:, 7] > 0
    parts = {'': own[~ignored], '_ignore': own[ignored]}
    boxes = {f'bboxes{name}': part[:, 2:7].astype(np.float32) for name, part in parts.items()}
    return boxes | {f'labels{name}': part[:, 1].astype(np.int64) for name, part in parts.items()}
