"""Builders under the names of 0.x: a config dict in, a module out."""

from typing import Any

from mmengine.config import ConfigDict
from mmengine.model import Sequential
from torch import nn

from mmrotate.registry import MODELS
from mmrotate.utils import UserError

ROTATED_DETECTORS = ROTATED_BACKBONES = ROTATED_NECKS = ROTATED_HEADS = MODELS
ROTATED_ROI_EXTRACTORS = ROTATED_SHARED_HEADS = ROTATED_LOSSES = MODELS
DETECTORS = BACKBONES = NECKS = HEADS = ROI_EXTRACTORS = SHARED_HEADS = LOSSES = MODELS


# how a part fails that is made of values it cannot take; anything else is a fault of the part itself
_FAILURES = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError, AssertionError)


class ModelError(UserError, ValueError, TypeError):
    """A detector cannot be made of what the config gives for it."""


def _build(cfg: dict | list[dict], **default_args: Any) -> Any:
    """The module that ``cfg`` names by ``type``, of a list those in a row; ``default_args`` fill keys it leaves out."""
    if isinstance(cfg, list | tuple):
        return Sequential(*(_build(each, **default_args) for each in cfg))
    return MODELS.build(cfg, default_args=default_args or None)


build_backbone = build_neck = build_head = build_loss = _build
build_roi_extractor = build_shared_head = _build


def build_detector(cfg: dict, train_cfg: dict | None = None, test_cfg: dict | None = None) -> nn.Module:
    """The detector of a config's ``model``.

    Args:
        cfg: The ``model`` dict; its own ``train_cfg`` and ``test_cfg`` are the usual place.
        train_cfg: Training settings where ``cfg`` has none (an old layout of configs).
        test_cfg: Testing settings, likewise.

    Raises:
        ModelError: ``cfg`` makes no detector, e.g. by a value that a part of it cannot take; or a setting is given both
            inside and outside of ``cfg``.
    """
    for name, outer in (('train_cfg', train_cfg), ('test_cfg', test_cfg)):
        if outer is not None and cfg.get(name) is not None:
            raise ModelError(f'{name} is given both inside model and beside it: keep one')
    try:
        return _build(ConfigDict(cfg), train_cfg=train_cfg, test_cfg=test_cfg)
    except UserError:
        raise
    except _FAILURES as error:
        reason = str(error).partition('\n')[0]  # PyTorch adds where in its sources it came from
        raise ModelError(f'model: {reason} ({type(error).__name__})') from error
