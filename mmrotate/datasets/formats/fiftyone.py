"""FiftyOne: ``labels.json`` of its type FiftyOneImageDetectionDataset, beside the folder ``data`` with the images.

::

    {"classes": ["car", "ship"],
     "labels": {"a": [{"label": "car", "bounding_box": [0.1, 0.2, 0.3, 0.2], "confidence": 0.9,
                       "attributes": {"rotation": 0.5}}]}}

The key is the name of the image without its ending. ``label`` is a name or an index into ``classes``; the box is left,
top, width and height as fractions of the image. ``rotation`` is that of FiftyOne's detections: radians, clockwise as
shown, about the centre, in pixels (its pull request 8448, of 2026); that this type of dataset carries it among the
attributes follows from FiftyOne's documentation and was not tried.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ..image_folder import IMAGE_SUFFIXES, image_size
from .documents import json_text, numbers, parse_json, told_by
from .frame import PerSet, walk
from .record import Entry, EntryError, Record
from .shapes import Shape, box


def parse_fiftyone(path: Path, images: Path | None) -> Iterator[Record]:
    """The images of a file and their objects; the images must be there, for their sizes."""
    data = parse_json(path.read_bytes())
    classes, labels = (data.get('classes'), data.get('labels')) if isinstance(data, dict) else (None, None)
    if not isinstance(labels, dict):
        found = sorted(data)[:10] if isinstance(data, dict) else type(data).__name__
        raise ValueError(
            'this is no labels.json of FiftyOne (export the type FiftyOneImageDetectionDataset): an object "labels" is '
            f'needed, got {found}'
        )
    names = {str(PurePath(name).with_suffix('')): name for name in walk(images, IMAGE_SUFFIXES)} if images else {}
    for key, objects in labels.items():
        place = f'image {key!r}'
        if images is None or not (name := names.get(key, key if key in names.values() else '')):
            raise EntryError(place, f'the size of the image is needed, and there is none in {images}')
        size = image_size(images / name)
        if not isinstance(objects or [], list):
            raise EntryError(place, f'a list of objects is needed, got {str(objects)[:80]}')
        entries = [_entry(f'{place}, object {i}', item, classes, size) for i, item in enumerate(objects or [], start=1)]
        yield Record(name, entries, size)


def _entry(place: str, item: Any, classes: Any, size: tuple[int, int]) -> Entry:
    given = item.get('bounding_box') if isinstance(item, dict) else None
    if not isinstance(given, list) or len(given) != 4:
        raise EntryError(place, f'a bounding_box of four fractions is needed, got {str(item)[:80]}')
    attributes = item.get('attributes')
    rotation = (attributes.get('rotation') if isinstance(attributes, dict) else None) or item.get('rotation') or 0
    *fractions, angle = numbers(place, [*given, rotation])
    left, top, w, h = np.array(fractions) * (*size, *size)
    shape = left + w / 2, top + h / 2, w, h, angle
    return Entry(place, shape, _name(place, item.get('label'), classes), score=item.get('confidence'))


def _name(place: str, label: Any, classes: Any) -> str:
    if isinstance(label, int) and isinstance(classes, list) and 0 <= label < len(classes):
        label = classes[label]
    if not isinstance(label, str):
        raise EntryError(place, f'a label is needed, a name or an index into classes, got {label!r}')
    return label


def dump_fiftyone(records: Iterable[Record], classes: Sequence[str]) -> Iterator[str]:
    """The pieces of a file of records."""
    yield f'{{"classes": {json_text(list(classes))},\n"labels": {{'
    before = '\n'
    for record in records:
        key = PurePath(record.image).with_suffix('').as_posix()
        yield f'{before}{json_text(key).strip()}: {json_text([_written(entry, record) for entry in record.entries])}'
        before = ',\n'
    yield '}}\n'


def _written(entry: Entry, record: Record) -> dict[str, Any]:
    width, height = record.size or (0, 0)
    values = _fractions(entry.shape, width, height)
    score = {} if entry.score is None else dict(confidence=entry.score)
    return dict(label=entry.name, bounding_box=values[:4], attributes=dict(rotation=values[4]), **score)


def _fractions(shape: Shape, width: int, height: int) -> list[float]:
    x, y, w, h, angle = box(shape)
    return [(x - w / 2) / width, (y - h / 2) / height, w / width, h / height, angle % (2 * math.pi)]


def _stems(content: bytes) -> list[str]:
    return [
        key.decode('utf-8', 'replace').rpartition('/')[2]
        for key in re.findall(rb'"([^"]+)":\s*(?:\[\s*[{\]]|null)', content)
    ]


FIFTYONE = PerSet(
    name='fiftyone',
    summary='FiftyOne, labels.json of FiftyOneImageDetectionDataset: bounding_box, rotation',
    suffix='.json',
    suits=told_by('labels as of FiftyOne', b'"classes"', b'"labels"', without=(b'"shapes"', b'"images"')),
    holds=frozenset(('turned', 'score', 'class', 'empty')),
    images='{split}/data',
    labels='{split}/labels.json',
    needs_size=True,
    parse=parse_fiftyone,
    dump=dump_fiftyone,
    stems=_stems,
)
