"""Label formats: a reader and a writer each, of the one record; :mod:`.record` checks what they read, for all.

How a format is added:

1. A module here, named as the format. Its docstring shows a file of the format.
2. Its reader ``read_NAME(content, names, picture)`` gives an :class:`Entry` for each object, values as they stand in
   the file: it knows the layout only. What is wrong with an object is an ``EntryError(place, why)``, with the whole
   file a ValueError. Numbers, classes and boxes are checked in :mod:`.record`. ``picture.size`` gives the size of the
   image, ``picture.class_name(number)`` the class of a number. (One file for many images: ``parse(path, images)`` gives
   a :class:`Record` for each image.)
3. Its writer ``write_NAME(record, classes)`` gives the text of the file of a record: shapes are 8 corner values or 5 of
   a box, floats; :func:`.shapes.corners` and :func:`.shapes.box` turn the one into the other.
4. ``suits(content)`` says in words why a file is of the format, or None: it must tell it from all others of the table.
5. A row of :data:`FORMATS`: ``PerImage(name=..., ...)`` or ``PerSet(...)``, see :class:`.frame.Format`.
6. A file of the format in ``tests/datasets/formats``; the tests that convert there and back take it from the table.
"""

from .coco import COCO, coco_classes
from .cvat import CVAT
from .dior import DIOR
from .dota import DOTA, read_dota
from .dronevehicle import DRONEVEHICLE
from .fair1m import FAIR1M
from .fiftyone import FIFTYONE
from .frame import Format, Item, PerImage, PerSet, Split, listed_stems
from .geojson import GEOJSON
from .hrsc import HRSC, read_hrsc
from .icdar2015 import ICDAR2015
from .label_studio import LABEL_STUDIO
from .labelme import LABELME, X_ANYLABELING
from .many import read_many, read_table
from .middle import files_of, load_data, load_middle, read_middle
from .record import (
    AnyNames,
    ClassNames,
    Entry,
    EntryError,
    LabelError,
    Labels,
    Picture,
    Reader,
    Record,
    check_entry,
    check_record,
    gather,
    pack_labels,
    read_labels,
)
from .sar import RSDD, SSDD
from .table import CSV
from .ucas_aod import UCAS_AOD
from .voc import VOC
from .yolo import YOLO_OBB, YOLO_XYWHR

FORMATS: dict[str, Format] = {row.name: row for row in (
    DOTA, YOLO_OBB, YOLO_XYWHR, COCO, CSV, GEOJSON,
    HRSC, VOC, DIOR, FAIR1M, SSDD, RSDD, ICDAR2015, UCAS_AOD, DRONEVEHICLE,
    LABELME, X_ANYLABELING, CVAT, LABEL_STUDIO, FIFTYONE,
)}  # fmt: skip
