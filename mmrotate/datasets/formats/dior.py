"""DIOR-R: the layout of VOC with the corners of each object.

::

    <annotation> <object> <name>Airplane</name>
      <robndbox>
        <x_left_top>10</x_left_top> <y_left_top>20</y_left_top> <x_right_top>60</x_right_top>
        <y_right_top>30</y_right_top> <x_right_bottom>55</x_right_bottom> ... <y_left_bottom>50</y_left_bottom>
      </robndbox>
    </object> </annotation>

The files in ``Annotations/Horizontal Bounding Boxes`` have ``bndbox`` instead. Names are told from those of the classes
in any case of letters, as the files write some in capitals.
"""

from collections.abc import Sequence

from .documents import told_by
from .frame import PerImage
from .record import ClassNames, Record
from .shapes import corners
from .voc import UPRIGHT, Outline, annotation, outline_of, reader_of

CORNERS = Outline(
    'robndbox',
    tuple(f'{axis}_{end}' for end in ('left_top', 'right_top', 'right_bottom', 'left_bottom') for axis in 'xy'),
)


def _class(name: str, names: ClassNames) -> str:
    return name.lower() if name not in names and name.lower() in names else name


def write_dior(record: Record, classes: Sequence[str]) -> str:
    """The file of a record."""
    del classes
    return annotation(record, lambda shape: outline_of(CORNERS.tag, CORNERS.keys, corners(shape)))


DIOR = PerImage(
    name='dior',
    summary='DIOR-R, an XML file an image: robndbox with x_left_top ... y_left_bottom',
    suffix='.xml',
    suits=told_by('robndbox with x_left_top', b'<annotation', b'<x_left_top'),
    holds=frozenset(('turned', 'corners', 'difficulty', 'class', 'empty', 'size')),
    labels='{split}/annotations',
    parse=reader_of('DIOR-R', CORNERS, UPRIGHT, alias=_class),
    dump=write_dior,
)
