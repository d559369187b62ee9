"""Ships in radar images: SSDD, RSDD-SAR and HRSID.

SSDD (its official release, also called SSDD+ or RSSDD) has the layout of VOC with the corners of each ship; beside them
stand a box, whose angle in degrees is that of the side ``w``, and an upright box, which are not read::

    <annotation> <object> <name>ship</name>
      <bndbox> ... </bndbox>
      <rotated_bndbox>
        <rotated_bbox_cx>242</rotated_bbox_cx> <rotated_bbox_cy>96</rotated_bbox_cy>
        <rotated_bbox_w>98</rotated_bbox_w> <rotated_bbox_h>45</rotated_bbox_h>
        <rotated_bbox_theta>85.815</rotated_bbox_theta>
        <x1>215</x1><y1>48</y1> <x2>261</x2><y2>45</y2> <x3>268</x3><y3>143</y3> <x4>223</x4><y4>147</y4>
      </rotated_bndbox>
    </object> </annotation>

RSDD-SAR has ``robndbox`` as roLabelImg, but ``h`` is its long side and the angle, in radians, that of this side: so its
paper (Xu et al., Journal of Radars 11(4), 2022) defines it. No file of it was at hand to check that; it is told from
roLabelImg by the order ``cx cy h w angle`` or the folder's name in the file.

HRSID is COCO, with the outlines of the ships as polygons: the format ``coco`` reads it. So are SSDD's files ``*.json``.
"""

import math
import re
from collections.abc import Sequence

from .documents import Element, told_by
from .frame import PerImage
from .record import Record
from .shapes import Shape, box, corners
from .voc import CORNER_KEYS, UPRIGHT, Outline, annotation, outline_of, reader_of

CORNERS = Outline('rotated_bndbox', CORNER_KEYS)
_BOX_KEYS = tuple(f'rotated_bbox_{key}' for key in ('cx', 'cy', 'w', 'h', 'theta'))
LONG_HEIGHT = Outline('robndbox', ('cx', 'cy', 'h', 'w', 'angle'))  # read as a box whose width lies at the angle


def write_ssdd(record: Record, classes: Sequence[str]) -> str:
    """The file of a record of SSDD."""
    del classes
    return annotation(record, _ssdd_outline)


def _ssdd_outline(shape: Shape) -> Element:
    *sides, angle = box(shape)
    values = (*sides, math.degrees(angle), *corners(shape))
    return outline_of(CORNERS.tag, (*_BOX_KEYS, *CORNERS.keys), values)


def write_rsdd(record: Record, classes: Sequence[str]) -> str:
    """The file of a record of RSDD-SAR: angles in [-pi/2, pi/2)."""
    del classes
    return annotation(record, _rsdd_outline)


def _rsdd_outline(shape: Shape) -> Element:
    x, y, w, h, angle = box(shape)
    long, short = max(w, h), min(w, h)
    angle = angle if w >= h else angle + math.pi / 2
    turned = (angle + math.pi / 2) % math.pi - math.pi / 2
    return outline_of(LONG_HEIGHT.tag, LONG_HEIGHT.keys, (x, y, long, short, turned))


def _suits_rsdd(content: bytes) -> str | None:
    if b'RSDD' in content and b'<robndbox' in content:
        return 'robndbox in a file that names RSDD'
    return 'robndbox with h before w' if re.search(rb'<cy>[^<]*</cy>\s*<h>[^<]*</h>\s*<w>', content) else None


SSDD = PerImage(
    name='ssdd',
    summary='SSDD (SSDD+, RSSDD), an XML file an image: rotated_bndbox with corners',
    suffix='.xml',
    suits=told_by('rotated_bndbox', b'<annotation', b'<rotated_bndbox'),
    holds=frozenset(('turned', 'corners', 'difficulty', 'class', 'empty', 'size')),
    labels='{split}/annotations',
    parse=reader_of('SSDD', CORNERS, UPRIGHT),
    dump=write_ssdd,
)
RSDD = PerImage(
    name='rsdd',
    summary='RSDD-SAR, an XML file an image: robndbox with cx cy h w angle, h along the angle',
    suffix='.xml',
    suits=_suits_rsdd,
    holds=frozenset(('turned', 'difficulty', 'class', 'empty', 'size')),
    labels='{split}/annotations',
    parse=reader_of('RSDD-SAR', LONG_HEIGHT),
    dump=write_rsdd,
)
