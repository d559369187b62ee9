"""Mixed precision as mmcv's decorators mark it; here autocast does its work."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_HALF = (torch.float16, torch.bfloat16)


def _cast(value: Any, dtypes: Sequence[torch.dtype], to: torch.dtype) -> Any:
    """``value`` with its tensors of ``dtypes`` in another type, also inside of lists, tuples and dicts."""
    if isinstance(value, Tensor):
        return value.to(to) if value.dtype in dtypes else value
    if isinstance(value, Mapping):
        return {key: _cast(item, dtypes, to) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, '_fields'):
        return type(value)(*(_cast(item, dtypes, to) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(_cast(item, dtypes, to) for item in value)
    return value


def force_fp32(apply_to: Sequence[str] | None = None, out_fp16: bool = False) -> Callable:
    """Decorator of a module's method: half-precision arguments reach it in float32, and autocast is off inside.

    Args:
        apply_to: Names of the arguments that are cast; None for all.
        out_fp16: Give float32 results in half precision, where arguments were of it.
    """

    def decorate(method: Callable) -> Callable:
        names = _names_of(method)

        @functools.wraps(method)
        def wide(self: Any, *args: Any, **kwargs: Any) -> Any:
            def to_float(name: str | None, value: Any) -> Any:
                return _cast(value, _HALF, torch.float32) if apply_to is None or name in apply_to else value

            device = _device_of(self)
            half = torch.is_autocast_enabled(device)
            names_of_rest = [*names, *[None] * len(args)]
            args = tuple(to_float(name, value) for name, value in zip(names_of_rest, args, strict=False))
            kwargs = {name: to_float(name, value) for name, value in kwargs.items()}
            with torch.autocast(device, enabled=False):
                out = method(self, *args, **kwargs)
            return _cast(out, (torch.float32,), torch.get_autocast_dtype(device)) if out_fp16 and half else out

        return wide

    return decorate


def auto_fp16(
    apply_to: Sequence[str] | None = None, out_fp32: bool = False, supported_types: tuple[type, ...] = (nn.Module,)
) -> Callable:
    """Decorator of a module's method that may run in half precision: under mixed precision it does so by autocast.

    Args:
        apply_to: Taken as mmcv takes it: autocast chooses the type at each operation, whatever the arguments are.
        out_fp32: Give half-precision results in float32.
        supported_types: Taken as mmcv takes it.
    """
    del apply_to, supported_types

    def decorate(method: Callable) -> Callable:
        if not out_fp32:
            return method

        @functools.wraps(method)
        def wide_at_the_end(self: Any, *args: Any, **kwargs: Any) -> Any:
            return _cast(method(self, *args, **kwargs), _HALF, torch.float32)

        return wide_at_the_end

    return decorate


def wrap_fp16_model(model: nn.Module) -> None:
    """Set ``fp16_enabled`` where the model's modules have it, ; a config's ``fp16`` is what brings the precision."""
    for module in model.modules():
        if hasattr(module, 'fp16_enabled'):
            module.fp16_enabled = True  # type: ignore[assignment]


def _names_of(method: Callable) -> list[str]:
    return list(inspect.signature(method).parameters)[1:]


def _device_of(module: Any) -> str:
    parameter = next(module.parameters(), None) if isinstance(module, nn.Module) else None
    return 'cpu' if parameter is None else parameter.device.type
