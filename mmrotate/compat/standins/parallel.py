"""Containers and wrappers of ``mmcv.parallel`` in the part that one device, or a process for each, needs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.model import is_model_wrapper
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import default_collate

from mmrotate.utils import UserError

is_module_wrapper = is_model_wrapper


class DataContainer:
    """A value of a sample, and how values of several samples become one batch.

    Args:
        data: The value.
        stack: Tensors are padded to the largest and stacked.
        padding_value: What padding is filled with.
        cpu_only: Values stay as they are, on the CPU.
        pad_dims: Last dimensions that are padded: None, 1, 2 or 3.
    """

    def __init__(
        self, data: Any, stack: bool = False, padding_value: float = 0, cpu_only: bool = False, pad_dims: int | None = 2
    ) -> None:
        if pad_dims not in (None, 1, 2, 3):
            raise AssertionError(f'pad_dims must be None, 1, 2 or 3, got {pad_dims}')
        self.data, self.stack, self.padding_value = data, stack, padding_value
        self.cpu_only, self.pad_dims = cpu_only, pad_dims

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.data!r})'

    def __len__(self) -> int:
        return len(self.data)

    @property
    def datatype(self) -> str | type:
        """Type of the value, of a tensor the kind that ``tensor.type()`` says."""
        return self.data.type() if isinstance(self.data, Tensor) else type(self.data)

    def size(self, *args: Any) -> Any:
        """``size`` of the value."""
        return self.data.size(*args)

    def dim(self) -> int:
        """``dim`` of the value."""
        return self.data.dim()


def to_tensor(data: Any) -> Tensor:
    """A tensor of an array, a sequence or a number."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, np.ndarray):
        return torch.from_numpy(data)
    if isinstance(data, Sequence) and not isinstance(data, str):
        return torch.tensor(data)
    if isinstance(data, int | float):
        return torch.tensor([data])
    raise TypeError(f'a tensor, an array, a sequence or a number is needed, got {type(data).__name__}')


def collate(batch: Sequence[Any], samples_per_gpu: int = 1) -> Any:
    """Batch of samples: their containers hold, for each ``samples_per_gpu``, a stacked tensor or a list of values."""
    if not isinstance(batch, Sequence):
        raise TypeError(f'{type(batch).__name__} is no sequence of samples')
    first = batch[0]
    if isinstance(first, Mapping):
        return {key: collate([sample[key] for sample in batch], samples_per_gpu) for key in first}
    if isinstance(first, DataContainer):
        groups = [batch[i : i + samples_per_gpu] for i in range(0, len(batch), samples_per_gpu)]
        return DataContainer([_together(group) for group in groups], first.stack, first.padding_value, first.cpu_only)
    if isinstance(first, Sequence) and not isinstance(first, str):
        return [collate(items, samples_per_gpu) for items in zip(*batch, strict=True)]
    return default_collate(list(batch))


def _together(group: Sequence[DataContainer]) -> Any:
    values, first = [part.data for part in group], group[0]
    if first.cpu_only or not first.stack:
        return values
    dims = first.pad_dims or 0
    largest = [max(value.shape[-i] for value in values) for i in range(1, dims + 1)]
    padded = []
    for value in values:
        missing = (amount for i, size in enumerate(largest, 1) for amount in (0, size - value.shape[-i]))
        padded.append(F.pad(value, list(missing), value=first.padding_value))
    return torch.stack(padded)


def scatter(inputs: Any, target_gpus: Sequence[Any], dim: int = 0) -> list[Any]:
    """Inputs without their containers, on the one device of ``target_gpus`` (a number, or -1 for the CPU).

    Raises:
        UserError: Several devices: a process serves one.
    """
    del dim  # nothing is cut up
    if len(target_gpus) != 1:
        raise UserError(
            f'a process serves one device, got {list(target_gpus)}: start one for each (tools/dist_train.sh)'
        )
    target = target_gpus[0]
    device = torch.device('cpu') if target == -1 else torch.device(target)
    return [_bare(inputs, device)]


def _bare(value: Any, device: torch.device) -> Any:
    if isinstance(value, DataContainer):
        return value.data[0] if value.cpu_only else _bare(value.data[0], device)
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {key: _bare(item, device) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_bare(item, device) for item in value)
    return value


class MMDataParallel(nn.DataParallel):
    """The model of ``module`` on one device, the CPU where there is none: its inputs' containers are opened.

    Args:
        module: The model.
        device_ids: One device; None for the first one.
        dim: Taken as mmcv takes it.
        kwargs: Of :class:`torch.nn.DataParallel`.
    """

    def __init__(self, module: nn.Module, device_ids: Sequence[int] | None = None, dim: int = 0, **kwargs: Any) -> None:
        nn.Module.__init__(self)
        del kwargs
        if device_ids and len(device_ids) > 1:
            raise UserError(f'a process serves one device, got {list(device_ids)}: start one for each')
        self.module, self.dim = module, dim
        self.device_ids = list(device_ids or [])
        parameter = next(module.parameters(), None)
        here = torch.device('cpu') if parameter is None else parameter.device
        self.target = torch.device(self.device_ids[0]) if self.device_ids and torch.cuda.is_available() else here
        module.to(self.target)

    def _opened(self, inputs: tuple, kwargs: dict) -> tuple[tuple, dict]:
        return _bare(inputs, self.target), _bare(kwargs, self.target)

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the model gives."""
        args, named = self._opened(inputs, kwargs)
        return self.module(*args, **named)

    def train_step(self, *inputs: Any, **kwargs: Any) -> Any:
        """``train_step`` of the model."""
        args, named = self._opened(inputs, kwargs)
        return self.module.train_step(*args, **named)

    def val_step(self, *inputs: Any, **kwargs: Any) -> Any:
        """``val_step`` of the model."""
        args, named = self._opened(inputs, kwargs)
        return self.module.val_step(*args, **named)


class MMDistributedDataParallel(DistributedDataParallel):
    """PyTorch's own, which opens the containers of its inputs."""

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the model gives."""
        device = next(self.module.parameters()).device
        return super().forward(*_bare(inputs, device), **_bare(kwargs, device))

    def train_step(self, *inputs: Any, **kwargs: Any) -> Any:
        """``train_step`` of the model; its gradients are not averaged before ``reduce_gradients`` of the caller."""
        raise UserError('train_step of several processes: mmrotate.apis.train_detector trains them together')


def build_dp(model: nn.Module, device: str = 'cuda', dim: int = 0, **kwargs: Any) -> MMDataParallel:
    """The model on a device, wrapped."""
    return MMDataParallel(model.to(device), dim=dim, **kwargs)


def build_ddp(model: nn.Module, device: str = 'cuda', *args: Any, **kwargs: Any) -> MMDistributedDataParallel:
    """The model on a device, wrapped for several processes."""
    return MMDistributedDataParallel(model.to(device), *args, **kwargs)
