"""Detections as files for DOTA's evaluation server: Task 1, oriented boxes, and Task 2, horizontal ones."""

import contextlib
import os
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mmrotate.core.bbox import obb2poly_np, obb2xyxy
from mmrotate.core.evaluation import finite_results
from mmrotate.utils import ArgumentError, UserError
from mmrotate.utils.files import is_temporary, replacing
from mmrotate.utils.places import obstacle

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
    task: int = 1,
) -> tuple[list[str], str]:
    """Write the files of :func:`write_task` from results in memory, into a folder that is new or empty.

    Args:
        results: per image a list over classes of arrays (n, 6): x, y, w, h, theta, score.
        img_ids: name of each image without its ending.
        classes: class names, in the order of the results.
        version: angle version of the boxes.
        folder: where to write; it is made, and must be empty. None: a new temporary one, the caller's to delete.
        with_zip: also write ``FOLDER.zip`` into it, ready for upload.
        task: 1, oriented boxes, or 2, horizontal ones.

    Returns:
        The text files, and the folder.

    Raises:
        SubmissionError: the folder holds files, or a name would break a line or a path.
        ValueError: results, images and classes do not fit together.
    """
    check_results(results, len(img_ids), classes)
    check_task(task)
    check_names(img_ids, classes)
    target = make_folder(folder)
    found = zip(img_ids, finite_results(results), strict=True)
    return list(map(str, write_task(found, classes, version, target, with_zip, task))), str(target)


def write_task(
    found: Iterable[tuple[str, Sequence[np.ndarray]]],
    classes: Sequence[str],
    version: str,
    folder: Path,
    with_zip: bool = True,
    task: int = 1,
) -> list[Path]:
    """Write ``Task1_CLASS.txt`` per class, with lines ``image score x1 y1 x2 y2 x3 y3 x4 y4``, image after image.

    ``Task2_CLASS.txt`` has the upright rectangles around the boxes: ``image score left top right bottom``. ``found``
    gives name and result of each image. The files and the zip take the place of earlier ones once all is written; the
    same results give the same bytes.
    """
    files = [folder / f'Task{task}_{name}.txt' for name in classes]
    with contextlib.ExitStack() as stack:
        temporary = [stack.enter_context(replacing(path)) for path in files]
        outs = [stack.enter_context(path.open('w', encoding='utf-8')) for path in temporary]
        for name, per_class in found:
            for out, dets in zip(outs, per_class, strict=True):
                out.writelines(_lines(name, dets, version, task))
    if with_zip:
        with replacing(folder / f'{folder.name}.zip') as whole, zipfile.ZipFile(whole, 'w') as archive:
            for path in files:
                entry = zipfile.ZipInfo(path.name)  # of no time, so that it does not matter when it is written
                entry.compress_type = zipfile.ZIP_DEFLATED
                with path.open('rb') as source, archive.open(entry, 'w', force_zip64=True) as place:
                    shutil.copyfileobj(source, place)
    return files


def check_task(task: int) -> None:
    """Raise a SubmissionError for a task that DOTA's server does not have."""
    if task not in (1, 2):
        raise SubmissionError(f'task must be 1, oriented boxes, or 2, horizontal ones, got {task!r}')


def make_folder(folder: str | None) -> Path:
    """A folder for the files of a submission: ``folder``, which is made and must be empty, or a new temporary one."""
    check_folder(folder)
    target = Path(tempfile.mkdtemp(prefix='task1_') if folder is None else folder).absolute()
    target.mkdir(parents=True, exist_ok=True)
    return target


def check_folder(folder: str | None) -> None:
    """Raise a SubmissionError if ``folder`` is a file, holds files, or cannot take any."""
    if folder is not None and os.path.exists(folder) and (os.path.isfile(folder) or os.listdir(folder)):
        kind = 'is a file' if os.path.isfile(folder) else 'holds files'
        raise SubmissionError(f'submission_dir={str(folder)!r} {kind}: name a new or empty folder')
    if folder is not None and (reason := obstacle(Path(folder))) is not None:
        raise SubmissionError(f'submission_dir={str(folder)!r} cannot be written: {reason}')


def check_task_folder(folder: Path, classes: Sequence[str], task: int, again: bool) -> None:
    """:func:`check_folder`; ``again``, the folder may hold what :func:`write_task` writes."""
    ours = {f'{folder.name}.zip', *(f'Task{task}_{name}.txt' for name in classes)} if again else set()
    if not folder.is_dir() or any(not is_temporary(path) and path.name not in ours for path in folder.iterdir()):
        check_folder(str(folder))


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


def _lines(img_id: str, dets: np.ndarray, version: str, task: int) -> list[str]:
    if len(dets) == 0:
        return []
    boxes = np.asarray(dets, np.float32)
    corners = obb2poly_np(boxes, version)[:, :8] if task == 1 else obb2xyxy(boxes, version)
    rows = zip(boxes[:, 5].tolist(), corners.tolist(), strict=True)
    return [f'{img_id} {score:.6g} {" ".join(f"{value:.2f}" for value in row)}\n' for score, row in rows]
