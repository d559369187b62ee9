"""Angle versions: the same in the box coders of a model and in its data."""

import logging
from collections.abc import Iterator
from typing import Any

from torch import nn

from mmrotate.core.bbox.angle import VERSIONS

from .findings import Finding

_KEYS = ('version', 'angle_range', 'angle_version')


def model_versions(model: nn.Module, config: Any = None) -> dict[str, str]:
    """Angle versions in a detector, by the place of its part: what its config says, and what its coders default to.

    Parts other than coders need the version only for the form of a box, never for its place: their defaults do not
    count, what a config says does.
    """
    found = {}
    for name, module in model.named_modules():
        for part, value in vars(module).items():
            # that of upright boxes has no angle
            is_coder = part.endswith('_coder') and part != 'h_bbox_coder' and not isinstance(value, nn.Module)
            version = next((getattr(value, key) for key in _KEYS if hasattr(value, key)), None) if is_coder else None
            if version in VERSIONS:
                found[f'model.{name}.{part}'.replace('..', '.')] = version
    return found | {place: value for place, _, value in _written(config, 'model')}


def _written(node: Any, place: str) -> Iterator[tuple[str, str, str]]:
    """Place, key and value of every version that a config spells out."""
    if isinstance(node, list | tuple):
        node = dict(enumerate(node))
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key in _KEYS and isinstance(value, str) and value in VERSIONS:
            yield place, key, value
        else:
            yield from _written(value, f'{place}.{key}')


def versions_against(
    model: nn.Module, config: Any, dataset: Any, source: str, level: int = logging.ERROR
) -> Iterator[Finding]:
    """Parts of a detector, built from ``config``, whose version is not that of each part of ``dataset``."""
    versions = model_versions(model, config)
    for name, version in dataset_versions(dataset, source).items():
        if other := {place: given for place, given in versions.items() if given != version}:
            given = ', '.join(f'{place} has {value!r}' for place, value in other.items())
            yield Finding(
                f'the angle version of {name} is {version!r}, but {given}: write one version in all of them '
                '(version of datasets and heads, angle_range or angle_version of box coders)',
                level,
            )


def fronts_against(model: nn.Module, dataset: Any, source: str) -> Iterator[Finding]:
    """Parts of ``dataset`` whose objects have a front that nothing in the detector learns."""
    for name, version in dataset_versions(dataset, source).items():
        if VERSIONS[version].heading and not any(map(_learns_front, model.modules())):
            yield Finding(
                f'the objects of {name} have a front ({version}), but nothing in this detector learns it: deltas of '
                f'boxes do, and loss_angle beside a loss of overlaps, with a box coder of {version}',
                logging.WARNING,
            )


def _learns_front(head: nn.Module) -> bool:
    """Whether a head learns the front of boxes: overlaps and distributions have none, deltas and angles do."""
    coder = getattr(head, 'bbox_coder', None)
    version = next((getattr(coder, key) for key in _KEYS if hasattr(coder, key)), None)
    if version not in VERSIONS or not VERSIONS[version].heading:
        return False
    if hasattr(head, 'loss_angle'):
        return head.loss_angle is not None
    return not getattr(head, 'reg_decoded_bbox', False)


def dataset_versions(dataset: Any, source: str) -> dict[str, str]:
    """Angle version of a dataset, or of each dataset inside of a wrapper, by its name."""
    inner = getattr(dataset, 'datasets', None)
    if inner is None and getattr(dataset, 'dataset', None) is not None:
        return dataset_versions(dataset.dataset, source)
    if inner is not None:
        return {k: v for i, part in enumerate(inner) for k, v in dataset_versions(part, f'{source}[{i}]').items()}
    version = getattr(dataset, 'version', None)
    return {source: version} if isinstance(version, str) and version in VERSIONS else {}
