"""Builder of anchor generators."""

from typing import Any

from mmrotate.registry import TASK_UTILS


def build_prior_generator(cfg: dict) -> Any:
    """The generator that ``cfg`` names by ``type``."""
    return TASK_UTILS.build(cfg)
