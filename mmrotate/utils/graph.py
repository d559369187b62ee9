"""Whether the model is being traced for a graph, whose sizes may follow from shapes but not from values.

Code whose sizes depend on values, like the number of boxes above a threshold, asks :func:`current_graph` and takes a
fixed number instead: the best, with a score of 0 where there are none. Boxes are not suppressed while the model runs:
the settings are noted, and whoever traces suppresses those of all images together.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Graph:
    """What a trace is told, and what it finds.

    Args:
        candidates: Most candidates of an image that NMS sees, 1 or more.
        present: Mask (n,) of the rows of scores that count; None for all. Stages on fewer proposals than places set it.
        asked: The NMS that the model asked for, and the most detections.
    """

    candidates: int
    present: Tensor | None = None
    asked: list[tuple[Mapping | float, int]] = field(default_factory=list)


_CURRENT: ContextVar[Graph | None] = ContextVar('graph', default=None)


def current_graph() -> Graph | None:
    """The graph that is being traced, if one is."""
    return _CURRENT.get()


@contextmanager
def tracing(graph: Graph) -> Iterator[Graph]:
    """Within it, :func:`current_graph` gives ``graph``."""
    token = _CURRENT.set(graph)
    try:
        yield graph
    finally:
        _CURRENT.reset(token)


def largest(values: Tensor, count: int) -> Tensor:
    """Indices of the ``count`` largest of values (n,), best first; of all if there are fewer."""
    return values.topk(torch.sym_min(count, values.size(0))).indices
