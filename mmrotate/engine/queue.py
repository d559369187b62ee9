"""Work that several processes, on any machines, take item by item."""

import datetime
import os
from collections.abc import Iterator

from torch import distributed as dist

from mmrotate.engine.distributed import rank_and_size, share_from_first

_DAY = datetime.timedelta(days=1)


class SharedQueue:
    """Numbers from 0 to ``count`` - 1, each of which one process gets: the next one that asks.

    All processes of the group make it, and keep it until all have ended. Without a group all numbers come.
    """

    def __init__(self, count: int) -> None:
        rank, size = rank_and_size()
        self._count = count
        self._store = _meet(rank) if size > 1 else None

    def __iter__(self) -> Iterator[int]:
        if self._store is None:
            yield from range(self._count)
            return
        while (number := self._store.add('taken', 1) - 1) < self._count:
            yield number


def _meet(rank: int) -> dist.TCPStore:
    """A store of this queue alone, which the first process holds at a free port."""
    host = os.environ['MASTER_ADDR']
    if rank == 0:
        store = dist.TCPStore(host, 0, None, True, _DAY, wait_for_workers=False)
        share_from_first(store.port)
        return store
    return dist.TCPStore(host, share_from_first(None), None, False, _DAY, wait_for_workers=False)
