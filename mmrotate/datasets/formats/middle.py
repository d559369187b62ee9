"""The middle format: all annotations of a dataset in one pickle or JSON file.

It is a list with a dict for each image: ``filename`` (or a list of files, for the channels of one image), and ``ann``
with ``bboxes`` (n, 5) as x, y, w, h, angle in pixels and radians, ``labels`` (n,), and optionally ``bboxes_ignore``
(k, 5) and ``labels_ignore`` (k,). ``width`` and ``height`` may stand beside them.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.utils.files import near_files
from mmrotate.utils.pickles import load_plain

from .record import ClassNames, Entry, EntryError, LabelError, Labels, gather

_WIDTHS = {
    4: 'four are those of upright boxes: turn them by mmrotate.core.hbb2obb',
    8: 'eight are those of corners: turn them by mmrotate.core.poly2obb_np',
}


def load_data(path: str | Path) -> Any:
    """What a JSON or pickle file holds: plain data.

    Raises:
        LabelError: a file that cannot be read.
        PickleError: a pickle file with more than plain data.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in ('.json', '.pkl', '.pickle'):
        raise LabelError(f'{path}: a file .json, .pkl or .pickle is needed')
    try:
        return json.loads(Path(path).read_bytes()) if suffix == '.json' else load_plain(path)
    except OSError as error:
        raise LabelError(f'cannot read {path}: {error.strerror}{near_files(Path(path))}') from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LabelError(f'{path} is no JSON file: {error}') from error


def load_middle(path: str | Path) -> list[dict]:
    """The dicts of the images in a file.

    Raises:
        LabelError: the file does not hold a list of dicts with file names. And those of :func:`load_data`.
    """
    infos = load_data(path)
    if not isinstance(infos, list) or not infos:
        hint = ' (is it COCO?)' if isinstance(infos, dict) and 'images' in infos else ''
        raise LabelError(f'{path}: a list with a dict for each image is needed, got {type(infos).__name__}{hint}')
    for i, info in enumerate(infos):
        if not isinstance(info, dict) or not files_of(info):
            raise LabelError(f'{path}, entry {i}: a dict with filename and ann is needed, got {str(info)[:80]}')
    names = [files_of(info)[0] for info in infos]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LabelError(f'{path}: several entries have the filename {twice!r}')
    return infos


def files_of(info: dict) -> list[str]:
    """The files of an image, one or several; none if its ``filename`` is something else."""
    given = info.get('filename')
    files = [given] if isinstance(given, str) else list(given) if isinstance(given, list | tuple) else []
    return files if all(isinstance(file, str) and file for file in files) else []


def read_middle(info: dict, classes: Sequence[str], names: ClassNames, version: str, path: str | Path) -> Labels:
    """Objects of an image of the file ``path``, whose labels count ``classes``; those to ignore have the difficulty 1.

    Raises:
        LabelError: boxes or labels that cannot be meant.
    """
    place = f'{path}, {files_of(info)[0]}'
    if not isinstance(ann := info.get('ann'), dict):
        raise LabelError(f'{place}: no ann, a dict with bboxes and labels, got {ann!r}')
    # objects to ignore may have no label
    names = ClassNames({**names.index, '': -1}, names.others)
    try:
        return gather(chain(_entries(ann, '', classes), _entries(ann, '_ignore', classes)), names, version)
    except (EntryError, ValueError) as error:
        raise LabelError(f'{place}: {error}') from None


def _entries(ann: dict, kind: str, classes: Sequence[str]) -> Iterator[Entry]:
    """The objects ``bboxes`` or ``bboxes_ignore``."""
    boxes, labels = ann.get(f'bboxes{kind}'), ann.get(f'labels{kind}')
    if kind and boxes is None:
        return
    rows = _rows(boxes, f'bboxes{kind}')
    if kind and labels is None:
        wanted = [''] * len(rows)
    else:
        wanted = [_class_of(label, classes) for label in _numbers(labels, f'labels{kind}').reshape(-1).tolist()]
    if len(wanted) != len(rows):
        raise ValueError(f'{len(rows)} bboxes{kind}, but {len(wanted)} labels{kind}')
    for i, (row, name) in enumerate(zip(rows, wanted, strict=True)):
        yield Entry(f'bboxes{kind}[{i}]', row, name, int(bool(kind)))


def _rows(boxes: Any, key: str) -> list[list[float]]:
    array = _numbers(boxes, key)
    if array.size == 0:
        return []
    if array.ndim != 2 or array.shape[1] != 5:
        hint = _WIDTHS.get(array.shape[-1] if array.ndim else 0, 'x, y, w, h, angle')
        raise ValueError(f'{key}: five numbers a box are needed, got the shape {array.shape}; {hint}')
    rows: list[list[float]] = array.tolist()
    return rows


def _numbers(values: Any, key: str) -> np.ndarray:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f'{key}: an array of numbers is needed, got {str(values)[:60]}') from None


def _class_of(label: float, classes: Sequence[str]) -> str:
    if not label.is_integer() or not 0 <= label < len(classes):
        raise ValueError(f'the label {label:g} is no index of the {len(classes)} classes {list(classes)}')
    return classes[int(label)]
