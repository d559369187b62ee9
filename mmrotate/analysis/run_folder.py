"""What a training leaves for its report: facts, labels, samples, and its best evaluation."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.core.evaluation import all_objects
from mmrotate.utils import UserError
from mmrotate.utils.files import replacing, write_json

from .logs import find_log
from .results import Judged


class RunFolder:
    """Files of a report in the folder of a training: what is drawn in ``report/``, from what is in ``report/data/``.

    Raises:
        UserError: There is no such folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise UserError(f'there is no folder {path} of a training')
        self.page = self.path / 'report.html'
        self.report = self.path / 'report'
        data = self.report / 'data'
        self.facts_file, self.labels, self.samples = data / 'run.json', data / 'labels.npz', data / 'samples.jpg'
        self.evaluation, self.images = data / 'evaluation.npz', data / 'images'

    @property
    def facts(self) -> dict[str, Any]:
        """Plain facts about the training; empty where it wrote none."""
        return json.loads(self.facts_file.read_text(encoding='utf-8')) if self.facts_file.is_file() else {}

    def note(self, **facts: Any) -> None:
        """Add facts."""
        write_json(self.facts_file, {**self.facts, **facts})

    def logs(self) -> list[Path]:
        """The logs of the training, the earliest first; a UserError if there are none."""
        noted = [self.path / name for name in self.facts.get('logs', [])]
        return [path for path in noted if path.is_file()] or [find_log(self.path)]

    def forget(self) -> None:
        """Remove what an earlier training left here."""
        pictures = self.images.glob('*.jpg') if self.images.is_dir() else ()
        for path in (self.facts_file, self.labels, self.samples, self.evaluation, *pictures):
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Snapshot:
    """An evaluation."""

    judged: Judged
    paths: list[str]  # of the images
    palette: list[tuple[int, int, int]]  # colour of each class, RGB
    epoch: int
    iteration: int
    metric: str  # score that was the best so far
    scores: dict[str, float]
    iou_thr: float  # from which on a detection is right
    use_07_metric: bool

    @property
    def score(self) -> float:
        """The best score."""
        return self.scores[self.metric]


_PLAIN = ('epoch', 'iteration', 'metric', 'scores', 'iou_thr', 'use_07_metric')


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write an evaluation as ``.npz``."""
    both = snapshot.judged
    found = [np.concatenate(result) for result in both.results]
    found_as = [np.repeat(np.arange(len(result)), [len(dets) for dets in result]) for result in both.results]
    truth = [all_objects(annotation) for annotation in both.annotations]
    arrays = {
        'plain': np.array(json.dumps({key: getattr(snapshot, key) for key in _PLAIN})),
        'classes': np.array(list(both.classes), str),
        'images': np.array(both.images, str),
        'paths': np.array(snapshot.paths, str),
        'palette': np.array(snapshot.palette, np.uint8),
        'dets': np.concatenate(found).astype(np.float32),
        'det_labels': np.concatenate(found_as).astype(np.int32),
        'det_counts': np.array([len(each) for each in found]),
        'boxes': np.concatenate([boxes for boxes, _, _ in truth]).astype(np.float32),
        'labels': np.concatenate([labels for _, labels, _ in truth]).astype(np.int32),
        'ignored': np.concatenate([ignored for _, _, ignored in truth]),
        'counts': np.array([len(boxes) for boxes, _, _ in truth]),
    }
    with replacing(path) as temporary, temporary.open('wb') as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load_snapshot(path: Path) -> Snapshot:
    """Read what :func:`save_snapshot` wrote."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    classes = arrays['classes'].tolist()
    dets, det_labels = (_split(arrays[key], arrays['det_counts']) for key in ('dets', 'det_labels'))
    truth = zip(*(_split(arrays[key], arrays['counts']) for key in ('boxes', 'labels', 'ignored')), strict=True)
    results = [
        [rows[labels == label] for label in range(len(classes))] for rows, labels in zip(dets, det_labels, strict=True)
    ]
    both = Judged(arrays['images'].tolist(), classes, results, [_annotation(*each) for each in truth])
    palette = [tuple(color) for color in arrays['palette'].tolist()]
    return Snapshot(both, arrays['paths'].tolist(), palette, **json.loads(str(arrays['plain'])))


def _split(rows: np.ndarray, counts: np.ndarray) -> Sequence[np.ndarray]:
    """Rows image by image."""
    return np.split(rows, np.cumsum(counts)[:-1])


def _annotation(boxes: np.ndarray, labels: np.ndarray, ignored: np.ndarray) -> dict[str, np.ndarray]:
    parts = {'': ~ignored, '_ignore': ignored}
    return {
        f'{key}{kind}': values[rows]
        for kind, rows in parts.items()
        for key, values in (('bboxes', boxes), ('labels', labels.astype(np.int64)))
    }
