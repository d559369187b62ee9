"""Building from a config with errors that name the wrong argument and the place it stands at."""

import difflib
import inspect
from collections.abc import Iterable
from typing import Any

from mmrotate.registry import Registry
from mmrotate.utils import UserError


class ArgumentError(UserError, TypeError):
    """A config with an argument that its class does not take, or without one that it needs."""


def build_checked(registry: Registry, cfg: dict, where: str) -> Any:
    """Build ``cfg``, whose ``type`` is a name in ``registry`` or a class.

    Every error begins with ``where``, the place in the config, e.g. ``'pipeline step 3'``.

    Raises:
        ArgumentError: ``cfg`` is no dict, or its class does not take, or misses, an argument.
        KeyError: the type is missing or unknown.
    """
    if not isinstance(cfg, dict):
        raise ArgumentError(f'{where}: a config dict with the key "type" is needed, got {cfg!r}')
    name = cfg.get('type')
    cls = registry.get(name) if isinstance(name, str) else name
    if inspect.isclass(cls):
        check_arguments(cls, {k for k in cfg if k not in ('type', '_scope_')}, where)
    try:
        return registry.build(cfg)
    except KeyError as error:
        if cls is not None:
            raise
        raise KeyError(f'{where}: {error.args[0]}') from None


def near_name(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """``"did you mean 'A'? "``, or an empty string where no known name is near."""
    near = difflib.get_close_matches(name, list(known), 1, cutoff)
    return f'did you mean {near[0]!r}? ' if near else ''


def check_arguments(cls: type, given: set[str], where: str) -> None:
    """Raise an ArgumentError if ``cls`` cannot be made with the arguments named ``given``."""
    if (known := _arguments(cls)) is None:
        return
    place, takes = f'{where} ({cls.__name__})', f'it takes: {", ".join(known) or "nothing"}'
    for key in sorted(given.difference(known)):
        raise ArgumentError(f'{place} does not know the argument {key!r}; {near_name(key, known)}{takes}')
    if missing := [key for key, needed in known.items() if needed and key not in given]:
        raise ArgumentError(f'{place} misses the argument(s) {", ".join(missing)}; {takes}')


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
