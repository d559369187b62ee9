"""Keys of ``train_cfg`` and ``test_cfg``, however deep, that no part of the detector reads."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from mmrotate.core.post_processing import check_nms

from .findings import Finding

_SETTINGS = ('train_cfg', 'test_cfg')


def unread_settings(model: nn.Module) -> Iterator[Finding]:
    """One warning that names all keys that nothing reads, and what is wrong with ``nms``.

    A detector says by ``settings`` which of its heads reads which part, a head by ``train_keys`` and ``test_keys``
    what it reads there. Classes of a user's own that do not say it themselves are not checked: they may read
    anything.
    """
    places = _places(model)
    if places is None:
        return
    unread: list[str] = []
    for name in _SETTINGS:
        given = getattr(model, name, None)
        if isinstance(given, Mapping):
            unread += _unread(given, places[name], f'model.{name}')
            yield from _wrong_nms(given, f'model.{name}')
    if unread:
        text = f'keys of the config that are not understood and have no effect: {unread}'
        yield Finding(text, logging.WARNING)


def _places(model: nn.Module) -> dict[str, Any] | None:
    """Known keys of both settings, nested; None where the detector does not say."""
    if not _says(model, 'settings'):
        return None
    places: dict[str, Any] = {}
    for path, head, keys in model.settings:  # type: ignore[union-attr]
        *above, last = path.split('.')
        inner = places
        for key in above:
            inner = inner.setdefault(key, {})
        inner[last] = _keys_of(getattr(model, head), keys) if head else None
    return {name: places.get(name) for name in _SETTINGS}


def _keys_of(head: Any, keys: str) -> Any:
    """Known keys of one head, of a list of heads those of any; None: not to be checked."""
    heads = list(head) if isinstance(head, nn.ModuleList) else [head]
    if not all(_says(one, keys) for one in heads):
        return None
    return {key: value for one in heads for key, value in getattr(one, keys).items()}


def _says(part: Any, name: str) -> bool:
    """Whether a part declares ``name``: its own class, or one of this package without a class of a user's below."""
    owner = next((cls for cls in type(part).__mro__ if name in vars(cls)), None)
    return owner is not None and (owner is type(part) or type(part).__module__.startswith('mmrotate.'))


def _unread(given: Any, known: Any, place: str) -> Iterator[str]:
    """Keys of ``given`` and inside of it that are not ``known``, a nested mapping; None knows any."""
    if isinstance(given, list | tuple):
        for i, item in enumerate(given):
            yield from _unread(item, known, f'{place}[{i}]')
    elif isinstance(given, Mapping) and known is not None:
        if callable(known):
            known = known(given)
        for key, value in given.items():
            if key in known:
                yield from _unread(value, known[key], f'{place}.{key}')
            else:
                yield f'{place}.{key}'


def _wrong_nms(given: Any, place: str) -> Iterator[Finding]:
    """What is to be said of the kinds of ``nms``."""
    if isinstance(given, list | tuple):
        given = dict(enumerate(given))
    if not isinstance(given, Mapping):
        return
    for key, value in given.items():
        if key != 'nms':
            yield from _wrong_nms(value, f'{place}.{key}')
        elif isinstance(value, Mapping):
            yield from _wrong_kind(value, f'{place}.nms', proposals='rpn' in place)


def _wrong_kind(nms: Mapping, place: str, proposals: bool) -> Iterator[Finding]:
    kind = nms.get('type')
    try:
        check_nms(nms)
    except ValueError as error:
        yield Finding(f'{place}: {error}')
        return
    if kind == 'soft_nms' and proposals:
        yield Finding(
            f'{place}.type={kind!r}: proposals know plain NMS only: write dict(type="nms", iou_threshold=0.7)'
        )
    elif kind == 'soft_nms':
        text = f'{place}.type={kind!r} is obeyed: scores fall with overlaps (MMRotate 0.x took plain NMS in its place)'
        yield Finding(text, logging.WARNING)
