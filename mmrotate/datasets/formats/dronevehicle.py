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

from collections.abc import Sequence

from .documents import told_by
from .frame import PerImage
from .record import ClassNames, Record
from .shapes import corners
from .voc import CORNER_KEYS, UPRIGHT, Outline, annotation, outline_of, reader_of

CORNERS = Outline('polygon', CORNER_KEYS)
_MEANT = {'feright car': 'freight car', 'feright_car': 'freight car', 'feright': 'freight car', 'truvk': 'truck'}


def _class(name: str, names: ClassNames) -> str:
    del names
    return _MEANT.get(name, name)


def write_dronevehicle(record: Record, classes: Sequence[str]) -> str:
    """The file of a record."""
    del classes
    return annotation(record, lambda shape: outline_of(CORNERS.tag, CORNERS.keys, corners(shape)))


DRONEVEHICLE = PerImage(
    name='dronevehicle',
    summary='DroneVehicle, an XML file an image: polygon with x1 y1 ... x4 y4',
    suffix='.xml',
    suits=told_by(
        'annotation/object with polygon', b'<annotation', b'<polygon>', b'<x1>', without=(b'<rotated_bndbox',)
    ),
    holds=frozenset(('turned', 'corners', 'difficulty', 'class', 'empty', 'size')),
    labels='{split}/annotations',
    parse=reader_of('DroneVehicle', CORNERS, UPRIGHT, alias=_class),
    dump=write_dronevehicle,
)
