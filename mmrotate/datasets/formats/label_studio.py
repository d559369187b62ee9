"""Label Studio: a JSON file with a task for each image, as its export 'JSON' gives.

::

    [{"id": 1, "data": {"image": "/data/upload/1/0a1b2c3d-a.jpg"},
      "annotations": [{"result": [{
        "type": "rectanglelabels", "from_name": "label", "to_name": "image", "image_rotation": 0,
        "original_width": 640, "original_height": 512,
        "value": {"x": 50, "y": 60, "width": 10, "height": 20, "rotation": 45, "rectanglelabels": ["car"]}}]}]}]

Places are in percent of the width and the height of the image. ``x``, ``y`` is the top left corner, about which the box
is turned, in degrees, clockwise, as Label Studio's documentation has it. ``polygonlabels`` have ``points`` instead;
those of other than four are read as the smallest turned box around them. Of a task without annotations the predictions
are read, with their scores. The image is found by the end of its address, without the eight digits of an upload.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from ..image_folder import IMAGE_SUFFIXES
from .documents import json_text, numbers, parse_json, polygon, told_by
from .frame import PerSet, named_stems
from .labelme import flat
from .record import Entry, EntryError, Record
from .shapes import Shape, box, corners, is_rectangle

_KEYS = ('x', 'y', 'width', 'height')
_RECTANGLE, _POLYGON = 'rectanglelabels', 'polygonlabels'
# of the whole image
_NO_SHAPES = ('choices', 'textarea', 'rating', 'number', 'datetime', 'taxonomy', 'relation', 'pairwise', 'ranker')
_UPLOADED = re.compile('[0-9a-f]{8}-(.+)')


def parse_label_studio(path: Path, images: Path | None) -> Iterator[Record]:
    """The images of a file and their objects."""
    tasks = parse_json(path.read_bytes())
    if not isinstance(tasks, list) or not all(isinstance(task, dict) and 'data' in task for task in tasks):
        raise ValueError('this is no export of Label Studio: a list of tasks with "data" and "annotations" is needed')
    for number, task in enumerate(tasks, start=1):
        place = f'task {number}'
        results = [result for result in _results(place, task) if not isinstance(result, dict) or _is_shape(result)]
        entries = [_entry(f'{place}, result {i}', result) for i, result in enumerate(results, start=1)]
        yield Record(_image(place, task['data'], images), entries, _size(place, results[0]) if results else None)


def _is_shape(result: dict) -> bool:
    return result.get('type') not in _NO_SHAPES


def _results(place: str, task: dict) -> list[Any]:
    """The objects of a task: of its one annotation, or of its predictions."""
    given = task.get('annotations') or task.get('predictions') or []
    if not isinstance(given, list) or not all(isinstance(part, dict) for part in given):
        raise EntryError(place, 'annotations must be a list of objects with "result"')
    finished = [part for part in given if not part.get('was_cancelled')]
    if len(finished) > 1:
        raise EntryError(place, f'{len(finished)} annotations of the same image; one is needed')
    results = finished[0].get('result') if finished else []
    if not isinstance(results, list):
        raise EntryError(place, f'result must be a list, got {str(results)[:80]}')
    return results


def _image(place: str, data: Any, images: Path | None) -> str:
    """The path of the image of a task in the folder of the images."""
    values = [data.get('image'), *data.values()] if isinstance(data, dict) else []
    addresses = [
        unquote(value.partition('?d=')[2] or urlsplit(value).path) for value in values if isinstance(value, str)
    ]
    found = [address for address in addresses if address.lower().endswith(IMAGE_SUFFIXES)]
    if not found:
        raise EntryError(place, f'no address of an image in data: {str(data)[:80]}')
    parts = [part for part in PurePosixPath(found[0]).parts if part not in ('/', '..')]
    tails = ['/'.join(parts[i:]) for i in range(len(parts))]
    uploaded = _UPLOADED.fullmatch(parts[-1])
    names = [*tails, *(uploaded.groups() if uploaded else ())]
    return next((name for name in names if images and (images / name).is_file()), names[-1])


def _size(place: str, result: Any) -> tuple[int, int]:
    sides = [result.get(key) for key in ('original_width', 'original_height')] if isinstance(result, dict) else [None]
    width, height = (*numbers(place, sides), 0, 0)[:2]
    if min(width, height) < 1:
        raise EntryError(place, f'the size of the image is needed, got original_width, original_height {sides}')
    return int(width), int(height)


def _entry(place: str, result: Any) -> Entry:
    size, kind = _size(place, result), result.get('type')
    value = result.get('value')
    if kind not in (_RECTANGLE, _POLYGON) or not isinstance(value, dict):
        raise EntryError(place, f'the type {kind!r} is no box; those read: {_RECTANGLE}, {_POLYGON}')
    if result.get('image_rotation'):
        raise EntryError(place, f'image_rotation {result["image_rotation"]!r}: turned images are not read')
    names = value.get(kind)
    if not isinstance(names, list) or len(names) != 1 or not isinstance(names[0], str):
        raise EntryError(place, f'one label is needed, got {names!r}')
    shape = _rectangle(place, value, size) if kind == _RECTANGLE else _polygon(place, value, size)
    return Entry(place, shape, names[0], score=result.get('score'))


def _rectangle(place: str, value: dict, size: tuple[int, int]) -> Shape:
    x, y, w, h, degrees = numbers(place, [*(value.get(key) for key in _KEYS), value.get('rotation') or 0])
    x, y, w, h = np.array([x, y, w, h]) * (*size, *size) / 100
    angle = math.radians(degrees)
    cos, sin = math.cos(angle) / 2, math.sin(angle) / 2
    return x + w * cos - h * sin, y + w * sin + h * cos, w, h, angle


def _polygon(place: str, value: dict, size: tuple[int, int]) -> Shape:
    points = np.reshape(flat(place, value.get('points')), (-1, 2)) * size / 100
    return polygon(place, points.ravel().tolist())


def dump_label_studio(records: Iterable[Record], classes: Sequence[str]) -> Iterator[str]:
    """The pieces of a file of records; those with scores become predictions."""
    del classes
    before = '['
    for number, record in enumerate(records, start=1):
        results = [dict(id=f'{number}-{i}', **_written(entry, record)) for i, entry in enumerate(record.entries)]
        scored = any(entry.score is not None for entry in record.entries)
        task = {'id': number, 'data': {'image': record.image}, 'annotations': [], 'predictions': []}
        task['predictions' if scored else 'annotations'] = [{'result': results}]
        yield before + json_text(task)
        before = ','
    yield ']\n' if before == ',' else '[]\n'


def _written(entry: Entry, record: Record) -> dict[str, Any]:
    width, height = record.size or (0, 0)
    scale = np.array([width, height, width, height]) / 100
    if is_rectangle(entry.shape):
        _, _, w, h, angle = box(entry.shape)
        values = (np.array([*corners(entry.shape)[:2], w, h]) / scale).tolist()
        kind, place = _RECTANGLE, dict(zip(_KEYS, values, strict=True), rotation=math.degrees(angle) % 360)
    else:
        points = np.reshape(corners(entry.shape), (4, 2)) / scale[:2]
        kind, place = _POLYGON, dict(points=points.tolist())
    score = {} if entry.score is None else dict(score=entry.score)
    common = dict(from_name='label', to_name='image', image_rotation=0, original_width=width, original_height=height)
    return dict(type=kind, value=dict(place, **{kind: [entry.name]}), **common, **score)


def _stems(content: bytes) -> list[str]:
    stems = named_stems(content)
    return [*stems, *(match[1] for stem in stems if (match := _UPLOADED.fullmatch(stem)))]


LABEL_STUDIO = PerSet(
    name='label-studio',
    summary='Label Studio, one JSON file of tasks: rectanglelabels with rotation, polygonlabels',
    suffix='.json',
    suits=told_by('tasks as of Label Studio', b'"data"', b'"original_width"', b'"result"'),
    holds=frozenset(('turned', 'corners', 'score', 'class', 'empty')),
    labels='{split}/label-studio.json',
    needs_size=True,
    parse=parse_label_studio,
    dump=dump_label_studio,
    stems=_stems,
)
