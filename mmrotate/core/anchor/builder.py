"""Builder of anchor generators."""

from typing import Any

from mmrotate.registry import ROTATED_ANCHOR_GENERATORS, ROTATED_PRIOR_GENERATORS, TASK_UTILS

__all__ = ['ROTATED_ANCHOR_GENERATORS', 'ROTATED_PRIOR_GENERATORS', 'build_prior_generator']


def build_prior_generator(cfg: dict) -> Any:
    """The generator that ``cfg`` names by ``type``."""
    return TASK_UTILS.build(cfg)
