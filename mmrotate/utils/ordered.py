"""Work on items in several threads, with the outcomes in the order of the items."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar('Item')
Outcome = TypeVar('Outcome')


def in_order(work: Callable[[Item], Outcome], items: Iterable[Item], workers: int) -> Iterator[Outcome]:
    """Outcomes of ``work``, one after the other, whatever the number of threads.

    Items are taken as they are needed: at most two for each thread are begun and not yet given. An error of an item is
    raised in its turn, and what has begun comes to its end then. It suits work that leaves Python's lock, as
    operations in C++ and reading do; no thread can be lost, as a process can.
    """
    if workers <= 1:
        yield from map(work, items)
        return
    left = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        begun: deque[Future[Outcome]] = deque(pool.submit(work, item) for item in islice(left, 2 * workers))
        try:
            while begun:
                outcome = begun.popleft().result()
                begun.extend(pool.submit(work, item) for item in islice(left, 1))
                yield outcome
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
