"""Labels of one format into another: image by image, on any number of processes and machines."""

import collections
import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from mmrotate.core.earth import WGS84
from mmrotate.datasets.convert import Task, Unit, Written, check_target, count_unlabelled, units_of
from mmrotate.datasets.formats import Format, Item, PerSet
from mmrotate.datasets.image_folder import walk_folders
from mmrotate.datasets.sources import Source
from mmrotate.engine.distributed import ask_first, began_before, gather_objects
from mmrotate.engine.queue import SharedQueue
from mmrotate.utils import UserError
from mmrotate.utils.item_files import ItemFiles
from mmrotate.utils.journal import Failure, Stamp, Tally, file_stamp
from mmrotate.utils.lock import remove_leftovers
from mmrotate.utils.pool import work_on

from .together import DONE, work_together


class Report(NamedTuple):
    """How a conversion went."""

    tally: Tally
    classes: Sequence[str]
    objects: int = 0
    lost: collections.Counter[str] = collections.Counter()  # by the names in :data:`.formats.frame.LOSSES`
    unlabelled: int = 0  # images without a label file, which are left out
    nowhere: int | None = None  # images that do not say where on earth they are, of formats that want to know it


def convert(
    source: Source, target: Path, row: Format, images: str = 'link', resume: bool = False, processes: int = 1,
    crs: str = WGS84,
) -> Report | None:  # fmt: skip
    """Write the labels of ``source`` into the folder ``target`` in the format ``row``.

    All processes of a group call it, and share the images.

    Args:
        source: what is converted.
        target: a folder that is empty or not there; with ``resume`` that of an earlier run.
        row: the format.
        images: 'link' (symbolic links), 'copy' or 'none'.
        resume: go on with a run that was broken off or left images out.
        processes: how many work at it, of each process of the group; the files are the same for any number.
        crs: coordinates of GeoJSON of georeferenced images: 'wgs84', 'raster' (those of the images) or 'pixels'.

    Returns:
        How it went; of processes but the first None.

    Raises:
        UserError: the target cannot be written to, or holds what is read; two images have one name.
    """
    if source.format.numbered and not source.classes:
        raise UserError(
            f'{source.path}: its labels have numbers of classes, and nothing lists their names: give them (--classes)'
        )
    resume = ask_first(functools.partial(_may_begin, source, target, resume))
    units = list(units_of(source, row))
    task = Task(source.format.name, row.name, source.splits, source.classes, target, images, crs)
    if not source.format.numbered:
        task = replace(task, classes=_all_classes(task, units, processes))
    settings = {'source': str(source.path), 'from': task.reads, 'to': task.writes, 'classes': list(task.classes)}
    settings |= {'images': images, 'crs': crs}
    items = [(unit.name, _stamp(source, unit)) for unit in units]

    def begin() -> list[int]:
        files = ItemFiles(target / DONE, settings, resume)
        return [i for i, item in enumerate(items) if not (files.holds(*item) and task.has_written(units[i]))]

    open_files = functools.partial(ItemFiles, target / DONE, settings, resume=True)
    tally = work_together(task, units, items, begin, open_files, processes, f'to {row.name}')
    if tally is None:
        return None
    report, files = Report(tally, task.classes), open_files()
    if not tally.interrupted:
        done = [unit for unit, item in zip(units, items, strict=True) if files.holds(*item)]
        report = _finish(report, task, files, done)
    if not (tally.failures or tally.interrupted):
        files.remove()
    return report._replace(unlabelled=sum(count_unlabelled(source, part) for part in source.splits))


def _may_begin(source: Source, target: Path, resume: bool) -> bool:
    """Whether an earlier run is gone on with."""
    resume = resume or began_before(f'convert {target}')
    check_target(source, target, resume or (target / DONE).is_dir())
    if resume:
        for folder in (target / DONE, *(folder for folder, _ in walk_folders(target))):
            remove_leftovers(folder)
    return resume


def _all_classes(task: Task, units: Sequence[Unit], processes: int) -> list[str]:
    """The classes that the source lists, and after them, sorted, those that only its objects name."""
    queue = SharedQueue(len(units))
    found = work_on(task.names, ((i, units[i]) for i in queue), processes)
    each = [names for _, names in tqdm(found, 'classes', len(units), disable=None)]
    names = {name for names in each if not isinstance(names, Failure) for name in names}
    parts = gather_objects((names, next((names for names in each if isinstance(names, Failure)), None)))

    def joined() -> list[str]:
        if died := next((failure for _, failure in parts or () if failure is not None), None):
            raise UserError(died)
        return [*task.classes, *sorted(set().union(*(names for names, _ in parts or ())) - set(task.classes))]

    return ask_first(joined)


def _stamp(source: Source, unit: Unit) -> Stamp:
    place = unit.content.labels if isinstance(unit.content, Item) else source.splits[unit.part].labels
    return file_stamp(place) if place else None


def _finish(report: Report, task: Task, files: ItemFiles, done: Sequence[Unit]) -> Report:
    """Write what is one file for many images, and count."""
    splits = task.target_splits()
    for part, split in splits.items():
        if isinstance(task.row, PerSet):
            task.row.write(
                Written(files, [unit.name for unit in done if unit.part == part]), split.labels, task.classes
            )
    if task.row.finish is not None:
        task.row.finish(task.target, task.classes, splits)
    objects, nowhere, lost = 0, 0, collections.Counter[str]()
    for unit in done:
        value: dict[str, Any] = files[unit.name]
        objects += value['objects']
        nowhere += 'record' in value and value['record'][-1] is None
        lost.update(value['lost'])
    return report._replace(objects=objects, lost=lost, nowhere=nowhere if 'earth' in task.row.holds else None)
