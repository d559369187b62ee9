"""A share of the GPU for each of several tasks that run at once."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Iterator
from typing import Any

import torch

# of the task, and of the threads that work for it
_stream: contextvars.ContextVar[Any] = contextvars.ContextVar('stream', default=None)


@contextlib.asynccontextmanager
async def concurrent(
    streamqueue: asyncio.Queue, trace_name: str = 'concurrent', enabled: bool = True, stream: Any = None
) -> AsyncIterator[None]:
    """Run a part of a task under a stream of a queue, waiting until one is free; it is given back in the end.

    The size of the queue limits how many tasks are inside at once.

    Args:
        streamqueue: Holds ``torch.cuda.Stream`` objects; None in place of each where there is no GPU.
        trace_name: A name of 0.x without effect.
        enabled: False does nothing.
        stream: Use this one and leave the queue alone.
    """
    del trace_name
    if not enabled:
        yield
        return
    taken = await streamqueue.get() if stream is None else stream
    token = _stream.set(taken)
    try:
        yield
    finally:
        _stream.reset(token)
        if stream is None:
            streamqueue.task_done()
            streamqueue.put_nowait(taken)


@contextlib.contextmanager
def on_stream() -> Iterator[None]:
    """Work on the stream that :func:`concurrent` took for this task, and wait for it; else on the usual one."""
    stream = _stream.get()
    with torch.cuda.stream(stream):
        yield
        if stream is not None:
            stream.synchronize()
