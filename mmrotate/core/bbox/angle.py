"""The three angle versions, and the only place that knows them.

A box is ``(x, y, w, h, theta)``: centre and sides in pixels, ``theta`` in radians, clockwise on the screen
(y points down), measured from the x axis to the side ``w``. Turning a box by 90 degrees and swapping its sides
gives the same rectangle, so a version says which of these forms is meant:

========  ==================  =================================
version   range of theta      sides
========  ==================  =================================
oc        (0, pi/2]           any (OpenCV's older minAreaRect)
le90      [-pi/2, pi/2)       w >= h, the long edge
le135     [-pi/4, 3 pi/4)     w >= h, the long edge
========  ==================  =================================
"""

import math
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from mmrotate.utils.errors import ArgumentError

ArrayLike = TypeVar('ArrayLike', Tensor, np.ndarray)


class AngleVersion(NamedTuple):
    """Range and edge rule of a version."""

    start: float  # lowest angle
    span: float  # length of the range: pi for long-edge versions, pi/2 for oc
    long_edge: bool  # whether w is the longer side
    upright: float  # angle of a horizontal box that is higher than wide
    # whether a labelled quadrilateral stands for the box along its longer edge, instead of the smallest
    # enclosing one: so the published models were trained
    edge_labels: bool


VERSIONS = {
    'oc': AngleVersion(0.0, math.pi / 2, False, math.pi / 2, False),
    'le90': AngleVersion(-math.pi / 2, math.pi, True, -math.pi / 2, False),
    'le135': AngleVersion(-math.pi / 4, math.pi, True, math.pi / 2, True),
}


def angle_version(name: str | AngleVersion) -> AngleVersion:
    """The version of this name, or one that no name is for; ValueError where there is none."""
    if isinstance(name, AngleVersion):
        return name
    if name not in VERSIONS:
        raise ArgumentError(f'angle version must be one of {list(VERSIONS)}, got {name!r}')
    return VERSIONS[name]


def namespace(array: Tensor | np.ndarray) -> Any:
    """``torch`` or ``numpy``, whichever the array is of: they share the names used here."""
    return torch if isinstance(array, Tensor) else np


def half_turns_into(angle: ArrayLike, angle_range: str) -> ArrayLike:
    """The same directions within half a turn from the start of the version's range."""
    start = angle_version(angle_range).start
    return (angle - start) % math.pi + start


def norm_angle(angle: ArrayLike, angle_range: str | AngleVersion) -> ArrayLike:
    """Bring angles of any size into a long-edge version's range by whole half turns.

    Under ``oc`` they stay as they are: there a quarter turn also swaps the sides, see :func:`regularize`.
    """
    version = angle_version(angle_range)
    return half_turns_into(angle, angle_range) if version.long_edge else angle


def regularize(
    w: ArrayLike, h: ArrayLike, theta: ArrayLike, angle_range: str | AngleVersion
) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
    """The same rectangles, of sides ``w`` at any ``theta`` and ``h``, in the form of a version."""
    xp = namespace(theta)
    version = angle_version(angle_range)
    if version.long_edge:
        turn = w < h
        theta = norm_angle(xp.where(turn, theta + math.pi / 2, theta), angle_range)
    else:
        quarter = math.pi / 2
        steps = xp.floor((quarter - theta) / quarter)  # turns that lead into (0, pi/2]
        theta = theta + steps * quarter
        turn = steps % 2 == 1
    return xp.where(turn, h, w), xp.where(turn, w, h), theta
