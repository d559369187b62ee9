"""Classes: how many the heads count, and which names data and checkpoint have, in which order."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.config import Config
from torch import nn

from mmrotate.registry import DATASETS

from .findings import Finding, report


def check_num_classes(model: nn.Module, classes: Any) -> None:
    """Raise a MismatchError if a head of ``model`` counts other classes than ``classes``, those of the dataset."""
    report(heads_against(model, classes, 'the dataset'))


def heads_against(model: nn.Module, classes: Any, source: str) -> Iterator[Finding]:
    """Heads of ``model`` that count other classes than ``classes``, which ``source`` has."""
    if isinstance(classes, str):
        yield Finding(f'CLASSES of {source} must be a list of names, got {classes!r}')
    elif names := _names(classes):
        wrong = [
            f'model.{name} has num_classes={module.num_classes}'
            for name, module in model.named_modules()
            if _counts_classes(name, module) and module.num_classes != len(names)
        ]
        if wrong:
            yield Finding(
                f'{source} has {len(names)} classes {names}, but {", ".join(wrong)}: '
                'set num_classes of the heads in the config, or classes of the dataset'
            )


def names_against(given: Any, source: str, expected: Any, other: str, level: int = logging.ERROR) -> Iterator[Finding]:
    """Whether the classes of two sources mean the same; nothing where one of them has none.

    Names that stand at another place, and another number of names, are of ``level``: scores would be those of other
    classes. Names that only one of them has may be a matter of spelling: a warning at most.
    """
    ours, theirs = _names(given), _names(expected)
    if not ours or not theirs or ours == theirs:
        return
    moved = [name for name in ours if name in theirs and ours.index(name) != theirs.index(name)]
    both = f'{source} has the classes {ours}, {other} {theirs}'
    if len(ours) != len(theirs):
        yield Finding(f'{both}: {len(ours)} and {len(theirs)} names', level)
    elif moved:
        yield Finding(f'{both}: the order must be the same, but {", ".join(moved)} stand at other places', level)
    else:
        yield Finding(f'{both}: other names at the same places are taken for the same classes', min(level, 30))


def written_classes(config: Config, split: str) -> tuple[str, ...] | None:
    """Class names of a split as its config has them, without opening the data; None where it does not say."""
    data = (config.get('data') or {}).get(split)
    while isinstance(data, list | tuple):
        data = data[0] if data else None
    if not isinstance(data, dict):
        return None
    if inner := data.get('dataset') or data.get('datasets'):
        return written_classes(Config({'data': {split: inner}}), split)
    cls: Any = DATASETS.get(data['type']) if isinstance(data.get('type'), str) else data.get('type')
    # some classes have several lists of names, and an argument that chooses
    if not hasattr(cls, 'get_classes') or 'classwise' in data:
        return None
    try:
        return cls.get_classes(data.get('classes'))
    except (OSError, TypeError, ValueError):
        return None  # opening the data says so


def _names(classes: Any) -> tuple[str, ...]:
    is_list = isinstance(classes, Sequence) and not isinstance(classes, str)
    return tuple(map(str, classes)) if is_list else ()


def _counts_classes(name: str, module: nn.Module) -> bool:
    """Whether a module classifies; an RPN does not: it tells objects from background, whatever the classes."""
    is_head = name.split('.')[-1].endswith('head') or '_head.' in name
    return is_head and isinstance(getattr(module, 'num_classes', None), int) and 'rpn' not in name
