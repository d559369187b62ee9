"""Large images and their labels cut into tiles, in several processes."""

import functools
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from mmrotate.datasets.splitting import IMAGES, LABELS, Job, SplitError, TileSettings, split_image
from mmrotate.utils.journal import Journal, Stamp, Tally, file_stamp
from mmrotate.utils.places import check_outputs
from mmrotate.utils.pool import work_on

JOURNAL = 'split.journal'
_LEFT_OVER = re.compile(r'\..+\.\d+\.tmp')


def split_images(
    jobs: Sequence[Job], settings: TileSettings, out: Path, processes: int = 1, resume: bool = False
) -> dict[str, int]:
    """Write the tiles of all images, those of an image by one process; they do not depend on how many there are.

    Args:
        jobs: The images, no two of one name in a part.
        settings: How tiles are cut.
        out: The folder for all; without ``resume`` it is empty or does not exist.
        processes: How many work at once; each holds an image.
        resume: Go on with what an earlier run of the same settings has begun.

    Returns:
        The number of images, tiles, objects, and objects that are in no tile.

    Raises:
        UserError: Images could not be split, they are named, all others are done; or ``out`` cannot be used.
        KeyboardInterrupt: It was interrupted; what is done is kept.
    """
    _check(jobs, out, resume)
    _clear(jobs, out)
    journal = Journal(out / JOURNAL, {key: str(value) for key, value in asdict(settings).items()}, resume)
    items = [(str(job.image), _stamp(job)) for job in jobs]
    todo = [i for i, item in enumerate(items) if not journal.holds(*item)]
    tally = Tally(len(jobs), done=len(jobs) - len(todo))
    counts = [journal[items[i][0]] for i in sorted(set(range(len(jobs))) - set(todo))]

    def keep(index: int, result: dict[str, int]) -> dict[str, int]:
        counts.append(result)
        return result

    split = functools.partial(split_image, settings=settings, out=out)
    outcomes = work_on(split, ((i, jobs[i]) for i in todo), min(processes, max(len(todo), 1)))
    try:
        tally.work(tqdm(outcomes, 'split', len(todo), unit='image'), items, keep, journal)
    finally:
        outcomes.close()
        journal.close() if tally.done < len(jobs) else journal.remove()
    tally.finish(resumable=True)
    return {'images': len(jobs), **{key: sum(each[key] for each in counts) for key in ('tiles', 'objects', 'lost')}}


def _stamp(job: Job) -> Stamp:
    stamps = [file_stamp(job.image) or [], (file_stamp(job.source) if job.source else None) or []]
    return [*stamps[0], *stamps[1]]


def _check(jobs: Sequence[Job], out: Path, resume: bool) -> None:
    if not jobs:
        raise SplitError('there is no image to split')
    seen: dict[tuple[str, str], Path] = {}
    for job in jobs:
        if (first := seen.setdefault((job.part, job.name), job.image)) != job.image:
            raise SplitError(f'the tiles of {first} and {job.image} would have the same names: split them one by one')
    check_outputs([], [], [('--save-dir', out)])
    if not resume and out.is_dir() and any(out.iterdir()):
        how = f'--resume goes on with the run that left {JOURNAL}' if (out / JOURNAL).is_file() else 'empty it'
        raise SplitError(f'--save-dir {out} holds files: name another folder, or {how}')


def _clear(jobs: Sequence[Job], out: Path) -> None:
    """Make the folders of all tiles; what a kill left half written goes."""
    for part in {job.part for job in jobs}:
        for kind in (IMAGES, LABELS):
            folder = out / part / kind
            folder.mkdir(parents=True, exist_ok=True)
            for file in folder.glob('.*.tmp'):
                if _LEFT_OVER.fullmatch(file.name):
                    file.unlink(missing_ok=True)
