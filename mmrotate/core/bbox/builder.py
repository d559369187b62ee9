"""Builders and registries under the names of 0.x: a config dict in, a part out."""

from typing import Any

from mmrotate.registry import TASK_UTILS

ROTATED_BBOX_ASSIGNERS = ROTATED_BBOX_CODERS = ROTATED_BBOX_SAMPLERS = ROTATED_IOU_CALCULATORS = TASK_UTILS


def _build(cfg: dict, **default_args: Any) -> Any:
    """The part that ``cfg`` names by ``type``; ``default_args`` fill the keys it leaves out."""
    return TASK_UTILS.build(cfg, default_args=default_args or None)


build_bbox_coder = build_assigner = build_sampler = build_iou_calculator = _build
