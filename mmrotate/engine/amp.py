"""Mixed precision on every device: bfloat16 on CPU and CUDA, float16 with loss scaling on CUDA."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import nn

_SCALER_ARGUMENTS = ('init_scale', 'growth_factor', 'backoff_factor', 'growth_interval')


class AmpWrapper(AmpOptimWrapper):
    """An optimizer whose forward pass runs under autocast; under float16 it skips steps whose gradients overflow.

    Args:
        device_type: ``cpu`` or ``cuda``. The CPU has no float16 arithmetic worth using: float16 becomes bfloat16 there,
            with a warning.
        dtype: ``float16`` or ``bfloat16``.
        loss_scale: ``'dynamic'``, a constant scale, or arguments of ``torch.amp.GradScaler``; for float16 only.
        kwargs: Arguments of mmengine's ``OptimWrapper``.
    """

    def __init__(
        self, device_type: str, dtype: str = 'float16', loss_scale: str | float | dict = 'dynamic', **kwargs: Any
    ) -> None:
        OptimWrapper.__init__(self, **kwargs)  # that of AmpOptimWrapper refuses to work without a GPU
        if device_type == 'cpu' and dtype == 'float16':
            logging.getLogger('mmrotate').warning('fp16 on the CPU: bfloat16 is used instead')
            dtype = 'bfloat16'
        self.device_type = device_type
        self.cast_dtype = getattr(torch, dtype)
        # a constant scale is set anew after every step
        self._scale_update_param = float(loss_scale) if isinstance(loss_scale, int | float) else None
        options = _scaler_arguments(loss_scale)
        self.loss_scaler = torch.amp.GradScaler(device_type, enabled=dtype == 'float16', **options)

    @property
    def scales(self) -> bool:
        """Whether steps with gradients that are not finite are skipped and the scale lowered."""
        return self.loss_scaler.is_enabled()

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast, and no gradient exchange where gradients are only accumulated."""
        with OptimWrapper.optim_context(self, model), torch.autocast(self.device_type, self.cast_dtype):
            yield

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore optimizer and scale; a checkpoint of a training without mixed precision has no scale."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != 'loss_scaler' or v})


@contextmanager
def half_precision(device: torch.device, enabled: bool = True) -> Iterator[None]:
    """Forward passes in float16 on CUDA, in bfloat16 elsewhere."""
    with torch.autocast(device.type, torch.float16 if device.type == 'cuda' else torch.bfloat16, enabled=enabled):
        yield


def _scaler_arguments(loss_scale: str | float | dict) -> dict[str, Any]:
    if loss_scale == 'dynamic':
        return {}
    if isinstance(loss_scale, dict):
        return {name: loss_scale[name] for name in _SCALER_ARGUMENTS if name in loss_scale}
    if isinstance(loss_scale, int | float):
        return dict(init_scale=float(loss_scale))
    raise ValueError(f"loss_scale: 'dynamic', a number or a dict is needed, got {loss_scale!r}")
