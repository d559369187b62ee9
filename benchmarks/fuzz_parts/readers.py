"""Damaged label files: each is read, or refused by an error that names it; no box of no size or place gets through."""

import logging
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mmrotate.datasets import DOTADataset, HRSCDataset, LabelError
from mmrotate.utils import get_root_logger

get_root_logger().setLevel(logging.ERROR)  # a warning of left out objects for every other case

DOTA = """imagesource:GoogleEarth
gsd:0.12
10 10 60 10 60 30 10 30 Car 0
100.5 200.25 150.5 200.25 150.5 220 100.5 220 Person 1
387.88 70.54 412.94 76.24 401.39 131.07 374.33 125.37 OtherVehicle 0
"""
HRSC_OBJECT = """    <HRSC_Object><Object_ID>{}</Object_ID><Class_ID>{}</Class_ID><difficult>0</difficult>
      <mbox_cx>{}</mbox_cx><mbox_cy>{}</mbox_cy><mbox_w>{}</mbox_w><mbox_h>{}</mbox_h><mbox_ang>{}</mbox_ang>
    </HRSC_Object>
"""
SHIPS = [(100000001, 273.58, 373.86, 269.8683, 50.052, 1.4157), (100000005, 258.6, 269.4, 387.6, 84.9, -1.19)]
HRSC = f"""<?xml version="1.0" encoding="utf-8"?>
<HRSC_Image>
  <Img_ID>a</Img_ID>
  <HRSC_Objects>
{''.join(HRSC_OBJECT.format(number, *ship) for number, ship in enumerate(SHIPS))}  </HRSC_Objects>
</HRSC_Image>
"""
# what stands in damaged files, and what a parser of numbers may take for one
HOSTILE = """nan inf -inf 1e39 -1e39 3.5e38 1e400 1e20 0 -0 -5 1_000 0x10 ١٢ 99999999999999999999 9223372036854775808
1e30 True None , ; . - : " ' < > & &amp; &foo; <!-- --> <![CDATA[ ]]> </HRSC_Object> <HRSC_Object> HRSC_Objectsx
annotation robndbox bndbox base64 rot13 utf-16 gbk foo Car Ship 船 {} [] {"a":"""
TOKENS = [*HOSTILE.split(), ' ', '\n', '\t', '\r', '\0', '\ufeff', '']


def open_dota(label: Path, version: str) -> DOTADataset:
    """The dataset of a DOTA label file with an image beside it."""
    return DOTADataset(
        str(label.parent), [], version, img_prefix=str(label.parent), test_mode=True,
        classes=('Car', 'Person', 'OtherVehicle', 'Other Ship'),
    )  # fmt: skip


def open_hrsc(label: Path, version: str) -> HRSCDataset:
    """The dataset of an HRSC label file with an image beside it."""
    folder = str(label.parent)
    (label.parent / 'images.lst').write_text(label.stem)
    return HRSCDataset(
        f'{folder}/images.lst', [], folder, folder, classwise=True, version=version, img_prefix=folder, test_mode=True
    )


class Reader(NamedTuple):
    """How files of a format are opened, and a valid one."""

    open: Callable[[Path, str], DOTADataset | HRSCDataset]
    suffix: str
    valid: str


READERS = (Reader(open_dota, '.txt', DOTA), Reader(open_hrsc, '.xml', HRSC))
NAME, COUNT = 'readers', 10_000 * len(READERS)


@cache
def image() -> bytes:
    """A file with an image of 640 x 512 pixels."""
    return cv2.imencode('.png', np.zeros((512, 640, 3), np.uint8))[1].tobytes()


def damage(text: str, rng: random.Random) -> bytes:
    """The file after one or two changes of tokens, lines, or bytes."""
    data = text.encode()
    for _ in range(rng.randint(1, 2)):
        data = rng.choice((_token, _token, _token, _bytes, _lines, _cut))(data, rng)
    return data


def _token(data: bytes, rng: random.Random) -> bytes:
    """A number, a name or a sign gives way to something else."""
    marks = [b'0', b'1', b'.', b'Car', b'HRSC_Object', b'utf-8', b'mbox', b' ']
    start = data.find(rng.choice(marks), rng.randrange(len(data) + 1))
    if start < 0:
        return data
    end = start
    while end < len(data) and data[end : end + 1] not in b' \n<>"':
        end += 1
    return data[:start] + rng.choice(TOKENS).encode() + data[end:]


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
    """A piece is lost, or the file comes in another encoding."""
    if rng.random() < 0.2:
        return data.decode('utf-8', 'replace').encode(rng.choice(('utf-16', 'utf-32', 'utf-8-sig', 'utf-16-le')))
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.randint(0, 200) :]


def run_case(index: int, folder: Path) -> str:
    """Damage a valid file of the reader whose turn it is, and read it under one of the angle versions."""
    rng = random.Random(index)
    reader = READERS[index % len(READERS)]
    label = folder / f'a{reader.suffix}'
    label.write_bytes(damage(reader.valid, rng))
    (folder / 'a.png').write_bytes(image())
    try:
        dataset = reader.open(label, rng.choice(('oc', 'le90', 'le135')))
    except LabelError as error:
        return 'refused' if str(label) in str(error) else f'FAULT: no file in the message: {error}'
    ann = dataset.get_ann_info(0)
    boxes = np.concatenate([ann['bboxes'], ann['bboxes_ignore']])
    polygons = np.concatenate([ann['polygons'], ann['polygons_ignore']])
    if not (np.isfinite(boxes).all() and np.isfinite(polygons).all()):
        return f'FAULT: numbers that are not finite: {boxes.tolist()}'
    return 'value' if (boxes[:, 2:4] > 0).all() else f'FAULT: sides that are not positive: {boxes.tolist()}'
