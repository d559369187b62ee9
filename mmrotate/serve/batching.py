"""Single requests become batches of a detector, which works in a thread of its own."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from mmrotate.serve.limits import Limits, RequestError

_AGAIN = 'try again later'


@dataclass(eq=False)
class _Waiting:
    item: Any
    key: Hashable
    answer: asyncio.Future


class Batcher:
    """Gathers what waits into batches of one kind, and gives each its answer.

    Args:
        work: Called in the thread with a list of items, gives as many results.
        limits: Its ``batch``, ``wait``, ``queue`` and ``timeout``.
        watch: Called after each batch with its size and its seconds.
    """

    def __init__(
        self, work: Callable[[list[Any]], Sequence[Any]], limits: Limits, watch: Callable[[int, float], None]
    ) -> None:
        self._work, self._limits, self._watch = work, limits, watch
        self._waiting: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1)
        self._task: asyncio.Task | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def start(self) -> None:
        """Begin to work, in the running event loop."""
        self._arrived = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End; who still waits is told so. The batch in work is finished."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        while self._waiting:
            _fail(self._waiting.popleft(), RequestError(503, f'the server stops: {_AGAIN}'))
        self._thread.shutdown()

    async def __call__(self, item: Any, key: Hashable) -> Any:
        """The result for an item; only items of the same key share a batch.

        Raises:
            RequestError: Too many wait (503), or it took too long (504).
        """
        if self._task is None or self._task.done():
            raise RequestError(503, f'the server stops: {_AGAIN}')
        if len(self._waiting) >= self._limits.queue:
            raise RequestError(503, f'{len(self._waiting)} images wait, as many as may: {_AGAIN}')
        waiting = _Waiting(item, key, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        try:
            return await asyncio.wait_for(waiting.answer, self._limits.timeout)
        except asyncio.TimeoutError:
            raise RequestError(504, f'no answer within {self._limits.timeout:g} s: {_AGAIN}') from None
        finally:
            with contextlib.suppress(ValueError):  # else its batch has begun
                self._waiting.remove(waiting)

    async def _run(self) -> None:
        while True:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            await self._wait_for_others()
            if batch := self._take():
                await self._answer(batch)

    async def _wait_for_others(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._limits.wait
        while 0 < len(self._waiting) < self._limits.batch and (rest := end - loop.time()) > 0:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), rest)
            except asyncio.TimeoutError:
                return

    def _take(self) -> list[_Waiting]:
        """The first that waits, and others of its kind."""
        if not self._waiting:
            return []
        key = self._waiting[0].key
        batch = [waiting for waiting in self._waiting if waiting.key == key][: self._limits.batch]
        for waiting in batch:
            self._waiting.remove(waiting)
        return batch

    async def _answer(self, batch: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        work = loop.run_in_executor(self._thread, self._work, [waiting.item for waiting in batch])
        try:
            results = await asyncio.shield(work)
        except asyncio.CancelledError:  # the server stops
            await self._finish(work, batch)
            raise
        except Exception as error:
            if len(batch) == 1:
                _fail(batch[0], error)
            for waiting in batch if len(batch) > 1 else ():  # one may be to blame: the others get their answers
                await self._answer([waiting])
        else:
            self._watch(len(batch), loop.time() - start)
            _give(batch, results)

    async def _finish(self, work: asyncio.Future, batch: list[_Waiting]) -> None:
        try:
            _give(batch, await work)
        except Exception as error:
            for waiting in batch:
                _fail(waiting, error)


def _give(batch: list[_Waiting], results: Sequence[Any]) -> None:
    for waiting, result in zip(batch, results, strict=True):
        if not waiting.answer.done():  # its client may have left
            waiting.answer.set_result(result)


def _fail(waiting: _Waiting, error: BaseException) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)
