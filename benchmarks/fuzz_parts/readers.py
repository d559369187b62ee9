"""Damaged label files: each is read, or refused by an error that names it; no box of no size or place gets through.

Every row of :data:`mmrotate.datasets.formats.FORMATS` has its turn, with the file of ``tests/data/formats`` and one
that its own writer makes.
"""

import json
import logging
import random
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmrotate.datasets.formats import (
    FORMATS,
    AnyNames,
    ClassNames,
    Entry,
    Format,
    PerImage,
    Picture,
    Record,
    Split,
    check_record,
    gather,
    read_labels,
    read_many,
)
from mmrotate.datasets.formats.record import naming_file
from mmrotate.utils import UserError, get_root_logger

get_root_logger().setLevel(logging.ERROR)  # a warning of left out objects for every other case

NAME, COUNT = 'readers', 10_000 * len(FORMATS)
SAMPLES = Path(__file__).parents[2] / 'tests/data/formats'
CLASSES = ('Car', 'Other Ship', 'ship')
SIZE = (640, 512)
LONGEST_MESSAGE = 3000
WRITTEN = (
    Entry('', [35.5, 20.0, 50.0, 20.0, 0.3], 'Car', 1, 0.5, -1.2),
    Entry('', [387.88, 70.54, 412.94, 76.24, 401.39, 131.07, 374.33, 125.37], 'Other Ship'),
    Entry('', [10.0, 10.0, 60.0, 10.0, 60.0, 30.0, 10.0, 30.0], 'ship'),
)
# what stands in damaged files, and what a parser of numbers may take for one
HOSTILE = """nan inf -inf NaN Infinity 1e39 -1e39 3.5e38 1e400 1e20 0 -0 -5 1_000 0x10 ١٢ 99999999999999999999 1e30
9223372036854775808 True None , ; . - : " ' < > & &amp; &foo; <!-- --> <![CDATA[ ]]> </object> <object> annotation
robndbox bndbox polygon image base64 rot13 utf-16 gbk foo Car ship 船 {} [] {"a": ### ../../a /etc/a a.png"""
TOKENS = [*HOSTILE.split(), ' ', '\n', '\t', '\r', '\0', '\ufeff', '']
_WORD = re.compile(rb'[\w.+-]+|[^\w\s]')
# what may stand in JSON where something else is expected
VALUES = (
    None,
    True,
    -1,
    0,
    1.5,
    1e39,
    float('nan'),
    float('inf'),
    10**400,
    '',
    'Car',
    'a.png',
    '7',
    [],
    [[]],
    {},
    {'a': 1},
)


@cache
def valid(name: str) -> list[bytes]:
    """Files of a format without fault."""
    form, record = FORMATS[name], Record('a.png', WRITTEN, SIZE)
    written = form.dump(record, CLASSES) if isinstance(form, PerImage) else ''.join(form.dump([record], CLASSES))
    return [written.encode(), *(path.read_bytes() for path in SAMPLES.glob(f'{name}.*'))]


@cache
def image() -> bytes:
    """A file with an image of the size."""
    return cv2.imencode('.png', np.zeros(SIZE[::-1], np.uint8))[1].tobytes()


def damage(data: bytes, rng: random.Random) -> bytes:
    """The file after one or two changes of values, words, lines, or bytes."""
    for _ in range(rng.randint(1, 2)):
        data = rng.choice((_value, _value, _value, _value, _word, _word, _bytes, _lines, _cut))(data, rng)
    return data


def _word(data: bytes, rng: random.Random) -> bytes:
    """A number, a name or a sign gives way to something else."""
    word = _WORD.search(data, rng.randrange(len(data) + 1))
    if word is None:
        return data
    return data[: word.start()] + rng.choice(TOKENS).encode() + data[word.end() :]


def _value(data: bytes, rng: random.Random) -> bytes:
    """A value of JSON or an element of XML gives way to another, or goes; of another file a word."""
    try:
        return json.dumps(_changed(json.loads(data), rng)).encode()
    except (ValueError, RecursionError):
        pass
    try:
        return ElementTree.tostring(_changed_xml(ElementTree.fromstring(data), rng))
    except (ElementTree.ParseError, LookupError, ValueError):
        return _word(data, rng)


def _changed(content: Any, rng: random.Random) -> Any:
    places = list(_places(content))
    if not places:
        return rng.choice(VALUES)
    holder, key = rng.choice(places)
    if rng.random() < 0.2:
        del holder[key]
    else:
        holder[key] = rng.choice((*VALUES, *TOKENS))
    return content


