"""The conversions of MMRotate 0.3 with the angle version in their names: ``poly2obb_le135(polys)``."""

import functools
from collections.abc import Callable

from torch import Tensor

from mmrotate.core import bbox
from mmrotate.core.bbox.angle import VERSIONS


def dist_torch(point1: Tensor, point2: Tensor) -> Tensor:
    """Distances (...) of points (..., 2)."""
    return (point1 - point2).norm(dim=-1)


def _of_version(function: Callable, version: str) -> Callable:
    """``function`` for one angle version."""

    @functools.wraps(function)
    def converted(boxes: object) -> object:
        return function(boxes, version)

    converted.__name__ = f'{function.__name__}_{version}'
    converted.__doc__ = f':func:`mmrotate.core.bbox.{function.__name__}` of version ``{version}``.'
    return converted


for _name in 'hbb2obb obb2hbb obb2poly obb2poly_np obb2xyxy poly2obb poly2obb_np'.split():
    for _version in VERSIONS:
        globals()[f'{_name}_{_version}'] = _of_version(getattr(bbox, _name), _version)
