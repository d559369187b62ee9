"""Logs of trainings: what was measured, when, and how long it took."""

import itertools
import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mmrotate.utils import UserError
from mmrotate.utils.arguments import near_name
from mmrotate.utils.files import near_files

# 0.3 calls it bbox_mAP, mmengine's files have the name that the dataset gives
_OTHER_NAME = {'bbox_mAP': 'mAP', 'mAP': 'bbox_mAP'}
_PLACES = {'mode', 'epoch', 'iter', 'step'}


class Record(NamedTuple):
    """One line of a log."""

    mode: str  # 'train' or 'val'
    epoch: int  # from 1 on
    iteration: int  # of the line in the file: of the epoch or, with ``step``, of the whole training
    values: dict[str, float]


class Series(NamedTuple):
    """The values of one key, in their order; all three are of one length."""

    epochs: list[int]
    iterations: list[int]  # counted through the whole training
    values: list[float]
    mode: str  # 'train', or 'val' where a validation gave the values


class TrainingLog:
    """What one training wrote: ``TIMESTAMP.log.json``, as 0.3 wrote it too, or ``vis_data/scalars.json``.

    Of a training that was resumed into the same file the later of two lines of a moment counts.

    Args:
        path: The file, or a folder of a training, of which the latest log is taken.
        later: Logs that the same training wrote after it, each time it was resumed.

    Raises:
        UserError: There is no such file, or it is no log.
    """

    def __init__(self, path: str | Path, *later: str | Path) -> None:
        files = [find_log(Path(file)) for file in (path, *later)]
        self.path = files[-1]
        ends: dict[int, int] = {}
        read = (record for file in files for record in _read(file, ends))
        records = {(record.mode, record.epoch, record.iteration): record for record in read}
        self.records = list(records.values())
        if not self.records:
            raise UserError(f'{self.path} holds no line of a training or validation')
        self._per_epoch = _iterations_per_epoch([record for record in self.records if record.mode == 'train'])

    @property
    def keys(self) -> list[str]:
        """Names of all values."""
        return list(dict.fromkeys(key for record in self.records for key in record.values))

    def keys_of(self, mode: str) -> list[str]:
        """Names of the values of trainings ('train') or evaluations ('val')."""
        return list(dict.fromkeys(key for record in self.records if record.mode == mode for key in record.values))

    def series(self, key: str, first_epoch: int = 1) -> Series:
        """The values of ``key`` from an epoch on; ``bbox_mAP`` and ``mAP`` are one.

        Raises:
            UserError: There are none; the message lists what there is.
        """
        if key not in self.keys:
            key = _OTHER_NAME.get(key, key)
        found = [record for record in self.records if key in record.values]
        if not found:
            raise UserError(
                f'{self.path} has no values of {key!r}; {near_name(key, self.keys)}it has: {", ".join(self.keys)}'
            )
        kept = [record for record in found if record.epoch >= first_epoch]
        if not kept:
            raise UserError(f'{self.path}: the last epoch with {key!r} is {found[-1].epoch}, before {first_epoch}')
        modes = {record.mode for record in kept}
        kept = [record for record in kept if record.mode == 'train' or modes == {'val'}]
        return Series(
            [record.epoch for record in kept],
            [self.overall(record) for record in kept],
            [record.values[key] for record in kept],
            kept[0].mode,
        )

    def overall(self, record: Record) -> int:
        """Iteration of a line, counted through the whole training."""
        return record.iteration + (record.epoch - 1) * self._per_epoch

    def seconds_per_epoch(self, include_outliers: bool = False) -> dict[int, list[float]]:
        """Seconds of an iteration, as the lines of each epoch have it.

        The first line of an epoch, which holds the start of the data loader, is left out unless ``include_outliers``.

        Raises:
            UserError: No times are left.
        """
        times: dict[int, list[float]] = defaultdict(list)
        for record in self.records:
            if record.mode == 'train' and 'time' in record.values:
                times[record.epoch].append(record.values['time'])
        if not times:
            raise UserError(f'{self.path} has no values of time of a training')
        kept = {epoch: row if include_outliers else row[1:] for epoch, row in times.items()}
        if not any(kept.values()):
            raise UserError(
                f'{self.path} has one line an epoch, and the first is left out: give --include-outliers, or train '
                'with a smaller log_config.interval'
            )
        return {epoch: row for epoch, row in kept.items() if row}


