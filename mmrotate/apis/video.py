"""Detections frame by frame, and files of them as JSON lines."""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from mmrotate.apis.inference import Preparation, Result
from mmrotate.apis.results import image_entry
from mmrotate.core.evaluation import finite_results
from mmrotate.core.video import Frame, Video
from mmrotate.datasets import collate
from mmrotate.engine.shortage import naming_shortages
from mmrotate.engine.testing import detect
from mmrotate.utils import UserError
from mmrotate.utils.prefetch import newest, prefetched

SCHEMA = 'mmrotate.video'


class Seen(NamedTuple):
    """A frame and what was found in it: a list over classes of arrays (n, 6)."""

    frame: Frame
    result: Result


def detect_video(model: Any, video: Video, batch_size: int = 1, known: Sequence[Result] = ()) -> Iterator[Seen]:
    """Results of the frames of a video, in their order; frames are read and prepared while the detector works.

    Of a live source the frames that come while the detector works are left out, but for the newest.

    Args:
        model: A detector of :func:`mmrotate.apis.init_detector`.
        video: The frames.
        batch_size: Frames that go through the detector at once; one of a live source.
        known: Results of the first frames, which are taken as they are.

    Raises:
        UserError: The source breaks.
    """
    prepare = Preparation.of(model)
    model.eval()
    size = 1 if video.live else batch_size
    frames: Iterator[Frame] = newest(video) if video.live else iter(video)
    ready = ((frame, None if i < len(known) else prepare(frame.image)) for i, frame in enumerate(frames))
    made: Iterable[tuple[Frame, Any]] = ready if video.live else prefetched(ready, 2 * size)
    with naming_shortages():
        for number, batch in enumerate(_batches(made, size)):
            first = number * size
            results = list(known[first : first + len(batch)])
            if todo := [sample for _, sample in batch if sample is not None]:
                with torch.no_grad():
                    results += detect(model, collate(todo))
            yield from map(Seen, (frame for frame, _ in batch), results)


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


class VideoLog:
    """A file of JSON lines: a head that says what the numbers mean, and a line a frame, written as they come.

    It is written under the name ``FILE.part``, which is what a run that broke off leaves, and renamed at the end.

    Args:
        path: The file.
        video: The source.
        classes: Names of the classes.
        score_thr: Detections with lower scores are left out.
    """

    def __init__(self, path: Path, video: Video, classes: Sequence[str], score_thr: float) -> None:
        self._path, self._part = path, path.with_name(f'{path.name}.part')
        self._classes, self._score_thr = classes, score_thr
        self._head = {
            'schema': SCHEMA,
            'version': 1,
            'units': 'pixels; theta in radians, clockwise on the screen; seconds from the begin of the video',
            'source': video.source,
            'width': video.width,
            'height': video.height,
            'fps': video.fps,
            'classes': list(classes),
            'score_thr': score_thr,
        }

    def known(self) -> list[dict[str, Any]]:
        """Lines of the frames that a run before noted, without one that is not whole.

        Raises:
            UserError: They are of another video, other classes or another threshold.
        """
        try:
            lines = self._part.read_text(encoding='utf-8').split('\n')[:-1]
        except FileNotFoundError:
            return []
        head, *entries = [json.loads(line) for line in lines] or [self._head]
        if differing := [key for key, value in self._head.items() if head.get(key) != value]:
            key = differing[0]
            raise UserError(
                f'{self._part} is of another run ({key}: {head.get(key)!r}, now {self._head[key]!r}): remove it'
            )
        return entries

    def begin(self, known: Sequence[dict[str, Any]] = ()) -> None:
        """Write the head and what is known."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._part.open('w', encoding='utf-8')
        for entry in (self._head, *known):
            self._write(entry)

    def add(self, frame: Frame, detections: Sequence[dict[str, Any]]) -> None:
        """Note what was found in a frame, see :meth:`entries`."""
        self._write({'frame': frame.number, 'seconds': round(frame.seconds, 6), 'detections': detections})

    def entries(self, result: Result) -> list[dict[str, Any]]:
        """The detections of a result in the form of the file."""
        (result,) = finite_results([result])
        return image_entry('', result, self._classes, self._score_thr)['detections']

    def end(self) -> None:
        """Give the file its name."""
        self._file.close()
        self._part.replace(self._path)

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry) + '\n')
        self._file.flush()


def results_of(entries: Sequence[dict[str, Any]], num_classes: int) -> list[Result]:
    """Results of frames from the lines of a :class:`VideoLog`."""
    results = []
    for entry in entries:
        rows: list[list[list[float]]] = [[] for _ in range(num_classes)]
        for one in entry['detections']:
            rows[one['label_id']].append([*one['rbox'], one['score']])
        results.append([np.array(boxes, np.float32).reshape(-1, 6) for boxes in rows])
    return results
