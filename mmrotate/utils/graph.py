"""Whether the model is being traced: for a compiler, or for a graph whose sizes follow from shapes but not from values.

A compiler takes sizes that follow from values, like the number of objects, as unknown: code that would ask for one asks
:func:`is_empty`, and must do with none.

Code whose sizes depend on values, like the number of boxes above a threshold, asks :func:`current_graph` and takes a
fixed number instead: the best, with a score of 0 where there are none. Boxes are not suppressed while the model runs:
the settings are noted, and whoever traces suppresses those of all images together.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.fx.experimental import symbolic_shapes

# before PyTorch 2.7 only sizes that are known can be asked for
_is_known_to_be = getattr(symbolic_shapes, 'guard_or_false', bool)


def is_empty(rows: Tensor) -> bool:
    """Whether there are no elements; False while a compiler does not know."""
    return bool(_is_known_to_be(rows.numel() == 0))


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
    """Indices of the ``count`` largest of values (..., n), best first; of all if there are fewer."""
    return values.topk(torch.sym_min(count, values.size(-1))).indices


def numbers(sizes: Sequence[int], like: Tensor) -> Tensor:
    """Sizes as a tensor (n,) of another's type; those that a graph does not know yet stay open."""
    if all(isinstance(size, int) for size in sizes):
        return like.new_tensor(sizes)
    return torch.stack([torch.scalar_tensor(size, dtype=like.dtype, device=like.device) for size in sizes])
