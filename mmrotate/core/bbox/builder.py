"""Builders and registries under the names of 0.x: a config dict in, a part out."""

from collections.abc import Callable
from typing import Any

from mmrotate.registry import TASK_UTILS

ROTATED_BBOX_ASSIGNERS = ROTATED_BBOX_CODERS = ROTATED_BBOX_SAMPLERS = ROTATED_IOU_CALCULATORS = TASK_UTILS


def _build(cfg: dict, **default_args: Any) -> Any:
    """The part that ``cfg`` names by ``type``; ``default_args`` fill the keys it leaves out."""
    return TASK_UTILS.build(cfg, default_args=default_args or None)


build_bbox_coder = build_assigner = build_sampler = build_iou_calculator = _build


def batch_method(part: Any, name: str) -> Callable | None:
    """``part.NAME_batch``, which does for a batch what ``part.NAME`` does for an image; None for going image by image.

    So it is for a part that has no such method, and for one whose own class, or the object itself, has another NAME.
    """
    for place in (part, *type(part).__mro__):
        if name in vars(place):
            return getattr(part, f'{name}_batch', None) if f'{name}_batch' in vars(place) else None
    return None
