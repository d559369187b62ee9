"""Arguments of a class held against what a config gives, with errors that name the wrong one and those near it."""

import difflib
import inspect
from collections.abc import Iterable

from mmrotate.utils.errors import UserError


class ArgumentError(UserError, TypeError):
    """A config with an argument that its class does not take, or without one that it needs."""


def near_name(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """``"did you mean 'A'? "``, or an empty string where no known name is near."""
    near = difflib.get_close_matches(name, list(known), 1, cutoff)
    return f'did you mean {near[0]!r}? ' if near else ''


def check_known(cls: type, given: set[str], where: str = '') -> None:
    """Raise an ArgumentError if the constructor of ``cls`` does not take the arguments named ``given``.

    The error begins with ``where``, the place in the config, if that is known.
    """
    known = _arguments(cls)
    for key in sorted(given.difference(given if known is None else known)):
        near = near_name(key, known or ())
        raise ArgumentError(f'{_place(cls, where)} does not know the argument {key!r}; {near}{_takes(known)}')


def check_arguments(cls: type, given: set[str], where: str = '') -> None:
    """As :func:`check_known`, and raise one too if an argument is missing."""
    check_known(cls, given, where)
    known = _arguments(cls) or {}
    if missing := [key for key, needed in known.items() if needed and key not in given]:
        raise ArgumentError(f'{_place(cls, where)} misses the argument(s) {", ".join(missing)}; {_takes(known)}')


def _place(cls: type, where: str) -> str:
    return f'{where} ({cls.__name__})' if where else cls.__name__


def _takes(known: dict[str, bool] | None) -> str:
    return f'it takes: {", ".join(known or ()) or "nothing"}'


def _arguments(cls: type) -> dict[str, bool] | None:
    """Arguments of the constructor (for ``**kwargs`` its base's too) and whether they are needed; None: takes any."""
    known: dict[str, bool] = {}
    *bases, _ = (base for base in cls.__mro__ if '__init__' in vars(base))  # the last is object
    for base in bases:
        parameters = list(inspect.signature(vars(base)['__init__']).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                known.setdefault(parameter.name, parameter.default is parameter.empty)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return known
    return None if bases else known  # the ``**kwargs`` are kept, or there is no constructor at all
