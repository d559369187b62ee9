"""Mixed precision on every device: bfloat16 on CPU and CUDA, float16 with loss scaling on CUDA."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

_DTYPES = {'float16': torch.float16, 'bfloat16': torch.bfloat16}


class AmpWrapper(OptimWrapper):
    """An optimizer whose forward pass runs under autocast.

    Args:
        device_type: ``cpu`` or ``cuda``. The CPU has no float16 arithmetic worth using: float16
            becomes bfloat16 there, with a warning.
        dtype: ``float16`` or ``bfloat16``.
        loss_scale: ``'dynamic'``, a constant scale, or arguments of ``torch.amp.GradScaler``;
            for float16 only.
        kwargs: Arguments of mmengine's ``OptimWrapper``.
    """

    def __init__(
        self, device_type: str, dtype: str = 'float16', loss_scale: str | float | dict = 'dynamic', **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if device_type == 'cpu' and dtype == 'float16':
            logging.getLogger('mmrotate').warning('fp16 on the CPU: bfloat16 is used instead')
            dtype = 'bfloat16'
        self.device_type = device_type
        self.dtype = _DTYPES[dtype]
        # a constant scale is set anew after every step
        self.constant_scale = float(loss_scale) if isinstance(loss_scale, int | float) else None
        self.scaler = torch.amp.GradScaler(device_type, enabled=dtype == 'float16', **_scaler_arguments(loss_scale))

    @property
    def scales(self) -> bool:
        """Whether steps with gradients that are not finite are skipped and the scale lowered."""
        return self.scaler.is_enabled()

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast, and no gradient exchange where gradients are only accumulated."""
        with super().optim_context(model), torch.autocast(self.device_type, self.dtype):
            yield

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        """Backward of the scaled loss."""
        self.scaler.scale(loss).backward(**kwargs)
        self._inner_count += 1

    def step(self, **kwargs: Any) -> None:
        """Clip the true gradients and step, unless one is not finite."""
        if self.clip_grad_kwargs:
            self.scaler.unscale_(self.optimizer)
            self._clip_grad()
        self.scaler.step(self.optimizer, **kwargs)
        self.scaler.update(self.constant_scale)

    def state_dict(self) -> dict[str, Any]:
        """State of the optimizer and of the scale."""
        return {**super().state_dict(), 'loss_scaler': self.scaler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore both; a checkpoint of a training without mixed precision has no scale."""
        state = dict(state_dict)
        scale = state.pop('loss_scaler', None)
        if scale:
            self.scaler.load_state_dict(scale)
        super().load_state_dict(state)


def _scaler_arguments(loss_scale: str | float | dict) -> dict[str, Any]:
    if loss_scale == 'dynamic':
        return {}
    if isinstance(loss_scale, dict):
        names = {'init_scale', 'growth_factor', 'backoff_factor', 'growth_interval'}
        return {name: value for name, value in loss_scale.items() if name in names}
    if isinstance(loss_scale, int | float):
        return dict(init_scale=float(loss_scale))
    raise ValueError(f"loss_scale: 'dynamic', a number or a dict is needed, got {loss_scale!r}")
