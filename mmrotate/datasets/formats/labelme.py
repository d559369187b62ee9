"""LabelMe and X-AnyLabeling: a JSON file an image, beside it.

::

    {"version": "5.4.1", "flags": {}, "imagePath": "a.jpg", "imageData": null, "imageHeight": 512, "imageWidth": 640,
     "shapes": [{"label": "car", "shape_type": "polygon", "points": [[10, 20], [60, 20], [60, 40], [10, 40]],
                 "group_id": null, "description": "", "flags": {}}]}

LabelMe draws ``polygon``, ``oriented_rectangle`` (four points) and ``rectangle`` (two of its corners). Besides,
X-AnyLabeling has ``rotation``: the four corners of a turned box, with its angle ``direction`` in radians, which is not
read; and ``difficult`` (true or false) and ``score`` (null, or that of the detector that drew it). Polygons of other
than four points are read as the smallest turned box around them. Other shapes (points, lines, masks) are errors.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from .documents import json_text, numbers, parse_json, polygon, told_by
from .frame import PerImage
from .record import ClassNames, Entry, EntryError, Picture, Record
from .shapes import Shape, box, corners, is_rectangle
from .voc import from_upright

_POLYGONS = ('polygon', 'rotation', 'oriented_rectangle')


def read_labelme(content: bytes, names: ClassNames, picture: Picture) -> Iterator[Entry]:
    """Objects of a file; see :data:`mmrotate.datasets.formats.record.Reader`."""
    del names, picture
    data = parse_json(content)
    shapes = data.get('shapes') if isinstance(data, dict) else None
    if not isinstance(shapes, list):
        found = sorted(data)[:10] if isinstance(data, dict) else type(data).__name__
        raise ValueError(f'this is no file of LabelMe or X-AnyLabeling: a list "shapes" is needed, got {found}')
    for number, shape in enumerate(shapes, start=1):
        place = f'shape {number}'
        if not isinstance(shape, dict) or not isinstance(shape.get('label'), str):
            raise EntryError(place, f'a shape with a label is needed, got {str(shape)[:80]}')
        values = _values(place, shape.get('shape_type'), shape.get('points'))
        yield Entry(place, values, shape['label'], shape.get('difficult') or 0, shape.get('score'))


def _values(place: str, kind: Any, points: Any) -> Shape:
    """The corners of a shape."""
    if kind not in ('rectangle', *_POLYGONS):
        raise EntryError(
            place, f'the shape_type {kind!r} is no box; those read: {", ".join(("rectangle", *_POLYGONS))}'
        )
    values = flat(place, points)
    if kind == 'rectangle' and len(values) == 4:
        x1, y1, x2, y2 = values
        return [float(v) for v in from_upright([min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)])]
    return polygon(place, values)


def flat(place: str, points: Any) -> Sequence[float]:
    """The numbers of a list of points [x, y], one after the other; an EntryError if it is none."""
    if not isinstance(points, list) or any(not isinstance(point, list) or len(point) != 2 for point in points):
        raise EntryError(place, f'points [[x, y], ...] are needed, got {str(points)[:80]}')
    return numbers(place, [value for point in points for value in point])


def write_labelme(record: Record, classes: Sequence[str]) -> str:
    """The file of a record of LabelMe: a polygon for each object."""
    del classes
    return _written(record, [_shape(entry, 'polygon') for entry in record.entries])


def write_xanylabeling(record: Record, classes: Sequence[str]) -> str:
    """The file of a record of X-AnyLabeling: rectangles that are turned, and polygons for other objects."""
    del classes
    shapes = []
    for entry in record.entries:
        own: dict[str, Any] = dict(difficult=int(entry.difficulty) > 0, score=entry.score, attributes={})
        if is_rectangle(entry.shape):
            shapes.append(dict(_shape(entry, 'rotation'), direction=box(entry.shape)[4] % (2 * math.pi), **own))
        else:
            shapes.append(dict(_shape(entry, 'polygon'), **own))
    return _written(record, shapes)


def _shape(entry: Entry, kind: str) -> dict[str, Any]:
    values = [round(value, 6) for value in corners(entry.shape)]
    points = [list(point) for point in zip(values[::2], values[1::2], strict=True)]
    return dict(label=entry.name, shape_type=kind, points=points, group_id=None, description='', flags={})


def _written(record: Record, shapes: Sequence[dict[str, Any]]) -> str:
    width, height = record.size or (None, None)
    content: dict[str, Any] = dict(
        version='5.4.1', flags={}, shapes=shapes, imagePath=PurePath(record.image).name, imageData=None
    )
    return json_text(dict(content, imageHeight=height, imageWidth=width))


_MARKS = (b'"shapes"', b'"shape_type"')
_OWN_MARKS = (b'"difficult"', b'"rotation"')
_suits_either = told_by('shapes as of X-AnyLabeling', *_MARKS)


def _suits_xanylabeling(content: bytes) -> str | None:
    return _suits_either(content) if any(mark in content for mark in _OWN_MARKS) else None


LABELME = PerImage(
    name='labelme',
    summary='LabelMe, a JSON file an image: polygon, oriented_rectangle, rectangle',
    suffix='.json',
    suits=told_by('shapes as of LabelMe', *_MARKS, without=_OWN_MARKS),
    holds=frozenset(('turned', 'corners', 'class', 'empty')),
    labels='{split}/images',
    needs_size=True,
    parse=read_labelme,
    dump=write_labelme,
)
X_ANYLABELING = replace(
    LABELME,
    name='x-anylabeling',
    summary='X-AnyLabeling, a JSON file an image: rotation, polygon, rectangle',
    suits=_suits_xanylabeling,
    holds=frozenset(('turned', 'corners', 'difficulty', 'score', 'class', 'empty')),
    dump=write_xanylabeling,
)