class TrainTime(NamedTuple):
    """How long the iterations of a training took, in seconds; epochs count from 1."""

    slowest: tuple[int, float]
    fastest: tuple[int, float]
    deviation: float  # standard deviation of the means of the epochs
    mean: float  # of all lines

    def __str__(self) -> str:
        return (
            f'slowest epoch {self.slowest[0]}, average time is {self.slowest[1]:.4f}\n'
            f'fastest epoch {self.fastest[0]}, average time is {self.fastest[1]:.4f}\n'
            f'time std over epochs is {self.deviation:.4f}\n'
            f'average iter time: {self.mean:.4f} s/iter\n'
        )


def train_time(log: TrainingLog, include_outliers: bool = False) -> TrainTime:
    """Times of an iteration; see :meth:`TrainingLog.seconds_per_epoch`."""
    times = log.seconds_per_epoch(include_outliers)
    means = {epoch: statistics.fmean(row) for epoch, row in times.items()}
    slowest, fastest = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    return TrainTime(
        (slowest, means[slowest]),
        (fastest, means[fastest]),
        statistics.pstdev(means.values()),
        statistics.fmean(value for row in times.values() for value in row),
    )


def find_log(path: Path) -> Path:
    """The log that ``path`` is, or the latest in the folder that it is."""
    if path.is_dir():
        found = [*path.glob('*.log.json'), *path.glob('**/scalars.json')]
        if not found:
            raise UserError(f'{path} holds no log of a training: neither *.log.json nor vis_data/scalars.json')
        return max(found, key=lambda file: (file.stat().st_mtime, file.name.endswith('.log.json')))
    if not path.is_file():
        raise UserError(f'there is no log {path}{near_files(path)}')
    return path


def home_of(log: Path) -> Path:
    """Folder of the training that wrote ``log``."""
    return log.parent if log.parent.name != 'vis_data' else log.parent.parent.parent


def _read(path: Path, ends: dict[int, int]) -> Iterator[Record]:
    """Lines of training and validation; ``ends`` becomes the iteration of the last line of each epoch."""
    epoch, step, last = 1, 0, ''
    with path.open(encoding='utf-8', errors='replace') as lines:
        for number, line in enumerate(lines, 1):
            if last:  # only the end of a file may be cut off
                raise UserError(last)
            if not line.strip():
                continue
            try:
                content = json.loads(line)
            except ValueError:
                content, last = None, f'{path}, line {number}: no line of JSON: a log ends in .log.json or scalars.json'
                if number == 1:
                    raise UserError(last) from None
                continue
            if not isinstance(content, dict):
                raise UserError(f'{path}, line {number}: an object was expected, got {line.strip()[:40]}')
            record = _record(content, epoch, step, ends)
            if record is not None:
                epoch, step = record.epoch, record.iteration
                ends[epoch] = step
                yield record


def _record(content: dict[str, Any], epoch: int, step: int, ends: dict[int, int]) -> Record | None:
    """A line, where the one before was of ``epoch`` and ``step``; None for one that tells of the environment."""
    numbers = (int, float)
    values = {key: value for key, value in content.items() if key not in _PLACES and isinstance(value, numbers)}
    if 'step' in content:  # mmengine's: a validation has neither mode nor epoch, its step may be of either kind
        if 'epoch' in content or 'iter' in content:
            return Record('train', content.get('epoch', epoch), content['step'], values)
        return Record('val', epoch if step else content['step'], step or content['step'], values)
    if 'epoch' not in content or not values:
        return None
    mode = content.get('mode', 'train')
    # of a validation 0.3 wrote how many batches it had; a resumed training may begin with one
    iteration = content.get('iter', 0)
    if mode == 'val':
        iteration = step or ends.get(content['epoch'], iteration)
    return Record(mode, content['epoch'], iteration, values)


def _iterations_per_epoch(records: list[Record]) -> int:
    """How many iterations go before each epoch in a log that counts anew in each, else 0."""
    highest: dict[int, int] = {}
    for record in records:
        highest[record.epoch] = max(highest.get(record.epoch, 0), record.iteration)
    lowest = {record.epoch: record.iteration for record in reversed(records)}
    epochs = sorted(highest)
    anew = any(lowest[later] <= highest[earlier] for earlier, later in itertools.pairwise(epochs))
    return max(highest.values()) if anew else 0
