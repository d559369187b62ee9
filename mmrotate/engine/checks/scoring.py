"""Scoring: the arguments of ``dataset.evaluate``, the metrics, and the one that chooses the best checkpoint."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmrotate.engine.checkpoint_hook import rule_of
from mmrotate.utils import UserError
from mmrotate.utils.arguments import near_name

from .findings import Finding


def scoring_against(dataset: Any, options: Mapping[str, Any], source: str, where: str) -> Iterator[Finding]:
    """Whether ``dataset``, which ``source`` names, can be scored with ``options``, which stand at ``where``."""
    parts = getattr(dataset, 'datasets', [dataset])
    for part in parts:
        if not getattr(part, 'has_annotations', True):
            place = getattr(part, 'ann_file', '') or getattr(part, 'img_prefix', '')
            yield Finding(
                f'{source}: {place} has images without annotations: there is nothing to score against (ann_file must '
                'name the labels; detections are written out with --format-only or --out)'
            )
    yield from arguments_against(parts[0], 'evaluate', options, where)
    try:
        score_names(dataset, options)
    except UserError as error:
        yield Finding(f'{where}: {error}')


def arguments_against(dataset: Any, method: str, options: Mapping[str, Any], where: str) -> Iterator[Finding]:
    """Arguments in ``options``, which stand at ``where``, that a method of ``dataset`` does not know beside results.

    A method with ``**kwargs`` takes any.
    """
    if (function := getattr(dataset, method, None)) is None:
        return
    _, *parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = [parameter.name for parameter in parameters]
    for name in set(options).difference(known):
        yield Finding(
            f'{where}: {type(dataset).__name__}.{method} does not know the argument {name!r}; '
            f'{near_name(name, known)}it takes: {", ".join(known)}'
        )


def best_against(dataset: Any, evaluation: Any) -> Iterator[Finding]:
    """Whether ``save_best`` of the key ``evaluation``, as it was read, is a score of ``dataset`` with a rule."""
    save_best = evaluation.save_best
    try:
        names = score_names(dataset, evaluation.options)
    except UserError:
        return  # the metric is at fault
    if not save_best or names is None:
        return
    if save_best != 'auto' and save_best not in names:
        yield Finding(
            f"evaluation.save_best={save_best!r} is none of the scores that data.val gives: {names} (or 'auto' for "
            'the first)'
        )
        return
    try:
        name = names[0] if save_best == 'auto' else save_best
        evaluation.rule or rule_of(name, evaluation.greater_keys, evaluation.less_keys)
    except ValueError as error:
        yield Finding(str(error))


def score_names(dataset: Any, options: Mapping[str, Any]) -> list[str] | None:
    """Keys of what ``dataset.evaluate(**options)`` will give; None where the dataset does not say.

    Raises:
        UserError: An unknown metric.
    """
    parts = getattr(dataset, 'datasets', None)
    if not all(map(_says_its_scores, [dataset, *(parts or [])])):
        return None
    try:
        return dataset.score_names(**options)
    except (TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        return None  # arguments of a wrong kind are told by another check


def _says_its_scores(dataset: Any) -> bool:
    """Whether the class that has ``score_names`` knows of its ``evaluate``: it is not one further up."""
    order = type(dataset).__mro__
    places = [next((i for i, c in enumerate(order) if name in vars(c)), None) for name in ('score_names', 'evaluate')]
    return None not in places and places[0] <= places[1]  # type: ignore[operator]
