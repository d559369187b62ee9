"""Methods of 0.x that nothing here calls: a subclass that overrides one is told, not ignored.

A row goes when its method is called again; ``tests/utils/test_uncalled.py`` says so.
"""

import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from mmrotate.utils.errors import UserError

# class of this package -> method of 0.x -> what does its work
UNCALLED = {
    'RotatedSingleStageDetector': {'extract_feats': 'extract_feat'},
    'RefineSingleStageDetector': {'extract_feats': 'extract_feat'},
    'BaseDenseHead': {
        'aug_test_bboxes': 'aug_test of the detector',
        'aug_test_rpn': 'aug_test of the detector',
        'merge_aug_proposals': 'aug_test of the detector',
        'simple_test_bboxes': 'simple_test',
        'simple_test_rpn': 'simple_test',
        'async_simple_test_rpn': 'simple_test',
        '_bbox_post_process': '_get_bboxes_single',
    },
    'RotatedAnchorHead': {'_get_targets_single': 'get_targets'},
    'RotatedAnchorFreeHead': {
        'aug_test': 'aug_test of the detector',
        'merge_aug_bboxes': 'aug_test of the detector',
        'get_points': 'get_targets',
        '_get_points_single': 'get_targets',
        '_get_target_single': 'get_targets',
    },
    'RotatedRepPointsHead': {
        'aug_test': 'aug_test of the detector',
        'merge_aug_bboxes': 'aug_test of the detector',
        '_point_target_single': 'get_targets',
        'get_cfa_loss': 'get_pos_loss',
    },
    'RotatedBaseRoIHead': {'aug_test_bboxes': 'aug_test'},
    'RotatedDataset': {
        'pre_pipeline': '_results',
        '_filter_imgs': '_filter_empty',
        '_set_group_flag': '__getitem__',
        '_rand_another': '__getitem__',
        '_results2submission': 'format_results',
    },
}
_LIBRARIES = ('mmrotate.', 'mmengine.', 'torch.')


class UncalledOverrideError(UserError, TypeError):
    """A class overrides a method that nothing calls."""


def check_overrides(cls: Any) -> None:
    """Raise an UncalledOverrideError if a user's class overrides what is called no more.

    A method that the class itself, or a mixin of it, calls elsewhere is the user's own.
    """
    if not inspect.isclass(cls) or is_of_library(cls):
        return
    own = [part for part in cls.__mro__ if not is_of_library(part) and part is not object]
    for base, method, instead in _rows(cls):
        owner = next((part for part in own if _is_method(vars(part).get(method))), None)
        if owner is not None and method not in _names_used(own, method):
            raise UncalledOverrideError(
                f'{owner.__qualname__}.{method}: nothing calls this method of 0.x on a {base}, so it would do nothing; '
                f'override instead: {instead} (or, if code of your own calls it, give it another name)'
            )


def _rows(cls: type) -> Iterator[tuple[str, str, str]]:
    """Class, method, and what to override instead, for every row of the table that concerns ``cls``."""
    for base in cls.__mro__:
        if is_of_library(base):
            for method, instead in UNCALLED.get(base.__name__, {}).items():
                yield base.__name__, method, instead


def _is_method(value: Any) -> bool:
    return callable(value) or isinstance(value, classmethod | staticmethod | property)


def is_of_library(cls: Any) -> bool:
    """Whether a class or function is of this package or of one that it stands on, not a user's."""
    return f'{getattr(cls, "__module__", None)}.'.startswith(_LIBRARIES)


def _names_used(classes: list[type], method: str) -> set[str]:
    """Names that the methods of ``classes`` use, those called ``method`` left out."""
    functions = [
        part
        for cls in classes
        for name, value in vars(cls).items()
        if name != method
        for part in (getattr(value, '__func__', value), getattr(value, 'fget', None))
        if isinstance(part, FunctionType)
    ]
    return {name for function in functions for name in _names_of(inspect.unwrap(function).__code__)}


def _names_of(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_of(constant)
