"""COCO's JSON: one file with ``images``, ``categories`` and ``annotations``.

The shape of an object is the first of these that it has: four corners as ``segmentation``; ``rbox`` (x, y, w, h,
angle: centre, sides, radians clockwise); a ``bbox`` of five numbers as Detectron2 has it (centre, sides, degrees
counterclockwise); another polygon as ``segmentation``, of which the smallest box around it is taken; an upright
``bbox`` (left, top, width, height). Objects with ``iscrowd`` or ``ignore`` have the difficulty 1. What is written has
corners as ``segmentation``, the upright ``bbox`` around them, ``area``, and where there are some ``difficulty``,
``score`` and ``heading``, which COCO does not know and its tools leave aside.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from .documents import numbers, parse_json, polygon
from .frame import PerSet
from .record import Entry, EntryError, Record, naming_file
from .shapes import area, corners, upright


def parse_coco(path: Path, images: Path | None = None) -> Iterator[Record]:
    """The records of a file, in its order of the images; see :class:`mmrotate.datasets.formats.frame.PerSet`."""
    del images
    data = parse_json(path.read_bytes())
    lists = data if isinstance(data, dict) else {}
    missing = [key for key in ('images', 'categories', 'annotations') if not isinstance(lists.get(key), list)]
    if missing:
        raise ValueError(f'this is no annotation file of COCO: it has no list {missing[0]!r}')
    classes = {
        _own_id(category, f'category {i}'): category.get('name') for i, category in enumerate(data['categories'])
    }
    objects: dict[Any, list[Entry]] = {_own_id(image, f'image {i}'): [] for i, image in enumerate(data['images'])}
    for number, annotation in enumerate(data['annotations']):
        place = f'annotation {number}'
        if (image := _id(annotation, 'image_id')) not in objects:
            raise EntryError(place, f'no image has the image_id {image!r}')
        objects[image].append(_entry(annotation, place, classes))
    for number, image in enumerate(data['images']):
        size = (image.get('width'), image.get('height'))
        known = all(isinstance(side, int) and side > 0 for side in size)
        name = text_at(image, 'file_name', f'image {number}')
        yield Record(name, objects[image['id']], size if known else None)


def coco_classes(path: str | Path) -> tuple[str, ...]:
    """The names of the categories of a file, in its order; a LabelError if it is none of COCO."""
    with naming_file(path):
        data = parse_json(Path(path).read_bytes())
        categories = data.get('categories') if isinstance(data, dict) else None
        if not isinstance(categories, list) or not all(isinstance(category, dict) for category in categories):
            raise ValueError("this is no annotation file of COCO: it has no list 'categories'")
        return tuple(text_at(category, 'name', f'category {i}') for i, category in enumerate(categories))


def text_at(item: Mapping[str, Any], key: str, place: str) -> str:
    """A text in a dict of JSON; an EntryError if it is something else."""
    if not isinstance(value := item.get(key), str) or not value:
        raise EntryError(place, f'a text {key!r} is needed, got {value!r}')
    return value


def _id(item: Any, key: str) -> int | str | None:
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, int | str) else None


def _own_id(item: Any, place: str) -> int | str:
    if (found := _id(item, 'id')) is None:
        raise EntryError(place, f'an id is needed, got {str(item)[:60]}')
    return found


def _entry(annotation: Mapping[str, Any], place: str, classes: Mapping[Any, Any]) -> Entry:
    if not isinstance(name := classes.get(_id(annotation, 'category_id')), str):
        raise EntryError(place, f'no category has the category_id {annotation.get("category_id")!r} and a name')
    ignored = int(bool(annotation.get('iscrowd') or annotation.get('ignore')))
    optional = annotation.get('difficulty', ignored), annotation.get('score'), annotation.get('heading')
    return Entry(place, _shape(annotation, place), name, *optional)


def _shape(annotation: Mapping[str, Any], place: str) -> Sequence[Any]:
    """The shape of an object, see the module."""
    segmentation, bbox, rbox = annotation.get('segmentation'), annotation.get('bbox'), annotation.get('rbox')
    polygons = segmentation if isinstance(segmentation, list) else []
    if len(polygons) == 1 and _has(polygons[0], 8):
        return list(polygons[0])
    if _has(rbox, 5):
        return list(rbox)
    if _has(bbox, 5):
        *sides, degrees = numbers(place, bbox)
        return [*sides, -math.radians(degrees)]
    if polygons and all(isinstance(part, list) for part in polygons):
        return polygon(place, numbers(place, [value for part in polygons for value in part]))
    if _has(bbox, 4):
        x, y, w, h = numbers(place, bbox)
        return [x + w / 2, y + h / 2, w, h, 0.0]
    raise EntryError(place, f'a segmentation by polygons, rbox or bbox is needed, got {str(dict(annotation))[:80]}')


def _has(values: Any, count: int) -> TypeGuard[list[Any]]:
    return isinstance(values, list) and len(values) == count


def dump_coco(records: Iterable[Record], classes: Sequence[str]) -> Iterator[str]:
    """The text of a file, in pieces; a line for each image and each object."""
    numbers = {name: number for number, name in enumerate(classes, 1)}
    yield '{"images": ['
    images = ({'id': i, **_image(record)} for i, record in enumerate(records, 1))
    yield from _joined(images)
    yield '\n],\n"annotations": ['
    yield from _joined(_annotations(records, numbers))
    categories = [{'id': number, 'name': name, 'supercategory': ''} for name, number in numbers.items()]
    yield f'\n],\n"categories": {json.dumps(categories)}}}\n'


def _image(record: Record) -> dict[str, Any]:
    size = {} if record.size is None else {'width': record.size[0], 'height': record.size[1]}
    return {'file_name': record.image, **size}


def _annotations(records: Iterable[Record], numbers: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    count = 0
    for image, record in enumerate(records, 1):
        for entry in record.entries:
            count += 1
            left, top, right, bottom = upright(entry.shape)
            found = {'difficulty': entry.difficulty or None, 'score': entry.score, 'heading': entry.heading}
            yield {
                'id': count, 'image_id': image, 'category_id': numbers[entry.name],
                'segmentation': [_rounded(corners(entry.shape))],
                'bbox': _rounded([left, top, right - left, bottom - top]),
                'area': round(area(entry.shape), 3), 'iscrowd': 0,
                **{key: value for key, value in found.items() if value is not None},
            }  # fmt: skip


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(value, 6) for value in values]


def _joined(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for number, item in enumerate(items):
        yield f'{"," if number else ""}\n{json.dumps(item, ensure_ascii=False)}'


def _suits(content: bytes) -> str | None:
    """Why a file is one of COCO."""
    found = [
        key for key in ('images', 'annotations', 'categories', 'info', 'licenses') if f'"{key}"'.encode() in content
    ]
    if content.lstrip()[:1] == b'{' and len(found) > 1 - (b'"file_name"' in content):
        return f'JSON with {" and ".join(found)}'
    return None


COCO = PerSet(
    name='coco',
    summary="COCO's JSON: corners as segmentation, the upright box around them as bbox",
    suffix='.json',
    suits=_suits,
    holds=frozenset(('turned', 'corners', 'difficulty', 'score', 'heading', 'empty', 'size')),
    images='{split}',
    labels='annotations/{split}.json',
    parse=parse_coco,
    dump=dump_coco,
)
