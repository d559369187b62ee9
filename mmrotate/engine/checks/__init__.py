"""Do config, model, data and checkpoint fit together? Asked before the first step or image.

A check is a function that yields a :class:`Finding` for each problem. What was collected is told at once: errors in
one MismatchError, the rest in the log.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from .angles import dataset_versions, fronts_against, versions_against
from .classes import check_num_classes, heads_against, names_against, written_classes
from .findings import Finding, MismatchError, report
from .folders import writable
from .levels import levels_against_maps
from .scoring import arguments_against, best_against, scoring_against
from .settings import unread_settings


def check_work_dir(cfg: Mapping[str, Any]) -> None:
    """Refuse a folder for checkpoints and logs that cannot be written into."""
    report(_work_dir(cfg))


def _work_dir(cfg: Mapping[str, Any]) -> Iterator[Finding]:
    yield from writable(cfg['work_dir'], 'work_dir')
    for key in ('checkpoint_config', 'evaluation'):
        if out_dir := (cfg.get(key) or {}).get('out_dir'):
            yield from writable(out_dir, f'{key}.out_dir')


def check_training(
    model: nn.Module, datasets: Sequence[Any], cfg: Any, evaluation: Any = None, val: Any = None
) -> None:
    """Everything that can be known before the first step of a training.

    Args:
        model: The detector.
        datasets: The training data, and those for validation losses if there are any.
        cfg: The config.
        evaluation: How the key ``evaluation`` was read; None where nothing is evaluated.
        val: The data that are evaluated.

    Raises:
        MismatchError: Parts that do not fit, a line for each.
    """
    report(_training(model, datasets, cfg, evaluation, val))


def _training(model: nn.Module, datasets: Sequence[Any], cfg: Any, evaluation: Any, val: Any) -> Iterator[Finding]:
    train, classes = datasets[0], getattr(datasets[0], 'CLASSES', None)
    yield from _work_dir(cfg)
    yield from heads_against(model, classes, 'data.train')
    yield from levels_against_maps(model)
    yield from versions_against(model, cfg.get('model'), train, 'data.train')
    yield from fronts_against(model, train, 'data.train')
    yield from unread_settings(model)
    for other in filter(None, [*datasets[1:], val]):
        yield from names_against(getattr(other, 'CLASSES', None), 'data.val', classes, 'data.train')
    yield from names_against(written_classes(cfg, 'test'), 'data.test', classes, 'data.train', logging.WARNING)
    if evaluation is not None:
        yield from _same_version(train, val)
        yield from scoring_against(val, evaluation.options, 'data.val', 'evaluation')
        yield from best_against(val, evaluation)
        if cfg.evaluation.get('by_epoch') and not evaluation.by_epoch:
            text = 'evaluation.by_epoch=True has no effect: IterBasedRunner counts iterations, and so does interval'
            yield Finding(text, logging.WARNING)


def _same_version(train: Any, val: Any) -> Iterator[Finding]:
    wanted = next(iter(dataset_versions(train, 'data.train').values()), None)
    for name, version in dataset_versions(val, 'data.val').items():
        if wanted not in (None, version):
            yield Finding(f'{name}.version is {version!r}, but data.train.version {wanted!r}', logging.WARNING)


def check_detector(model: Any, source: str) -> None:
    """What can be known of a detector with its weights and ``CLASSES``, which ``source`` has, before its first image.

    Raises:
        MismatchError: Parts that do not fit, a line for each.
    """
    report([*heads_against(model, model.CLASSES, source), *levels_against_maps(model), *unread_settings(model)])


def check_testing(model: Any, dataset: Any, cfg: Any) -> None:
    """Everything that can be known before a detector runs over a dataset.

    Raises:
        MismatchError: Classes that are not the same.
    """
    names = getattr(dataset, 'CLASSES', None)
    report(
        [
            *names_against(names, 'data.test', model.CLASSES, 'the checkpoint (or the config)'),
            *heads_against(model, names, 'data.test'),
            *versions_against(model, cfg.get('model'), dataset, 'data.test', logging.WARNING),
        ]
    )
