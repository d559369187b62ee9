"""The angle version of a dataset, handed on to the steps of its pipeline."""

import inspect
from collections.abc import Sequence
from typing import Any

from mmrotate.core.bbox.angle import VERSIONS, angle_version
from mmrotate.registry import PIPELINES
from mmrotate.utils import UserError


class AngleVersionError(UserError, ValueError):
    """A dataset and a part that works on its boxes have different angle versions."""


def inherit_version(steps: Any, version: str) -> Any:
    """``steps`` of a pipeline, each with ``version`` where it takes one and its config names none.

    Steps inside of steps (``transforms``) are looked through. Steps that are no config stay as they are.

    Raises:
        AngleVersionError: A step, or one inside of it, has another version.
        ValueError: No such version.
    """
    if not isinstance(steps, Sequence) or isinstance(steps, str):
        return steps  # no pipeline: building it says so
    angle_version(version)
    return [_inherit(step, version) for step in steps]


def _inherit(step: Any, version: str) -> Any:
    if not isinstance(step, dict):
        _check(type(step).__name__, getattr(step, 'version', None), version)
        return step
    given = type(step)(step)
    if 'transforms' in given:
        given['transforms'] = inherit_version(given['transforms'], version)
    _check(given.get('type'), given.get('version'), version)
    if given.get('version') is None and _takes_version(given.get('type')):
        given['version'] = version
    return given


def _check(step: Any, given: Any, version: str) -> None:
    # a step of a user's own may mean something else by the name
    if isinstance(given, str) and given in VERSIONS and given != version:
        name = getattr(step, '__name__', step)
        raise AngleVersionError(
            f'pipeline step {name} has version={given!r}, but its dataset version={version!r}: the boxes of both '
            'must be of one version (a step whose config has no version takes that of the dataset)'
        )


def _takes_version(kind: Any) -> bool:
    """Whether the class of a step has an argument ``version`` for an angle version."""
    cls = PIPELINES.get(kind) if isinstance(kind, str) else kind
    if not inspect.isclass(cls):
        return False
    parameter = inspect.signature(cls).parameters.get('version')
    return parameter is not None and (parameter.default is parameter.empty or parameter.default in (None, *VERSIONS))
