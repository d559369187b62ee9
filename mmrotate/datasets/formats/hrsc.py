"""HRSC2016: an XML file an image.

::

    <HRSC_Image> <Img_SizeWidth>1166</Img_SizeWidth> <Img_SizeHeight>753</Img_SizeHeight>
      <HRSC_Objects> <HRSC_Object>
        <Class_ID>100000005</Class_ID> <difficult>0</difficult>
        <mbox_cx>300.5</mbox_cx> <mbox_cy>200.25</mbox_cy> <mbox_w>220</mbox_w> <mbox_h>40</mbox_h>
        <mbox_ang>-0.6</mbox_ang> <header_x>210</header_x> <header_y>260</header_y>
      </HRSC_Object> </HRSC_Objects>
    </HRSC_Image>

The angle is in radians, clockwise; the header is a point at the bow of the ship, which gives its heading.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial

from .documents import Element, element, layout, numbers, parse_xml, text, told_by, xml_text
from .frame import PerImage
from .record import ClassNames, Entry, EntryError, Picture, Record
from .shapes import box

_BOX = ('mbox_cx', 'mbox_cy', 'mbox_w', 'mbox_h', 'mbox_ang')
_HEADER = ('header_x', 'header_y')
# last two digits of a Class_ID -> name, as in the data set's sysdata.xml
# fmt: off
KINDS = {
    1: 'ship', 2: 'aircraft carrier', 3: 'warcraft', 4: 'merchant ship', 5: 'Nimitz',
    6: 'Enterprise', 7: 'Arleigh Burke', 8: 'WhidbeyIsland', 9: 'Perry', 10: 'Sanantonio',
    11: 'Ticonderoga', 12: 'Kitty Hawk', 13: 'Kuznetsov', 14: 'Abukuma', 15: 'Austen',
    16: 'Tarawa', 17: 'Blue Ridge', 18: 'Container', 19: 'OXo|--)', 20: 'Car carrier([]==[])',
    22: 'Hovercraft', 24: 'yacht', 25: 'CntShip(_|.--.--|_]=', 26: 'Cruise', 27: 'submarine',
    28: 'lute', 29: 'Medical', 30: 'Car carrier(======|', 31: 'Ford-class', 32: 'Midway-class',
    33: 'Invincible-class',
}
# fmt: on


# stands for all other numbers
NO_KIND = 'no known kind'
_NUMBERS = {NO_KIND: 99, **{name: number for number, name in KINDS.items()}}


def read_hrsc(content: bytes, names: ClassNames, picture: Picture, kinds: bool = False) -> Iterator[Entry]:
    """Ships of an XML file; see :data:`mmrotate.datasets.formats.record.Reader`.

    Their class is 'ship', or with ``kinds`` what their Class_ID stands for.
    """
    del names, picture  # an element ends where it ends
    for number, item in enumerate(_objects(content), start=1):
        place = f'object {number}'
        values = [text(item, key) for key in _BOX]
        try:
            name = _kind(item) if kinds else 'ship'
        except ValueError as error:
            raise EntryError(place, f'{error}; each object needs Class_ID and {_BOX}') from None
        yield Entry(place, values, name, text(item, 'difficult') or 0, heading=_heading(place, item, values))


def _kind(item: Element) -> str:
    return KINDS.get(int(text(item, 'Class_ID')) % 100, NO_KIND)


def _heading(place: str, item: Element, values: Sequence[str]) -> float | None:
    """Direction from the centre of a ship to the point at its bow."""
    header = [text(item, key) for key in _HEADER]
    if not all(header):
        return None
    x, y, *_ = numbers(place, values)
    bow_x, bow_y, *_ = numbers(f'{place}, header', header)
    return math.atan2(bow_y - y, bow_x - x)


def _objects(content: bytes) -> list[Element]:
    """The elements of the objects; a ValueError says what the file seems to be if it is none of HRSC2016."""
    root = parse_xml(content)
    groups = root.findall('HRSC_Objects')
    objects = [item for group in groups for item in group]
    strange = sorted({item.tag for item in objects} - {'HRSC_Object'})
    if root.tag != 'HRSC_Image' or not groups or strange:
        raise ValueError(
            'this is no annotation of HRSC2016: HRSC_Image/HRSC_Objects/HRSC_Object is needed, '
            f'got {layout(root)}{f" with {strange[0]!r} among its objects" if strange else ""}'
        )
    return objects


def write_hrsc(record: Record, classes: Sequence[str]) -> str:
    """The file of a record; classes that are no kind of HRSC2016 are written as 'ship'."""
    del classes
    sides = zip(('Img_SizeWidth', 'Img_SizeHeight'), record.size or (), strict=False)
    objects = element('HRSC_Objects', *map(_written, record.entries))
    return xml_text(element('HRSC_Image', *(element(key, side) for key, side in sides), objects))


def _written(entry: Entry) -> Element:
    values = box(entry.shape)
    parts = [*zip(_BOX, values, strict=True)]
    if entry.heading is not None:
        # the bow: half a length from the centre
        reach, angle = max(values[2:4]) / 2, float(entry.heading)
        bow = values[0] + reach * math.cos(angle), values[1] + reach * math.sin(angle)
        parts += zip(_HEADER, bow, strict=True)
    number = 100_000_000 + _NUMBERS.get(entry.name, 1)
    described = element('Class_ID', str(number)), element('difficult', str(entry.difficulty))
    return element('HRSC_Object', *described, *(element(key, value) for key, value in parts))


HRSC = PerImage(
    name='hrsc',
    summary='HRSC2016, an XML file an image: mbox_cx ... mbox_ang, Class_ID',
    suffix='.xml',
    suits=told_by('HRSC_Image', b'<HRSC_Image'),
    holds=frozenset(('turned', 'difficulty', 'grade', 'heading', 'empty', 'size')),
    only=frozenset(_NUMBERS),
    labels='{split}/annotations',
    parse=partial(read_hrsc, kinds=True),
    dump=write_hrsc,
)
