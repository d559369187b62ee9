"""Methods that compilers take as one operation, because what they do follows from values."""

import functools
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from .backend import operation

_OWNERS: WeakValueDictionary[int, 'Owner'] = WeakValueDictionary()
# by name: what is done, and what it gives, without values
_METHODS: dict[str, tuple[Callable[..., Sequence[Tensor]], Callable[..., Sequence[Tensor]]]] = {}


class Owner:
    """Base of objects with :func:`opaque` methods: an operation knows its owner by a number."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an object that operations find, also as a copy of another."""
        made = super().__new__(cls)
        _OWNERS[id(made)] = made
        return made


def opaque(like: Callable[..., Sequence[Tensor]]) -> Callable[[Callable], Callable]:
    """Decorates a method without gradient that gives some tensors: for compilers it is one operation.

    Its arguments are tensors, whole numbers, None, or lists of tensors or of whole numbers, by position. The results
    share no memory with them.

    Args:
        like: With the same arguments, the owner first, results without values.
    """

    def decorate(method: Callable[..., Sequence[Tensor]]) -> Callable:
        name = f'{method.__module__}.{method.__qualname__}'
        _METHODS[name] = method, like

        @functools.wraps(method)
        def called(self: Any, *args: Any, **named: Any) -> Any:
            if named or not torch.compiler.is_compiling():
                return method(self, *args, **named)
            return _op(id(self), name, *_apart(args))

        return called

    return decorate


def _apart(args: Sequence[Any]) -> tuple[str, list[Tensor], list[int]]:
    """What each argument is, all tensors, and all numbers."""
    kinds: list[str] = []
    tensors: list[Tensor] = []
    numbers: list[int] = []
    for value in args:
        many = value if isinstance(value, list | tuple) else [value]
        kind = 'n' if value is None else 't' if not many or isinstance(many[0], Tensor) else 'i'
        if kind == 't':
            tensors += [one.detach() for one in many]
        elif kind == 'i':
            numbers += many
        kinds.append(f'{kind}{len(many)}' if many is value else kind)
    return ' '.join(kinds), tensors, numbers


def _together(kinds: str, tensors: Sequence[Tensor], numbers: Sequence[int]) -> list[Any]:
    """The arguments that :func:`_apart` took apart."""
    rest = {'t': iter(tensors), 'i': iter(numbers), 'n': iter(lambda: None, 0)}
    args: list[Any] = []
    for kind in kinds.split():
        source: Any = rest[kind[0]]
        args.append([next(source) for _ in range(int(kind[1:]))] if kind[1:] else next(source))
    return args


def _without_values(
    owner: int, name: str, kinds: str, tensors: Sequence[Tensor], numbers: Sequence[int]
) -> list[Tensor]:
    return list(_METHODS[name][1](_OWNERS[owner], *_together(kinds, tensors, numbers)))


@operation('opaque', _without_values)
def _op(owner: int, name: str, kinds: str, tensors: Sequence[Tensor], numbers: Sequence[int]) -> list[Tensor]:
    with torch.no_grad():
        return list(_METHODS[name][0](_OWNERS[owner], *_together(kinds, tensors, numbers)))
