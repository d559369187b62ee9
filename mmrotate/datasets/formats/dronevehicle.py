"""DroneVehicle: the layout of VOC with ``polygon``.

::

    <annotation> <object> <name>car</name>
      <polygon>
        <x1>100</x1><y1>210</y1> <x2>162</x2><y2>205</y2> <x3>164</x3><y3>231</y3> <x4>101</x4><y4>236</y4>
      </polygon>
    </object> </annotation>

A few objects have ``bndbox`` instead. The files write 'freight car' in several ways, which are one class here, and '*'
for objects of no class; images have a white border of 100 pixels, which stays, as places count from its corner. Known
from programs that read it; no file was at hand.
"""

from collections.abc import Iterator

from .documents import told_by
from .frame import PerImage
from .record import ClassNames, Entry, Picture
from .shapes import corners
from .voc import CORNER_KEYS, UPRIGHT, Outline, read_objects, writer_of

CORNERS = Outline('polygon', CORNER_KEYS)
_MEANT = {'feright car': 'freight car', 'feright_car': 'freight car', 'feright': 'freight car', 'truvk': 'truck'}


def read_dronevehicle(content: bytes, names: ClassNames, picture: Picture) -> Iterator[Entry]:
    """Objects of a file; see :data:`mmrotate.datasets.formats.record.Reader`."""
    del names, picture
    for entry in read_objects(content, 'DroneVehicle', CORNERS, UPRIGHT):
        yield entry._replace(name=_MEANT.get(entry.name, entry.name))


DRONEVEHICLE = PerImage(
    name='dronevehicle',
    summary='DroneVehicle, an XML file an image: polygon with x1 y1 ... x4 y4',
    suffix='.xml',
    suits=told_by(
        'annotation/object with polygon', b'<annotation', b'<polygon>', b'<x1>', without=(b'<rotated_bndbox',)
    ),
    holds=frozenset(('turned', 'corners', 'difficulty', 'grade', 'empty', 'size')),
    labels='{split}/annotations',
    parse=read_dronevehicle,
    dump=writer_of(lambda shape: CORNERS.element(corners(shape))),
)
