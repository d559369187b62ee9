"""CVAT for images 1.1: an XML file for all images.

::

    <annotations> <version>1.1</version> <meta> ... </meta>
      <image id="0" name="a.jpg" width="640" height="512">
        <box label="car" source="manual" occluded="0" xtl="10" ytl="20" xbr="60" ybr="40" rotation="30" z_order="0">
          <attribute name="difficult">1</attribute>
        </box>
        <polygon label="car" points="10,20;60,22;58,40;9,38" ...></polygon>
      </image>
    </annotations>

The rotation is in degrees, clockwise, about the centre of the box, as CVAT's documentation has it; polygons of other
than four points are read as the smallest turned box around them. Tags of whole images are left aside; other shapes, and
the tracks of CVAT for video, are errors.
"""

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .documents import Element, element, layout, numbers, parse_xml, polygon, told_by
from .frame import PerSet, number_text
from .record import Entry, EntryError, Record
from .shapes import Shape, box, corners, is_rectangle

_SIDES = ('xtl', 'ytl', 'xbr', 'ybr')
_DIFFICULT = 'difficult'


def parse_cvat(path: Path, images: Path | None) -> Iterator[Record]:
    """The images of a file and their objects."""
    del images
    root = parse_xml(path.read_bytes())
    if root.tag != 'annotations' or root.find('track') is not None:
        hint = ' (the tracks of CVAT for video)' if root.find('track') is not None else ''
        raise ValueError(f'this is no file of CVAT for images: annotations/image is needed, got {layout(root)}{hint}')
    for item in root.findall('image'):
        name = item.get('name', '')
        shapes = [part for part in item if part.tag != 'tag']
        entries = [_entry(f'image {name!r}, shape {number}', part) for number, part in enumerate(shapes, start=1)]
        yield Record(name, entries, _size(f'image {name!r}', item))


def _size(place: str, item: Element) -> tuple[int, int]:
    width, height = numbers(place, [item.get('width', ''), item.get('height', '')])
    return int(width), int(height)


def _entry(place: str, part: Element) -> Entry:
    attributes = {attribute.get('name'): (attribute.text or '').strip() for attribute in part.findall('attribute')}
    return Entry(place, _shape(place, part), part.get('label', ''), attributes.get(_DIFFICULT) or 0)


def _shape(place: str, part: Element) -> Shape:
    if part.tag == 'polygon':
        points = [point.split(',') for point in part.get('points', '').split(';')]
        if any(len(point) != 2 for point in points):
            raise EntryError(place, f'points as "x,y;x,y;..." are needed, got {part.get("points")!r}')
        return polygon(place, numbers(place, [value for point in points for value in point]))
    if part.tag != 'box':
        raise EntryError(place, f'a {part.tag} is no box; those read: box, polygon')
    values = numbers(place, [*(part.get(side, '') for side in _SIDES), part.get('rotation', '0')])
    left, top, right, bottom, degrees = values
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top, math.radians(degrees)


def dump_cvat(records: Iterable[Record], classes: Sequence[str]) -> Iterator[str]:
    """The pieces of a file of records."""
    labels = element('labels', *(element('label', element('name', name)) for name in classes))
    yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
    yield f'<meta><task>{_written(labels)}</task></meta>\n'
    for number, record in enumerate(records):
        width, height = record.size or (0, 0)
        shapes = [_drawn(entry) for entry in record.entries]
        yield _written(element('image', *shapes, id=str(number), name=record.image, width=width, height=height)) + '\n'
    yield '</annotations>\n'


def _drawn(entry: Entry) -> Element:
    common = dict(label=entry.name, source='manual', occluded='0', z_order='0')
    parts = [element('attribute', str(entry.difficulty), name=_DIFFICULT)] if entry.difficulty else []
    if not is_rectangle(entry.shape):
        values = [number_text(value) for value in corners(entry.shape)]
        points = ';'.join(map(','.join, zip(values[::2], values[1::2], strict=True)))
        return element('polygon', *parts, points=points, **common)
    x, y, w, h, angle = box(entry.shape)
    sides = dict(zip(_SIDES, (x - w / 2, y - h / 2, x + w / 2, y + h / 2), strict=True))
    return element('box', *parts, rotation=math.degrees(angle) % 360, **sides, **common)


def _written(item: Element) -> str:
    ElementTree.indent(item)
    return ElementTree.tostring(item, encoding='unicode')


CVAT = PerSet(
    name='cvat',
    summary='CVAT for images 1.1, one XML file: box with rotation, polygon',
    suffix='.xml',
    suits=told_by('annotations/image as of CVAT', b'<annotations', b'<image '),
    holds=frozenset(('turned', 'corners', 'difficulty', 'class', 'empty')),
    labels='{split}/annotations.xml',
    needs_size=True,
    parse=parse_cvat,
    dump=dump_cvat,
)
