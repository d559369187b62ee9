"""Building from a config with errors that name the wrong argument and the place it stands at."""

import inspect
from typing import Any

from mmrotate.registry import Registry
from mmrotate.utils.arguments import ArgumentError, check_arguments


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
