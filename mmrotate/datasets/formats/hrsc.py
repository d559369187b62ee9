"""The XML files of HRSC2016, one per image: ``HRSC_Image/HRSC_Objects/HRSC_Object`` with ``mbox_cx`` and so on."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

from .record import ClassNames, Entry, EntryError, Picture

_BOX = ('mbox_cx', 'mbox_cy', 'mbox_w', 'mbox_h', 'mbox_ang')
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


def read_hrsc(content: bytes, names: ClassNames, picture: Picture, kinds: bool = False) -> Iterator[Entry]:
    """Ships of an XML file; see :data:`mmrotate.datasets.formats.record.Reader`.

    Their class is 'ship', or with ``kinds`` what their Class_ID stands for.
    """
    del names, picture  # an element ends where it ends
    for number, item in enumerate(_objects(content), start=1):
        place = f'object {number}'
        values = [item.findtext(key) or '' for key in _BOX]
        try:
            yield Entry(place, values, _kind(item) if kinds else 'ship')
        except ValueError as error:
            raise EntryError(place, f'{error}; each object needs Class_ID and {_BOX}') from None


def _kind(item: ElementTree.Element) -> str:
    return KINDS.get(int(item.findtext('Class_ID', '')) % 100, NO_KIND)


def _objects(content: bytes) -> list[ElementTree.Element]:
    """The elements of the objects; a ValueError says what the file seems to be if it is none of HRSC2016."""
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # LookupError: no such encoding
        raise ValueError(f'this is no XML that can be read: {error}') from None
    groups = root.findall('HRSC_Objects')
    objects = [item for group in groups for item in group]
    strange = sorted({item.tag for item in objects} - {'HRSC_Object'})
    if root.tag != 'HRSC_Image' or not groups or strange:
        raise ValueError(
            'this is no annotation of HRSC2016: HRSC_Image/HRSC_Objects/HRSC_Object is needed, '
            f'got {_layout(root)}{f" with {strange[0]!r} among its objects" if strange else ""}'
        )
    return objects


def _layout(root: ElementTree.Element) -> str:
    """What an XML file looks like."""
    if root.find('object/robndbox') is not None:
        return 'the layout of roLabelImg (annotation/object/robndbox)'
    if root.find('object/bndbox') is not None:
        return 'the layout of VOC (annotation/object/bndbox)'
    return f'the root {root.tag!r} with {sorted({item.tag for item in root})[:10]}'
