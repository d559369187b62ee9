import asyncio
import threading

import pytest

from mmrotate.serve.batching import Batcher
from mmrotate.serve.limits import Limits, RequestError


class Work:
    """Doubles numbers, and notes the batches; waits where it is told to."""

    def __init__(self):
        self.batches, self.gate = [], threading.Event()
        self.gate.set()

    def __call__(self, items):
        self.batches.append(list(items))
        assert self.gate.wait(10)
        if 13 in items:
            raise ValueError('13')
        return [2 * item for item in items]


def run(use, **limits):
    """What ``use(batcher, work)`` gives."""

    async def begin():
        work = Work()
        batcher = Batcher(work, Limits(**{'wait': 0.02, **limits}), lambda size, seconds: None)
        batcher.start()
        try:
            return await use(batcher, work)
        finally:
            work.gate.set()
            await batcher.stop()

    return asyncio.run(begin())


def ask(batcher, items, key=None):
    return [asyncio.ensure_future(batcher(item, key(item) if key else None)) for item in items]


def test_what_comes_together_is_one_batch():
    async def use(batcher, work):
        answers = await asyncio.gather(*ask(batcher, range(10)))
        return answers, work.batches

    answers, batches = run(use, batch=4)
    assert answers == [2 * i for i in range(10)]
    assert batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_only_items_of_one_kind_share_a_batch():
    async def use(batcher, work):
        answers = await asyncio.gather(*ask(batcher, range(6), lambda item: item % 2))
        return answers, work.batches

    answers, batches = run(use)
    assert answers == [0, 2, 4, 6, 8, 10]
    assert batches == [[0, 2, 4], [1, 3, 5]]


def test_one_bad_item_does_not_spoil_the_others():
    async def use(batcher, work):
        return await asyncio.gather(*ask(batcher, [1, 13, 2]), return_exceptions=True)

    first, bad, last = run(use)
    assert (first, last) == (2, 4)
    assert isinstance(bad, ValueError)


def test_more_than_may_wait_are_refused():
    async def use(batcher, work):
        work.gate.clear()
        tasks = ask(batcher, range(6))
        await asyncio.sleep(0.05)  # 0 and 1 are in work, 2 and 3 wait
        work.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = run(use, batch=2, queue=4, wait=0.0)
    assert answers[:4] == [0, 2, 4, 6]
    assert [error.status for error in answers[4:]] == [503, 503]


def test_an_answer_that_takes_too_long_is_given_up():
    async def use(batcher, work):
        work.gate.clear()
        with pytest.raises(RequestError, match=r'no answer within 0\.05 s') as raised:
            await batcher(1, None)
        work.gate.set()
        assert await batcher(2, None) == 4
        return raised.value.status

    assert run(use, timeout=0.05) == 504


def test_who_leaves_is_not_worked_for():
    async def use(batcher, work):
        work.gate.clear()
        (first,) = ask(batcher, [1])
        await asyncio.sleep(0.05)
        tasks = ask(batcher, [2, 3])
        await asyncio.sleep(0.01)
        tasks[0].cancel()
        await asyncio.sleep(0.01)
        assert len(batcher) == 1
        work.gate.set()
        return await first, await tasks[1], work.batches

    assert run(use) == (2, 6, [[1], [3]])


def test_what_is_in_work_is_finished_at_the_end_and_the_rest_is_told():
    async def use(batcher, work):
        work.gate.clear()
        (first,) = ask(batcher, [1])
        await asyncio.sleep(0.05)
        (second,) = ask(batcher, [2])
        await asyncio.sleep(0)
        end = asyncio.ensure_future(batcher.stop())
        await asyncio.sleep(0.02)
        work.gate.set()
        await end
        with pytest.raises(RequestError, match='the server stops'):
            await second
        with pytest.raises(RequestError, match='the server stops'):
            await batcher(3, None)
        return await first

    assert run(use) == 2
