"""What the operations ask of their arguments. Each check raises ValueError with the name and what was given."""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

# the greatest number that a size, a count or a step may be
_MOST = 2**31 - 1


def _given(value: object) -> str:
    """What was given, in a few words."""
    if isinstance(value, Tensor):
        return f'a tensor {tuple(value.shape)} of {value.dtype}'
    text = repr(value)
    return f'{text if len(text) <= 60 else text[:60] + "..."} of type {type(value).__name__}'


def check_tensor(name: str, value: object, shape: Sequence[int] | None = None) -> None:
    """A plain tensor of real numbers, of a certain shape."""
    if not isinstance(value, Tensor):
        raise ValueError(f'{name} must be a tensor, got {_given(value)}')
    if shape is not None and value.shape != tuple(shape):
        raise ValueError(f'{name} must have shape {tuple(shape)}, got {tuple(value.shape)}')
    if value.layout != torch.strided or value.is_complex():
        raise ValueError(f'{name} must be a dense tensor of real numbers, got {value.layout} of {value.dtype}')


def check_floating(name: str, value: object, shape: Sequence[int] | None = None) -> None:
    """A tensor of floating-point numbers, of a certain shape."""
    check_tensor(name, value, shape)
    assert isinstance(value, Tensor)
    if not value.is_floating_point():
        raise ValueError(f'{name} must be floating point, got {value.dtype}')


def check_labels(name: str, value: object, shape: Sequence[int] | None = None) -> None:
    """A tensor of whole numbers."""
    check_tensor(name, value, shape)
    assert isinstance(value, Tensor)
    if value.is_floating_point():
        raise ValueError(f'{name} must be whole numbers, got {value.dtype}')


def check_boxes(name: str, boxes: object, columns: int = 5) -> None:
    """Floating-point (n, columns)."""
    check_tensor(name, boxes)
    assert isinstance(boxes, Tensor)
    if boxes.dim() != 2 or boxes.size(1) != columns:
        raise ValueError(f'{name} must have shape (n, {columns}), got {tuple(boxes.shape)}')
    check_floating(name, boxes)


def check_maps(name: str, maps: object) -> None:
    """Floating-point (N, C, H, W)."""
    check_tensor(name, maps)
    assert isinstance(maps, Tensor)
    if maps.dim() != 4 or not maps.is_floating_point():
        raise ValueError(f'{name} must be floating-point maps (N, C, H, W), got {tuple(maps.shape)} of {maps.dtype}')


def check_number(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> None:
    """A finite number of this range, both ends included."""
    if not _is_real(value) or not (low <= value <= high and -math.inf < value < math.inf):  # type: ignore[operator]
        expected = f'in [{low:g}, {high:g}]' if high < math.inf else f'of at least {low:g}' if low > -math.inf else ''
        raise ValueError(f'{name} must be a finite number {expected}'.rstrip() + f', got {_given(value)}')


def check_positive(name: str, value: object) -> None:
    """A finite number greater than 0."""
    if not _is_real(value) or not 0 < value < math.inf:  # type: ignore[operator]
        raise ValueError(f'{name} must be positive and finite, got {_given(value)}')


def check_whole(name: str, value: object, low: int, high: int = _MOST) -> None:
    """A whole number of this range, both ends included."""
    if not _is_whole(value) or not low <= value <= high:  # type: ignore[operator]
        expected = f'from {low} to {high}' if high < _MOST else f'of at least {low}'
        raise ValueError(f'{name} must be a whole number {expected}, got {_given(value)}')


def check_flag(name: str, value: object) -> None:
    """True or False, also as 1 or 0."""
    if not isinstance(value, (bool, np.bool_)) and not (_is_whole(value) and 0 <= value <= 1):  # type: ignore[operator]
        raise ValueError(f'{name} must be True or False, got {_given(value)}')


def check_choice(name: str, value: object, choices: Sequence[Any]) -> None:
    """One of a few."""
    if isinstance(value, Tensor) or not any(type(value) is type(each) and value == each for each in choices):
        raise ValueError(f'{name} must be one of {tuple(choices)}, got {_given(value)}')


def pair_of(name: str, value: Any, low: int) -> tuple[int, int]:
    """One whole number for both axes, or one for each."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(_is_whole(each) and low <= each <= _MOST for each in pair):
        kind = 'positive' if low > 0 else 'not negative'
        raise ValueError(f'{name} must be one or two whole numbers, {kind}, got {_given(value)}')
    return pair[0], pair[1]


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, numbers.Integral, torch.SymInt)) and not isinstance(value, bool)


def _is_real(value: object) -> bool:
    return isinstance(value, (float, int, numbers.Real, torch.SymInt, torch.SymFloat)) and not isinstance(value, bool)
