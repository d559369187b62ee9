"""What the formats in XML and JSON share: files to trees and back, and what is said of those that are none."""

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from typing import Any

from .frame import number_text
from .record import Entry, EntryError, LabelError, check_entry
from .shapes import quadrilateral

Element = ElementTree.Element

# what an XML file may be, by the elements that it has
_LAYOUTS = {
    'object/robndbox/cx': 'roLabelImg (annotation/object/robndbox/cx)',
    'object/robndbox/x_left_top': 'DIOR-R (annotation/object/robndbox/x_left_top)',
    'object/rotated_bndbox': 'SSDD (annotation/object/rotated_bndbox)',
    'object/polygon': 'DroneVehicle (annotation/object/polygon)',
    'object/bndbox': 'VOC (annotation/object/bndbox)',
    'objects/object/points': 'FAIR1M (annotation/objects/object/points)',
    'HRSC_Objects': 'HRSC2016 (HRSC_Image/HRSC_Objects)',
    'image/box': 'CVAT (annotations/image/box)',
}
_UNFIT_FOR_XML = re.compile('[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')


def parse_xml(content: bytes) -> Element:
    """The root of an XML file; a ValueError if it is none."""
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, LookupError, ValueError, RecursionError) as error:  # LookupError: no such encoding
        raise ValueError(f'this is no XML that can be read: {error}') from None


def parse_json(content: bytes) -> Any:
    """What a JSON file holds; a ValueError if it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'this is no JSON that can be read: {error}') from None


def layout(root: Element) -> str:
    """What an XML file looks like, for messages."""
    known = (f'the layout of {name}' for path, name in _LAYOUTS.items() if root.find(path) is not None)
    return next(known, f'the root {root.tag!r} with {sorted({item.tag for item in root})[:10]}')


def text(item: Element, path: str) -> str:
    """The text of an element below another, without the blanks around it; empty if there is none."""
    return (item.findtext(path) or '').strip()


def element(tag: str, *parts: Element | str | float, **attributes: str | float) -> Element:
    """An element with others in it, or with a text or a number."""
    item = ElementTree.Element(tag, {key: _written(value) for key, value in attributes.items()})
    for part in parts:
        if isinstance(part, ElementTree.Element):
            item.append(part)
        else:
            item.text = _written(part)
    return item


def xml_text(root: Element) -> str:
    """The content of an XML file."""
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def json_text(content: Any) -> str:
    """The content of a JSON file."""
    return json.dumps(content, ensure_ascii=False, indent=1) + '\n'


def numbers(place: str, values: Sequence[Any]) -> Sequence[float]:
    """Values of a file as numbers, to reckon with them; an EntryError names one that is none, or is too large."""
    return [float(value) for value in check_entry(Entry(place, values, '')).shape]


def polygon(place: str, values: Sequence[float]) -> Sequence[float]:
    """The corners of a polygon, see :func:`.shapes.quadrilateral`; an EntryError if it has too few points."""
    try:
        return quadrilateral(values)
    except ValueError as error:
        raise EntryError(place, str(error)) from None


def told_by(reason: str, *marks: bytes, without: Sequence[bytes] = ()) -> Callable[[bytes], str | None]:
    """A function for :attr:`.frame.Format.suits`: files with all of these marks, and with none of the others."""

    def suits(content: bytes) -> str | None:
        fits = all(mark in content for mark in marks) and not any(mark in content for mark in without)
        return reason if fits else None

    return suits


def _written(value: str | float) -> str:
    if not isinstance(value, str):
        return number_text(value)
    if unfit := _UNFIT_FOR_XML.search(value):
        raise LabelError(f'the character {unfit.group()!r} of {value!r} cannot stand in XML')
    return value
