"""The angle versions, and the only place that knows them.

A box is ``(x, y, w, h, theta)``: centre and sides in pixels, ``theta`` in radians, clockwise on the screen
(y points down), measured from the x axis to the side ``w``. Turning a box by 90 degrees and swapping its sides
gives the same rectangle, so a version says which of these forms is meant:

========  ==================  =================================
version   range of theta      sides
========  ==================  =================================
oc        (0, pi/2]           any (OpenCV's older minAreaRect)
le90      [-pi/2, pi/2)       w >= h, the long edge
le135     [-pi/4, 3 pi/4)     w >= h, the long edge
r360      [-pi, pi)           w is the front
========  ==================  =================================

``r360`` is of boxes with a front, which half a turn does not leave the same: the side w at -h/2 in the box's own
frame. So a box of angle 0 points up on the screen, and its heading, in radians clockwise from the x axis, is theta
less a quarter turn. Of the corners of a box, and of a labelled quadrilateral, the first two are its front.
"""

import math
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from mmrotate.utils.errors import ArgumentError

if TYPE_CHECKING:
    from torch import Tensor

ArrayLike = TypeVar('ArrayLike', 'Tensor', np.ndarray)


class AngleVersion(NamedTuple):
    """Range and edge rule of a version."""

    start: float  # lowest angle
    span: float  # length of the range: pi for long-edge versions, pi/2 for oc
    long_edge: bool  # whether w is the longer side
    upright: float  # angle of a horizontal box that is higher than wide
    # whether a labelled quadrilateral stands for the box along its longer edge, instead of the smallest
    # enclosing one: so the published models were trained
    edge_labels: bool
    heading: bool = False  # whether boxes have a front

    @property
    def period(self) -> float:
        """The turn that leaves a box with its sides the same."""
        return 2 * math.pi if self.heading else math.pi


VERSIONS = {
    'oc': AngleVersion(0.0, math.pi / 2, False, math.pi / 2, False),
    'le90': AngleVersion(-math.pi / 2, math.pi, True, -math.pi / 2, False),
    'le135': AngleVersion(-math.pi / 4, math.pi, True, math.pi / 2, True),
    'r360': AngleVersion(-math.pi, 2 * math.pi, False, 0.0, True, heading=True),
}


def angle_version(name: str | AngleVersion) -> AngleVersion:
    """The version of this name, or one that no name is for; ValueError where there is none."""
    if isinstance(name, AngleVersion):
        return name
    if name not in VERSIONS:
        raise ArgumentError(f'angle version must be one of {list(VERSIONS)}, got {name!r}')
    return VERSIONS[name]


def namespace(array: 'Tensor | np.ndarray') -> Any:
    """``torch`` or ``numpy``, whichever the array is of: they share the names used here."""
    torch = sys.modules.get('torch')  # where it was not imported there are no tensors
    return torch if torch is not None and isinstance(array, torch.Tensor) else np


def periods_into(angle: ArrayLike, angle_range: str | AngleVersion) -> ArrayLike:
    """The same directions within a period, half a turn or a whole one, from the start of the version's range."""
    version = angle_version(angle_range)
    return (angle - version.start) % version.period + version.start


def norm_angle(angle: ArrayLike, angle_range: str | AngleVersion) -> ArrayLike:
    """Bring angles of any size into a version's range by half turns, or whole ones where boxes have a front.

    Under ``oc`` they stay as they are: there a quarter turn also swaps the sides, see :func:`regularize`.
    """
    version = angle_version(angle_range)
    return periods_into(angle, angle_range) if version.long_edge or version.heading else angle


def regularize(
    w: ArrayLike, h: ArrayLike, theta: ArrayLike, angle_range: str | AngleVersion
) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
    """The same rectangles, of sides ``w`` at any ``theta`` and ``h``, in the form of a version."""
    xp = namespace(theta)
    version = angle_version(angle_range)
    if version.heading:
        return w, h, norm_angle(theta, angle_range)
    if version.long_edge:
        turn = w < h
        theta = norm_angle(xp.where(turn, theta + math.pi / 2, theta), angle_range)
    else:
        quarter = math.pi / 2
        steps = xp.floor((quarter - theta) / quarter)  # turns that lead into (0, pi/2]
        theta = theta + steps * quarter
        turn = steps % 2 == 1
    return xp.where(turn, h, w), xp.where(turn, w, h), theta