def _changed_xml(root: ElementTree.Element, rng: random.Random) -> ElementTree.Element:
    """A text, an attribute or a tag is another one, or an element is gone or doubled."""
    holder = rng.choice([item for item in root.iter() if len(item)] or [root])
    item, kind = rng.choice(list(holder) or [root]), rng.randrange(6)
    if kind == 0 and item is not root:
        holder.remove(item)
    elif kind == 1 and item is not root:
        holder.append(item)
    elif kind == 2:
        item.tag = rng.choice([other.tag for other in root.iter()])
    elif item.attrib:
        item.set(rng.choice(list(item.attrib)), rng.choice(TOKENS))
    else:
        item.text = rng.choice(TOKENS)
    return root


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a value in JSON: what holds it, and its key or index."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield content, key
        yield from _places(value)


def _bytes(data: bytes, rng: random.Random) -> bytes:
    """Some bytes are others."""
    changed = bytearray(data or b' ')
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _lines(data: bytes, rng: random.Random) -> bytes:
    """Lines change places, are doubled or lost, or columns are set apart by something else."""
    if rng.random() < 0.3:
        return data.replace(b' ', rng.choice((b',', b', ', b';', b'\t', b'  ')))
    lines = data.splitlines(keepends=True)
    return b''.join(rng.choices(lines, k=len(lines)) if rng.random() < 0.5 else rng.sample(lines, len(lines)))


def _cut(data: bytes, rng: random.Random) -> bytes:
    """A piece is lost, or the file comes in another encoding, or nested without end."""
    kind = rng.random()
    if kind < 0.2:
        return data.decode('utf-8', 'replace').encode(rng.choice(('utf-16', 'utf-32', 'utf-8-sig', 'utf-16-le')))
    if kind < 0.25:
        return rng.choice((b'[', b'{"a":', b'<a>')) * 100_000
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.randint(0, 200) :]


def run_case(index: int, folder: Path) -> str:
    """Damage a valid file of the format whose turn it is, and read it under one of the angle versions."""
    rng = random.Random(index)
    form = list(FORMATS.values())[index % len(FORMATS)]
    label = folder / f'a{form.suffix}'
    label.write_bytes(damage(rng.choice(valid(form.name)), rng))
    (folder / 'a.png').write_bytes(image())
    closed = ClassNames({name: i for i, name in enumerate(CLASSES)}, ('text',))
    names = closed if rng.random() < 0.2 else AnyNames()
    try:
        return outcome(form, label, names, rng.choice(('oc', 'le90', 'le135')))
    except UserError as error:
        message = str(error)
        if len(message) > LONGEST_MESSAGE:
            return f'FAULT: a message of {len(message)} characters: {message[:200]}'
        return 'refused' if str(label) in message else f'FAULT: no file in the message: {message}'


def read_alone_and_at_once(form: PerImage, label: Path, names: ClassNames, version: str) -> None:
    """Whether a file that is read with many others, as datasets do, is read as it is alone.

    Raises:
        AssertionError: it is not.
        UserError: it cannot be read in both ways.
    """
    picture = Picture('a.png', label.parent, CLASSES)
    found = []
    for reads in (
        lambda: read_many({'a.png': label}, form.parse, names, version, label.parent, CLASSES)['a.png'],
        lambda: read_labels(label, form.parse, names, version, picture),
    ):
        try:
            found.append(reads())
        except UserError as error:
            found.append(error)
    many, alone = found
    if isinstance(many, UserError) and isinstance(alone, UserError):
        raise alone
    assert not isinstance(many, UserError) and not isinstance(alone, UserError), f'read in one way only: {found}'
    for key, values in alone.annotation(0).items():
        assert np.array_equal(values, many.annotation(0)[key]), f'{key} differ: {found}'
    assert (many.degenerate, many.others) == (alone.degenerate, alone.others), f'other things left out: {found}'


def outcome(form: Format, label: Path, names: ClassNames, version: str) -> str:
    """Whether the objects of a file are sound."""
    if isinstance(form, PerImage):
        read_alone_and_at_once(form, label, names, version)
    split = Split(label.parent if isinstance(form, PerImage) else label, label.parent)
    for record in form.read(split, CLASSES, names):
        with naming_file(label):
            labels = gather(record.entries, names, version)
            entries = check_record(record, names).entries
        numbers = [value for e in entries for value in (*e.shape, e.difficulty, e.score or 0, e.heading or 0)]
        if not all(np.isfinite(values).all() for values in (labels.bboxes, labels.polygons, numbers)):
            return f'FAULT: numbers that are not finite: {labels.bboxes.tolist()}, {entries}'
        if not (labels.bboxes[:, 2:4] > 0).all():
            return f'FAULT: sides that are not positive: {labels.bboxes.tolist()}'
    return 'value'
