"""Results of a detector beside the truth."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmrotate.core.evaluation import finite_results, match_image, of_class
from mmrotate.datasets.submission import Results, check_results
from mmrotate.utils import UserError, get_root_logger
from mmrotate.utils.files import near_files
from mmrotate.utils.pickles import load_arrays

_SCHEMA = 'mmrotate.detections'
_NEAR = 0.1  # an IoU that even a poor detector reaches somewhere


class ResultsError(UserError, ValueError):
    """Results that cannot be read, or are of other images or classes."""


@dataclass(frozen=True)
class Judged:
    """Detections and objects of the same images."""

    images: list[str]  # names
    classes: Sequence[str]
    results: Results  # per image a list over classes of arrays (n, 6): x, y, w, h, theta, score
    annotations: list[dict[str, np.ndarray]]  # as RotatedDataset.get_ann_info

    def __len__(self) -> int:
        return len(self.images)


def judged(dataset: Any, path: str | Path) -> Judged:
    """The results in ``path``, which ``tools/test.py --out`` wrote, beside the annotations of ``dataset``.

    Raises:
        ResultsError: They cannot be read, or are not of this dataset.
        UserError: The dataset has no annotations.
    """
    both = beside_truth(dataset, read_results(path, dataset))
    _warn_of_strangers(both, path)
    return both


def beside_truth(dataset: Any, results: Results) -> Judged:
    """Results, in the order of the images of ``dataset``, beside its annotations; a UserError if it has none."""
    for leaf in dataset.leaves:
        leaf.check_annotated()
    annotations = [dataset.get_ann_info(i) for i in range(len(dataset))]
    return Judged(image_names(dataset), dataset.CLASSES, finite_results(results), annotations)


def judging(dataset: Any, options: Mapping[str, Any]) -> tuple[float, bool]:
    """Lowest IoU of a right detection, and whether 11 points are taken (VOC 2007), as an evaluation by ``options`` has.

    ``options`` are those of ``dataset.evaluate``.
    """
    iou_thr = float(np.min(options.get('iou_thr') or dataset.leaves[0].IOU_THR))
    return iou_thr, bool(options.get('use_07_metric', True))


def at_least(both: Judged, score: float) -> Judged:
    """The same with the detections from a score on."""
    return replace(both, results=[[dets[dets[:, 5] >= score] for dets in result] for result in both.results])


def image_names(dataset: Any) -> list[str]:
    """Name of each image, as files of results have it."""
    return [dataset.image_name(i) for i in range(len(dataset))]


def read_results(path: str | Path, dataset: Any) -> Results:
    """Results in the order of the images of ``dataset``, from a .pkl or .json that ``tools/test.py --out`` wrote.

    Raises:
        ResultsError: They cannot be read, or are of other images or classes.
    """
    path = Path(path)
    if path.suffix == '.json':
        return _of_images(read_json_results(path), image_names(dataset), dataset.CLASSES, path)
    results = load_arrays(path)
    if not isinstance(results, list):
        raise ResultsError(f'{path} holds a {type(results).__name__}, no list of results: one for each image')
    results = [_boxes_only(result) for result in results]
    try:
        check_results(results, len(dataset), dataset.CLASSES)
    except (TypeError, ValueError) as error:
        raise ResultsError(f'{path} does not fit the dataset of the config: {error}') from error
    return [[np.asarray(dets, np.float32).reshape(-1, 6) for dets in per_class] for per_class in results]


def _boxes_only(result: Any) -> Any:
    """The boxes of a result that is a pair of boxes and masks."""
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], (list, tuple)):
        return result[0]
    return result


class NamedResults(NamedTuple):
    """Results with the names of their images."""

    classes: list[str]
    images: dict[str, list[np.ndarray]]  # per image a list over classes of arrays (n, 6)


def read_json_results(path: str | Path) -> NamedResults:
    """A JSON file of :func:`mmrotate.apis.write_results_json`.

    Raises:
        ResultsError: It is none.
    """
    content = read_json(path)
    try:
        if content['schema'] != _SCHEMA:
            raise ResultsError(f'{path} has the schema {content["schema"]!r}, no {_SCHEMA!r}')
        classes = content['classes']
        images = {entry['image']: _arrays(entry['detections'], len(classes)) for entry in content['images']}
    except (KeyError, TypeError, IndexError) as error:
        raise ResultsError(f'{path} holds no results of tools/test.py: {type(error).__name__}: {error}') from error
    return NamedResults(classes, images)


def read_json(path: str | Path) -> Any:
    """What a JSON file holds; a ResultsError if it is none."""
    path = Path(path)
    if not path.is_file():
        raise ResultsError(f'there is no file {path}{near_files(path)}')
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ResultsError(f'{path} is no JSON: {error}') from error


def _arrays(detections: list[dict[str, Any]], num_classes: int) -> list[np.ndarray]:
    rows: list[list[list[float]]] = [[] for _ in range(num_classes)]
    for found in detections:
        rows[found['label_id']].append([*found['rbox'], found['score']])
    return [np.array(each, np.float32).reshape(-1, 6) for each in rows]


def _of_images(found: NamedResults, names: Sequence[str], classes: Sequence[str], path: Path) -> Results:
    if list(found.classes) != list(classes):
        raise ResultsError(f'{path} is of the classes {found.classes}, the dataset of the config of {list(classes)}')
    missing = [name for name in names if name not in found.images]
    if missing:
        raise ResultsError(
            f'{path} has no results of {len(missing)} of the {len(names)} images, the first: {missing[0]}; it holds '
            f'{len(found.images)} images'
        )
    return [found.images[name] for name in names]


def _warn_of_strangers(both: Judged, path: str | Path) -> None:
    """Say so if the results look like those of other images: none of many lies at an object of its class."""
    count = 0
    for dets, annotation in zip(both.results, both.annotations, strict=True):
        for label, boxes in enumerate(dets):
            found = match_image(boxes, *of_class(annotation, label))
            if len(found.ignored):
                count += len(boxes)
                if (found.best >= _NEAR).any():
                    return
    if count:
        text = '%s: none of %d detections lies at an object of its class: are they of these images, in this order?'
        get_root_logger().warning(text, path, count)
