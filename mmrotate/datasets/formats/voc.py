"""VOC, roLabelImg, and what all XML formats with a list of objects share.

An XML file an image::

    <annotation>
      <filename>a.jpg</filename> <size><width>640</width><height>512</height><depth>3</depth></size>
      <object>
        <type>robndbox</type> <name>Car</name> <difficult>0</difficult>
        <robndbox> <cx>216</cx><cy>121</cy><w>32.3</w><h>15.9</h><angle>2.589</angle> </robndbox>
      </object>
      <object>
        <name>Car</name>
        <bndbox> <xmin>10</xmin><ymin>20</ymin><xmax>60</xmax><ymax>40</ymax> </bndbox>
      </object>
    </annotation>

The angle is in radians, clockwise, from the x axis to the side ``w``: so the files of HIT-UAV, which were drawn with
roLabelImg, lie on their images. Places are those of the file, also where VOC counts pixels from 1.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from .documents import Element, element, layout, parse_xml, text, told_by, xml_text
from .frame import PerImage
from .record import ClassNames, Entry, EntryError, Picture, Reader, Record
from .shapes import Shape, box, is_upright, upright

Values = Sequence[str | float]


class Outline(NamedTuple):
    """An element that says where an object is.

    Args:
        tag: its name.
        keys: the elements in it.
        shape: their texts to the shape of an :class:`Entry`.
    """

    tag: str
    keys: tuple[str, ...]
    shape: Callable[[Values], Values] = tuple

    def values(self, item: Element) -> Values:
        """The shape of an object; a ValueError if a part of it is missing."""
        outline = item.find(self.tag)
        assert outline is not None
        if missing := [key for key in self.keys if outline.find(key) is None]:
            found = [part.tag for part in outline][:10]
            raise ValueError(f'{self.tag} has no {", ".join(missing)}, but {found}')
        return self.shape([text(outline, key) for key in self.keys])


def from_upright(sides: Values) -> Values:
    """The corners of left, top, right, bottom."""
    left, top, right, bottom = sides
    return left, top, right, top, right, bottom, left, bottom


CORNER_KEYS = tuple(f'{axis}{number}' for number in (1, 2, 3, 4) for axis in 'xy')
UPRIGHT = Outline('bndbox', ('xmin', 'ymin', 'xmax', 'ymax'), from_upright)
TURNED = Outline('robndbox', ('cx', 'cy', 'w', 'h', 'angle'))


def reader_of(kind: str, *outlines: Outline, alias: Callable[[str, ClassNames], str] | None = None) -> Reader:
    """A reader of the objects of ``annotation/object``.

    Args:
        kind: what files of the format are called in messages.
        outlines: the elements that say where an object is; the first that is there counts.
        alias: the name in a file, and the classes, to the class that is meant.
    """

    def read(content: bytes, names: ClassNames, picture: Picture) -> Iterator[Entry]:
        del picture
        root = parse_xml(content)
        if root.tag != 'annotation' or root.find('objects') is not None:
            raise ValueError(f'this is no annotation of {kind}: annotation/object is needed, got {layout(root)}')
        for number, item in enumerate(root.findall('object'), start=1):
            place, name = f'object {number}', text(item, 'name')
            name = alias(name, names) if alias else name
            yield Entry(place, _shape(place, item, outlines), name, text(item, 'difficult') or 0)

    return read


def _shape(place: str, item: Element, outlines: Iterable[Outline]) -> Values:
    tags = [outline.tag for outline in outlines]
    for outline in outlines:
        if item.find(outline.tag) is not None:
            try:
                return outline.values(item)
            except ValueError as error:
                raise EntryError(place, str(error)) from None
    raise EntryError(place, f'one of {tags} is needed, got {[part.tag for part in item][:10]}')


def annotation(record: Record, outline: Callable[[Shape], Element], names: Callable[[str], str] = str) -> str:
    """The file of a record, whose objects have an element that ``outline`` makes of a shape."""
    objects = [
        element(
            'object',
            element('name', names(entry.name)),
            element('difficult', str(entry.difficulty)),
            outline(entry.shape),
        )
        for entry in record.entries
    ]
    return xml_text(element('annotation', element('filename', record.image), *sizes(record), *objects))


def sizes(record: Record) -> list[Element]:
    """The element with the size of the image, if it is known."""
    if not record.size:
        return []
    parts = zip(('width', 'height', 'depth'), (*record.size, 3), strict=True)
    return [element('size', *(element(key, value) for key, value in parts))]


def outline_of(tag: str, keys: Iterable[str], values: Iterable[float]) -> Element:
    """An element with a number in each of the elements in it."""
    return element(tag, *(element(key, value) for key, value in zip(keys, values, strict=True)))


def write_voc(record: Record, classes: Sequence[str]) -> str:
    """The file of a record: ``bndbox`` for upright objects, ``robndbox`` for turned ones."""
    del classes
    return annotation(record, _outline)


def _outline(shape: Shape) -> Element:
    if is_upright(shape):
        return outline_of(UPRIGHT.tag, UPRIGHT.keys, upright(shape))
    return outline_of(TURNED.tag, TURNED.keys, box(shape))


VOC = PerImage(
    name='voc',
    summary='VOC and roLabelImg, an XML file an image: bndbox, or robndbox with cx cy w h angle',
    suffix='.xml',
    suits=told_by(
        'annotation/object with bndbox or robndbox',
        b'<annotation',
        without=(b'<x_left_top', b'<rotated_bndbox', b'<polygon', b'<objects', b'<annotations', b'RSDD'),
    ),
    holds=frozenset(('turned', 'difficulty', 'class', 'empty', 'size')),
    labels='{split}/annotations',
    parse=reader_of('VOC or roLabelImg', TURNED, UPRIGHT),
    dump=write_voc,
)
