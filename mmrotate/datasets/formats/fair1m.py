"""FAIR1M: an XML file an image, with a closed line of points around each object.

::

    <annotation>
      <source><filename>1.tif</filename></source> <size><width>1000</width><height>1000</height><depth>3</depth></size>
      <objects> <object>
        <coordinate>pixel</coordinate> <type>rectangle</type>
        <possibleresult><name>Small Car</name></possibleresult>
        <points> <point>10.0,20.0</point> <point>60.0,20.0</point> <point>60.0,40.0</point> <point>10.0,40.0</point>
                 <point>10.0,20.0</point> </points>
      </object> </objects>
    </annotation>

The fifth point is the first again, and may be missing. Known from programs that read it; no file was at hand.
"""

from collections.abc import Iterator, Sequence

from .documents import Element, element, layout, parse_xml, text, told_by, xml_text
from .frame import PerImage, number_text
from .record import ClassNames, Entry, EntryError, Picture, Record
from .shapes import Shape, corners
from .voc import sizes


def read_fair1m(content: bytes, names: ClassNames, picture: Picture) -> Iterator[Entry]:
    """Objects of a file; see :data:`mmrotate.datasets.formats.record.Reader`."""
    del names, picture
    root = parse_xml(content)
    if root.tag != 'annotation' or root.find('objects') is None:
        raise ValueError(f'this is no annotation of FAIR1M: annotation/objects is needed, got {layout(root)}')
    for number, item in enumerate(root.findall('objects/object'), start=1):
        place = f'object {number}'
        points = [(point.text or '').split(',') for point in item.findall('points/point')]
        if len(points) == 5 and points[0] == points[4]:
            points.pop()
        if len(points) != 4 or any(len(point) != 2 for point in points):
            raise EntryError(place, f'four points x,y are needed, and may be the first again; got {points[:8]}')
        yield Entry(place, [value for point in points for value in point], text(item, 'possibleresult/name'))


def write_fair1m(record: Record, classes: Sequence[str]) -> str:
    """The file of a record."""
    del classes
    objects = [
        element(
            'object',
            element('coordinate', 'pixel'),
            element('type', 'rectangle'),
            element('possibleresult', element('name', entry.name)),
            _points(entry.shape),
        )
        for entry in record.entries
    ]
    source = element('source', element('filename', record.image))
    return xml_text(element('annotation', source, *sizes(record), element('objects', *objects)))


def _points(shape: Shape) -> Element:
    values = [number_text(value) for value in corners(shape)]
    points = [*zip(values[::2], values[1::2], strict=True)]
    return element('points', *(element('point', ','.join(point)) for point in (*points, points[0])))


FAIR1M = PerImage(
    name='fair1m',
    summary='FAIR1M, an XML file an image: points and possibleresult',
    suffix='.xml',
    suits=told_by('annotation/objects', b'<annotation', b'<objects'),
    holds=frozenset(('turned', 'corners', 'class', 'empty', 'size')),
    labels='{split}/annotations',
    parse=read_fair1m,
    dump=write_fair1m,
)
