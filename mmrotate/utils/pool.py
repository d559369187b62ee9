"""Work on many items in several processes, that cannot hang: who dies is noticed at once, and the rest goes on."""

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

import cv2

from mmrotate.utils.errors import UserError
from mmrotate.utils.journal import Failure

# a fork needs no guard around the user's main program and is there at once
_CONTEXT: Any = multiprocessing.get_context('fork' if 'fork' in multiprocessing.get_all_start_methods() else 'spawn')
_PATIENCE = 5.0  # seconds that a process gets to tidy up
_HEARTBEAT = 1.0  # seconds between the looks of a process whether its parent still lives


class WorkerError(RuntimeError):
    """A fault of the program in a worker; the message holds its traceback."""


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def work_on(
    function: Callable[[Any], Any], items: Iterable[tuple[int, Any]], processes: int
) -> Iterator[tuple[int, Any]]:
    """Call ``function`` for each item; gives its index and the result as they come, in any order.

    An item is taken from ``items`` when a process is free for it. Where an item fails by an error of the user's, or
    its process dies, its result is a :class:`mmrotate.utils.journal.Failure`; an item that already is one comes back
    as it is. When the iterator is closed the processes end.

    Args:
        function: A function of a module, or a :func:`functools.partial` of one.
        items: Index and argument of each call.
        processes: How many; 1 is this one.

    Raises:
        WorkerError: Any other error in a process.
    """
    if processes < 2:
        for index, item in items:
            yield index, item if isinstance(item, Failure) else _attempt(function, item)
        return
    pool: list[_Worker] = []
    try:
        for index, item in items:
            if isinstance(item, Failure):
                yield index, item
                continue
            if len(pool) == processes and all(worker.index is not None for worker in pool):
                yield from _collect(pool)
            free = next((worker for worker in pool if worker.index is None), None)
            if free is None:
                pool.append(free := _Worker(function))
            free.give(index, item)
        while any(worker.index is not None for worker in pool):
            yield from _collect(pool)
    finally:
        for worker in pool:
            worker.stop()
        for worker in pool:
            worker.join()


def _collect(pool: 'list[_Worker]') -> Iterator[tuple[int, Any]]:
    """Wait for results; who died leaves the pool."""
    busy = {worker.pipe: worker for worker in pool if worker.index is not None}
    for pipe in wait(list(busy)):
        worker = busy[pipe]  # type: ignore[index]  # it waits for connections only
        index, result = worker.take()
        if worker.index is not None:
            pool.remove(worker)
            worker.join()
        yield index, result


class _Worker:
    """A process that works on one item at a time."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.index: int | None = None  # of the item that it works on
        self.pipe, other = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_serve, args=(function, other, os.getpid()), daemon=True)
        self._process.start()
        other.close()  # so that the end of the process closes the pipe

    def give(self, index: int, item: Any) -> None:
        """Send an item; that the process is dead shows when its result is taken."""
        self.index = index
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(item)

    def take(self) -> tuple[int, Any]:
        """Index and result of the item; ``index`` stays if the process died."""
        index = self.index
        assert index is not None
        try:
            fault, result = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join(_PATIENCE)
            return index, Failure(f'the process that worked on it {_how_it_ended(self._process.exitcode)}')
        if fault:
            raise WorkerError(f'in a worker:\n{fault}')
        self.index = None
        return index, result

    def stop(self) -> None:
        """Ask the process to end; it tidies up first."""
        self._process.terminate()

    def join(self) -> None:
        """Wait until it has ended."""
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.pipe.close()


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = ' (was the memory used up? fewer processes need less)' if name == 'SIGKILL' else ''
        return f'was killed by {name}{hint}'
    return f'ended with the exit code {code}'


def _attempt(function: Callable[[Any], Any], item: Any) -> Any:
    try:
        return function(item)
    except UserError as error:
        return Failure(error)


def _serve(function: Callable[[Any], Any], pipe: Connection, parent: int) -> None:
    """Main function of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    signal.signal(signal.SIGTERM, _leave)
    cv2.setNumThreads(0)  # its threads do not survive a fork
    while True:
        while not pipe.poll(_HEARTBEAT):
            if os.getppid() != parent:
                return
        try:
            item = pipe.recv()
        except EOFError:
            return
        fault, result = '', None
        try:
            result = _attempt(function, item)
        except Exception:
            fault = traceback.format_exc()
        pipe.send((fault, result))


def _leave(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)
