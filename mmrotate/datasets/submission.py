"""Detections as files for DOTA's evaluation server, Task 1 (oriented boxes)."""

import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmrotate.core.bbox import obb2poly_np

Results = Sequence[Sequence[np.ndarray]]  # per image a list over classes of arrays (n, 6): x, y, w, h, theta, score


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
        ValueError: the folder holds files, or results, images and classes do not fit together.
    """
    check_results(results, len(img_ids), classes)
    target = Path(tempfile.mkdtemp(prefix='task1_') if folder is None else folder).absolute()
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise ValueError(f'submission_dir={str(folder)!r} holds files: name a new or empty folder')
    files = [target / f'Task1_{name}.txt' for name in classes]
    for label, path in enumerate(files):
        with path.open('w', encoding='utf-8') as out:
            for img_id, per_class in zip(img_ids, results, strict=True):
                out.writelines(_lines(img_id, per_class[label], version))
    if with_zip:
        with zipfile.ZipFile(target / f'{target.name}.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, path.name)
    return list(map(str, files)), str(target)


def check_results(results: Results, num_images: int, classes: Sequence[str]) -> None:
    """Raise a ValueError unless there is one entry per image, with one array (n, 6) per class."""
    if len(results) != num_images:
        raise ValueError(f'{len(results)} results for {num_images} images')
    for i, per_class in enumerate(results):
        if len(per_class) != len(classes):
            raise ValueError(
                f'the result of image {i} has {len(per_class)} classes, the dataset {len(classes)}: {list(classes)}'
            )
        wrong = [np.shape(dets) for dets in per_class if len(dets) and np.shape(dets)[1:] != (6,)]
        if wrong:
            raise ValueError(f'the result of image {i} must be arrays (n, 6): x, y, w, h, theta, score; got {wrong[0]}')


def _lines(img_id: str, dets: np.ndarray, version: str) -> list[str]:
    if len(dets) == 0:
        return []
    polygons = obb2poly_np(np.asarray(dets, np.float32), version)
    return [f'{img_id} {row[8]:.6g} {" ".join(f"{value:.2f}" for value in row[:8])}\n' for row in polygons]
