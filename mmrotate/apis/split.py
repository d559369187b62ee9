"""Large images and their labels cut into tiles, in several processes, on several machines."""

import functools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mmrotate.datasets.splitting import IMAGES, LABELS, Job, SplitError, TileSettings, split_image
from mmrotate.engine.distributed import began_before
from mmrotate.utils.files import is_temporary
from mmrotate.utils.item_files import ItemFiles
from mmrotate.utils.journal import Stamp, file_stamp
from mmrotate.utils.places import check_outputs

from .together import DONE, work_together


def split_images(
    jobs: Sequence[Job], settings: TileSettings, out: Path, processes: int = 1, resume: bool = False
) -> dict[str, int]:
    """Write the tiles of all images, those of an image by one process; they do not depend on how many there are.

    All processes of a group call it, and share the images.

    Args:
        jobs: The images, no two of one name in a part.
        settings: How tiles are cut.
        out: The folder for all; without ``resume`` it is empty or does not exist.
        processes: How many work at once, of each process of the group; each holds an image.
        resume: Go on with what an earlier run of the same settings has begun.

    Returns:
        The number of images, tiles, objects, objects that are in no tile, and images that are georeferenced; nothing
        in processes but the first.

    Raises:
        UserError: Images could not be split, they are named, all others are done; or ``out`` cannot be used.
        KeyboardInterrupt: It was interrupted; what is done is kept.
    """
    plain = {key: str(value) for key, value in asdict(settings).items()}
    items = [(str(job.image), _stamp(job)) for job in jobs]
    split = functools.partial(split_image, settings=settings, out=out)
    begin = functools.partial(_begin, jobs, items, plain, out, resume)
    open_files = functools.partial(ItemFiles, out / DONE, plain, resume=True)
    if (tally := work_together(split, jobs, items, begin, open_files, processes, 'split')) is None:
        return {}
    tally.finish(resumable=True)
    files = open_files()
    counts = [files[name] for name, _ in items]
    files.remove()
    keys = 'tiles', 'objects', 'lost', 'placed'
    return {'images': len(items), **{key: sum(each[key] for each in counts) for key in keys}}


def _stamp(job: Job) -> Stamp:
    stamps = [file_stamp(job.image), file_stamp(job.source) if job.source else None]
    return [number for stamp in stamps for number in stamp or []]


def _begin(
    jobs: Sequence[Job], items: Sequence[tuple[str, Stamp]], settings: dict[str, str], out: Path, resume: bool
) -> list[int]:
    """Which images are to do."""
    resume = resume or began_before(f'split {out}')
    _check(jobs, out, resume)
    files = ItemFiles(out / DONE, settings, resume)
    for folder in {out / job.part / kind for job in jobs for kind in (IMAGES, LABELS)}:
        folder.mkdir(parents=True, exist_ok=True)
        for path in filter(is_temporary, folder.iterdir()):  # what a kill left half written
            path.unlink(missing_ok=True)
    return [i for i, item in enumerate(items) if not files.holds(*item)]


def _check(jobs: Sequence[Job], out: Path, resume: bool) -> None:
    if not jobs:
        raise SplitError('there is no image to split')
    seen: dict[tuple[str, str], Path] = {}
    for job in jobs:
        if (other := seen.setdefault((job.part, job.name), job.image)) != job.image:
            raise SplitError(f'the tiles of {other} and {job.image} would have the same names: split them one by one')
    check_outputs([], [], [('--save-dir', out)])
    begun = (out / DONE).is_dir()
    if out.is_dir() and any(out.iterdir()) and not (resume and begun):
        how = '--resume goes on with what was begun there' if begun else 'empty it'
        raise SplitError(f'--save-dir {out} holds files: name another folder, or {how}')
