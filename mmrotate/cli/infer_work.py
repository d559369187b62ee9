"""What ``mmrotate infer`` does alike with checkpoints and exported files: which images, in which groups."""

import argparse
import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.apis.scenes import Search
from mmrotate.cli.infer_outputs import Outputs
from mmrotate.core.raster import Raster
from mmrotate.utils import UserError
from mmrotate.utils.journal import Tally

_IMAGES = {'.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp'}


def image_files(given: Sequence[str]) -> Iterator[Path]:
    """The images that are meant; of folders and patterns neither hidden files (macOS leaves ._a.jpg) nor pipes."""
    for name in given:
        path = Path(name)
        if path.is_file():
            yield path
            continue
        try:
            found = list(path.iterdir()) if path.is_dir() else map(Path, glob.glob(name, recursive=True))
        except OSError as error:
            raise UserError(f'cannot read the folder {name}: {error.strerror}') from error
        named = (file for file in found if file.suffix.lower() in _IMAGES and not file.name.startswith('.'))
        images = sorted(file for file in named if file.is_file())
        if not images:
            raise UserError(f'no image at {name} (formats: {", ".join(sorted(_IMAGES))})')
        yield from images


def scenes_and_groups(
    files: Sequence[Path], search: Search | None, batch_size: int
) -> tuple[set[int], list[list[int]]]:
    """Numbers of the images that are read window by window, and groups of numbers that the detector sees together.

    Those are batches, and scenes one by one.
    """
    scenes = {i for i, file in enumerate(files) if search is not None and _is_scene(file, search)}
    whole = [i for i in range(len(files)) if i not in scenes]
    batches = [whole[i : i + batch_size] for i in range(0, len(whole), batch_size)]
    return scenes, batches + [[i] for i in sorted(scenes)]


def finish(args: argparse.Namespace, outputs: Outputs, tally: Tally, items: Sequence[tuple[str, Any]]) -> None:
    """Write what holds all images, and say how it went."""
    places = outputs.close(tally, items)
    if tally.done:
        print(f'{outputs.found} detections with a score from {args.score_thr} on in {tally.done} image(s)')
        for place in places:
            print(f'written: {place}')
    tally.finish(resumable=outputs.journal is not None)


def _is_scene(file: Path, search: Search) -> bool:
    """Whether a file is read window by window, as those are that are no pictures; one that cannot be read is not."""
    try:
        with Raster(file) as raster:
            deep = raster.dtype != np.uint8 or (raster.dataset is not None and raster.bands not in (1, 3, 4))
            return deep or search.reads_windows((raster.width, raster.height))
    except UserError:
        return False
