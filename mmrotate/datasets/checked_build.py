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
    """Build ``cfg`` by ``registry``; an unknown type or argument raises an error that says where.

    Args:
        registry: knows ``cfg['type']``.
        cfg: config dict with the key ``type`` (a registered name or a class).
        where: place in the config, the beginning of every error, e.g. ``'pipeline step 3'``.

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
    known, required = _arguments(cls)
    if known is None:
        return
    place, takes = f'{where} ({cls.__name__})', f'it takes: {", ".join(known) or "nothing"}'
    for key in sorted(given.difference(known)):
        raise ArgumentError(f'{place} does not know the argument {key!r}; {near_name(key, known)}{takes}')
    if missing := [key for key in required if key not in given]:
        raise ArgumentError(f'{place} misses the argument(s) {", ".join(missing)}; {takes}')


def _arguments(cls: type) -> tuple[list[str] | None, list[str]]:
    """Names that the constructor takes (None: any), with its base's for ``**kwargs``; and those without a default."""
    known: list[str] = []
    required: list[str] = []
    open_end = False
    for base in cls.__mro__:
        if '__init__' not in vars(base):
            continue
        if base is object:  # no constructor at all, or one that keeps the ``**kwargs`` itself
            return (None if open_end else known), required
        parameters = list(inspect.signature(vars(base)['__init__']).parameters.values())[1:]
        named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        required += [p.name for p in named if p.default is p.empty and p.name not in known]
        known += [p.name for p in named if p.name not in known]
        open_end = any(p.kind is p.VAR_KEYWORD for p in parameters)
        if not open_end:
            break
    return known, required
