"""Detections as files for DOTA's evaluation server, Task 1 (oriented boxes)."""

import os
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmrotate.core.bbox import obb2poly_np
from mmrotate.core.evaluation import finite_results
from mmrotate.utils import ArgumentError, UserError
from mmrotate.utils.files import replacing

Results = Sequence[Sequence[np.ndarray]]  # per image a list over classes of arrays (n, 6): x, y, w, h, theta, score

_BREAKS_PATH = re.compile(r'[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_BREAKS_LINE = re.compile(rf'\s|{_BREAKS_PATH.pattern}')


class SubmissionError(UserError, ValueError):
    """Files for a test server cannot be written: the message names what is in the way."""


def write_task1(
    results: Results,
    img_ids: Sequence[str],
    classes: Sequence[str],
    version: str,
    folder: str | None = None,
    with_zip: bool = True,
) -> tuple[list[str], str]:
    """Write ``Task1_CLASS.txt`` per class, with lines ``image score x1 y1 x2 y2 x3 y3 x4 y4``.

    Args:
        results: per image a list over classes of arrays (n, 6): x, y, w, h, theta, score.
        img_ids: name of each image without its ending.
        classes: class names, in the order of the results.
        version: angle version of the boxes.
        folder: where to write; it is made, and must be empty. None: a new temporary one, the caller's to delete.
        with_zip: also write ``FOLDER.zip`` into it, ready for upload.

    Returns:
        The text files, and the folder.

    Raises:
        SubmissionError: the folder holds files, or a name would break a line or a path.
        ValueError: results, images and classes do not fit together.
    """
    check_results(results, len(img_ids), classes)
    check_names(img_ids, classes)
    target = make_folder(folder)
    results = finite_results(results)
    files = [target / f'Task1_{name}.txt' for name in classes]
    for label, path in enumerate(files):
        with replacing(path) as temporary, temporary.open('w', encoding='utf-8') as out:
            for img_id, per_class in zip(img_ids, results, strict=True):
                out.writelines(task1_lines(img_id, per_class[label], version))
    if with_zip:
        with (
            replacing(target / f'{target.name}.zip') as temporary,
            zipfile.ZipFile(temporary, 'w', zipfile.ZIP_DEFLATED) as archive,
        ):
            for path in files:
                archive.write(path, path.name)
    return list(map(str, files)), str(target)


def make_folder(folder: str | None) -> Path:
    """A folder for the files of a submission: ``folder``, which is made and must be empty, or a new temporary one."""
    check_folder(folder)
    target = Path(tempfile.mkdtemp(prefix='task1_') if folder is None else folder).absolute()
    target.mkdir(parents=True, exist_ok=True)
    return target


def check_folder(folder: str | None) -> None:
    """Raise a SubmissionError if ``folder`` is a file, or holds files."""
    if folder is not None and os.path.exists(folder) and (os.path.isfile(folder) or os.listdir(folder)):
        kind = 'is a file' if os.path.isfile(folder) else 'holds files'
        raise SubmissionError(f'submission_dir={str(folder)!r} {kind}: name a new or empty folder')


def check_names(img_ids: Sequence[str], classes: Sequence[str]) -> None:
    """Refuse names of images that would break a line of a Task 1 file, names of classes that would break its path.

    A line is taken apart at its spaces, so an image's name has none, nor line ends or bytes that are no UTF-8, and
    stands for one image. A class names a file: slashes and control characters are refused, spaces are not.

    Raises:
        SubmissionError: The first such name and their number.
    """
    if wrong := [name for name in img_ids if _BREAKS_LINE.search(name)]:
        raise SubmissionError(
            f'{len(wrong)} image names cannot stand in the lines of a submission, which are taken apart at spaces and '
            f'are UTF-8, the first: {wrong[0]!r}; rename the files'
        )
    if wrong := [name for name, count in Counter(img_ids).items() if count > 1]:
        raise SubmissionError(
            f'{len(wrong)} image names stand for several images, which a submission cannot tell apart, the first: '
            f'{wrong[0]!r}'
        )
    if wrong := [name for name in classes if _BREAKS_PATH.search(name) or len(os.fsencode(name)) > 200]:
        raise SubmissionError(
            f'the class {wrong[0]!r} cannot be part of a file name, Task1_CLASS.txt: classes of a submission have no '
            'slashes, control characters or more than 200 bytes'
        )


def check_results(results: Results, num_images: int, classes: Sequence[str]) -> None:
    """Raise a ValueError unless there is one entry per image, with one array (n, 6) per class."""
    if len(results) != num_images:
        raise ArgumentError(f'{len(results)} results for {num_images} images')
    for i, per_class in enumerate(results):
        if len(per_class) != len(classes):
            raise ArgumentError(
                f'the result of image {i} has {len(per_class)} classes, the dataset {len(classes)}: {list(classes)}'
            )
        wrong = [np.shape(dets) for dets in per_class if len(dets) and np.shape(dets)[1:] != (6,)]
        if wrong:
            raise ArgumentError(
                f'the result of image {i} must be arrays (n, 6): x, y, w, h, theta, score; got {wrong[0]}'
            )


def task1_lines(img_id: str, dets: np.ndarray, version: str) -> list[str]:
    """Lines of a Task 1 file for the detections (n, 6) of a class in an image."""
    if len(dets) == 0:
        return []
    polygons = obb2poly_np(np.asarray(dets, np.float32), version)
    return [f'{img_id} {row[8]:.6g} {" ".join(f"{value:.2f}" for value in row[:8])}\n' for row in polygons]
