"""Long work item by item, so that what is done stays done: a journal on the disk, and a tally of what failed."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mmrotate.utils.errors import UserError
from mmrotate.utils.files import naming_errors

Stamp = list[int] | None


def file_stamp(path: str | Path) -> Stamp:
    """Size and time of change of a file, which say whether it is still the same; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


class Journal:
    """The items that a run has done so far, a JSON line each, in a file that outlives a kill.

    The first line holds what the run was made with. Each further one is on the disk before the next item starts; a
    line that was cut short by a kill counts as not written. In memory there are only the places of the lines.

    Args:
        path: The file; its folder is made.
        settings: Plain values that the results depend on, by name.
        resume: Go on with the file if it exists; without it the file starts anew.

    Raises:
        UserError: ``resume``, and the file is damaged or was made with other settings.
        WriteError: The file cannot be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], resume: bool = False) -> None:
        self.path = path
        self._places: dict[str, tuple[Stamp, int]] = {}
        with naming_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            end = self._start(settings, resume)
            self._file = path.open('r+b' if end else 'wb', buffering=0)
            self._file.truncate(end)
            self._end = self._file.seek(end)
        if not end:
            self._append({'made with': dict(settings)})

    def __len__(self) -> int:
        return len(self._places)

    def holds(self, item: str, stamp: Stamp = None) -> bool:
        """Whether ``item`` is done, from a file of the same ``stamp``."""
        return item in self._places and self._places[item][0] == stamp

    def add(self, item: str, stamp: Stamp, value: Any) -> None:
        """Note that ``item`` is done, with ``value``, plain values."""
        place = self._end
        self._append({'item': item, 'stamp': stamp, 'value': value})
        self._places[item] = (stamp, place)

    def __getitem__(self, item: str) -> Any:
        """The value of an item, read from the file."""
        with self.path.open('rb') as lines:
            lines.seek(self._places[item][1])
            return json.loads(lines.readline())['value']

    def close(self) -> None:
        """Leave the file as it is."""
        self._file.close()

    def remove(self) -> None:
        """All is done: nothing is left to go on with."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _append(self, line: Mapping[str, Any]) -> None:
        # one call without a buffer: an interrupt comes before or after it
        data = json.dumps(line).encode() + b'\n'
        with naming_errors(self.path):
            written = self._file.write(data)
            while written < len(data):  # a disk that fills up takes a part first, and says why at the next
                written += self._file.write(data[written:])
        self._end += len(data)

    def _start(self, settings: Mapping[str, Any], resume: bool) -> int:
        """Where to go on writing; what happens to the work of an earlier run, or that there is none, is said."""
        if resume:
            if self.path.is_file():
                return self._load(settings)
            print(f'--resume: there is no {self.path}, so it starts with the first', file=sys.stderr)
        elif self.path.is_file():
            print(f'{self.path} of an earlier run is discarded: --resume would have gone on with it', file=sys.stderr)
        return 0

    def _load(self, settings: Mapping[str, Any]) -> int:
        """Read the places of the lines; gives where the whole ones end, 0 if not even the first is whole."""
        end = 0
        for number, line in enumerate(self._whole_lines(), 1):
            try:
                content = json.loads(line)
                if number == 1:
                    check_settings(self.path, content['made with'], settings)
                else:
                    self._places[content['item']] = (content['stamp'], end)
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(f'{self.path}, line {number}: no line of a journal; remove the file') from error
            end += len(line)
        return end

    def _whole_lines(self) -> Iterator[bytes]:
        with self.path.open('rb') as lines:
            yield from (line for line in lines if line.endswith(b'\n'))


def check_settings(path: Path, made_with: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Refuse to go on with what the file ``path`` says was made with other settings; a UserError tells which."""
    now = json.loads(json.dumps(dict(settings)))
    other = [f'{key} {made_with.get(key)}, now {now.get(key)}' for key in now if made_with.get(key) != now[key]]
    if other:
        raise UserError(
            f'--resume: {path} was made with {"; ".join(other)}. Give the same again, or leave out --resume '
            'to start anew'
        )


class Failure(str):
    """Why an item could not be worked on, in the place of its result."""


@dataclass
class Tally:
    """How a run over ``total`` items went."""

    total: int
    noun: str = 'images'
    done: int = 0
    failures: dict[str, str] = field(default_factory=dict)  # reason by item
    interrupted: bool = False

    def fail(self, item: str, reason: str) -> None:
        """Count a failure and say it at once, in a line."""
        self.failures[item] = reason
        tqdm.write(f'left out: {" ".join(reason.split())}', file=sys.stderr)  # above a progress bar

    def work(
        self,
        outcomes: Iterable[tuple[int, Any]],
        items: Sequence[tuple[str, Stamp]],
        keep: Callable[[int, Any], Any],
        journal: Journal | None = None,
    ) -> None:
        """Finish what comes, until the end or an interrupt, each item before the next.

        Args:
            outcomes: Index and result, or :class:`Failure`, of items.
            items: Name and stamp of every item.
            keep: Called with index and result: writes what is to be written, gives the value for the journal.
            journal: Where the items that are done are noted.
        """
        try:
            for index, result in outcomes:
                name, stamp = items[index]
                if isinstance(result, Failure):
                    self.fail(name, result)
                    continue
                value = keep(index, result)
                if journal is not None:
                    journal.add(name, stamp, value)
                self.done += 1
        except KeyboardInterrupt:
            self.interrupted = True

    def join(self, others: Iterable['Tally'], before: int = 0) -> None:
        """Take in the tallies of other processes, in each of which ``before`` items of earlier runs are counted."""
        for other in others:
            self.done += other.done - before
            self.failures |= other.failures
            self.interrupted |= other.interrupted

    def finish(self, resumable: bool) -> None:
        """Say how the run ended, unless everything is done.

        Raises:
            KeyboardInterrupt: It was interrupted.
            UserError: Items failed; they are listed.
        """
        if self.interrupted:
            how = 'the same command with --resume goes on' if resumable else 'what is done is kept'
            raise KeyboardInterrupt(f'interrupted: {self.done} of {self.total} {self.noun} are done; {how}')
        if self.failures:
            how = ' Once they are mended, the same command with --resume does the rest.' if resumable else ''
            names = ', '.join(self.failures)
            raise UserError(
                f'{len(self.failures)} of {self.total} {self.noun} could not be used, {self.done} are done.{how} '
                f'Left out: {names}'
            )
