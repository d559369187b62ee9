"""The key ``fsdp``: weights, gradients and optimizer are spread over the processes, by PyTorch's ``fully_shard``."""

import inspect
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine import dist as mmengine_dist
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.nn.utils import clip_grad
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode

from mmrotate.utils import UserError

try:
    from torch.distributed.fsdp import FSDPModule, fully_shard
    from torch.distributed.tensor import DTensor, distribute_tensor

    _HERE = 'ignored_params' in inspect.signature(fully_shard).parameters
except ImportError:
    _HERE = False

_LARGE = 1_000_000


def check_sharding(config: Mapping[str, Any], distributed: bool, precision: str) -> None:
    """Refuse a config that asks for ``fsdp`` and for what stands against it.

    Raises:
        UserError: All that does.
    """
    if not is_asked_for(config):
        return
    options = config.get('optimizer_config') or {}
    against = {
        'it needs PyTorch 2.7 or newer': not _HERE,
        'weights are spread over several processes: start them by tools/dist_train.sh or torchrun': not distributed,
        'fp16 scales the loss in each process by itself: take bf16=True': precision == 'float16',
        'compile and fsdp do not go together': bool(config.get('compile')),
        'channels_last and fsdp do not go together': bool(config.get('channels_last')),
        'ddp has the buckets of weights that every process has whole: leave it out': bool(config.get('ddp')),
        'optimizer_config.detect_anomalous_params looks for whole weights': bool(
            options.get('detect_anomalous_params')
        ),
    }
    if reasons := [reason for reason, holds in against.items() if holds]:
        raise UserError(f'fsdp: {"; ".join(reasons)}')


def is_asked_for(config: Mapping[str, Any]) -> bool:
    """Whether a config has the key: True, or a dict, be it empty."""
    return config.get('fsdp') not in (None, False)


def is_sharded(model: nn.Module) -> bool:
    """Whether :func:`shard` spread the weights of ``model``."""
    return _HERE and isinstance(model, FSDPModule)


def shard(model: nn.Module, device: torch.device, given: Any) -> None:
    """Spread the weights of a detector over all processes, in place; they begin as those of the first process.

    Blocks are members of lists of layers with many weights. Each is gathered when its turn comes, forwards and
    backwards, and let go of behind it; what lies in none of them is gathered for the whole step.

    Args:
        model: A detector on its device.
        device: The device.
        given: True, or a dict with ``min_params``, the weights from which on a member is a block; default: a million.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        mmengine_dist.broadcast(tensor.data, src=0)
    numbers = [parameter for parameter in model.parameters() if parameter.dim() == 0]  # which have no shares
    mesh = init_device_mesh(device.type, (mmengine_dist.get_world_size(),))
    least = given.get('min_params', _LARGE) if isinstance(given, Mapping) else _LARGE
    for block in [*_blocks(model, least), model]:
        fully_shard(block, mesh=mesh, reshard_after_forward=block is not model, ignored_params=set(numbers))
    _average_gradients([number for number in numbers if number.requires_grad])


def _blocks(model: nn.Module, least: int) -> list[nn.Module]:
    """Members of lists that have at least so many weights outside of smaller blocks, inner ones first."""
    owners = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    taken: set[int] = set()
    blocks: list[nn.Module] = []
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList | nn.Sequential)]
    for member in dict.fromkeys(member for one in reversed(lists) for member in one):
        own = {id(p): p.numel() for p in member.parameters() if id(p) not in taken}
        # A list is not called itself, and a weight that several have belongs to the whole. What a layer gives, alone or
        # at the end of others, may be changed in place, and with it goes the mark by which its weights are gathered.
        called = any(member.children()) and not isinstance(member, nn.ModuleList | nn.Sequential)
        if called and sum(own.values()) >= least and all(owners[key] == 1 for key in own):
            blocks.append(member)
            taken |= own.keys()
    return blocks


def _average_gradients(parameters: list[nn.Parameter]) -> None:
    """Have the gradients of parameters that every process has whole be means over the processes."""
    waiting: list[bool] = []

    def average() -> None:
        waiting.clear()
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        means = torch.stack([parameter.grad for parameter in parameters])  # type: ignore[misc]
        mmengine_dist.all_reduce(means, op='mean')
        for parameter, mean in zip(parameters, means, strict=True):
            parameter.grad.copy_(mean)  # type: ignore[union-attr]

    def at_the_end(gradient: Tensor) -> None:
        """Average once, behind the backward pass, which all processes end alike."""
        if not waiting:
            waiting.append(True)
            torch.autograd.Variable._execution_engine.queue_callback(average)

    for parameter in parameters:
        parameter.register_hook(at_the_end)


def is_shared(tensor: Tensor) -> bool:
    """Whether the processes have shares of a tensor."""
    return _HERE and isinstance(tensor, DTensor)


def share(tensor: Tensor) -> Tensor:
    """This process's share of a tensor; of one that every process has whole, the tensor."""
    return tensor.to_local() if is_shared(tensor) else tensor  # type: ignore[attr-defined]


def whole(tensor: Tensor) -> Tensor:
    """A tensor of which the processes have shares, whole; all of them have to ask for it."""
    return tensor.full_tensor() if is_shared(tensor) else tensor  # type: ignore[attr-defined]


def _share_like(value: Tensor, like: Any) -> Any:
    """This process's share of a whole tensor that all of them have, spread as ``like``."""
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


class TakingWhole(TorchFunctionMode):
    """Inside, a whole tensor that all processes have can be copied into one of which they have shares."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.copy_ and is_shared(args[0]) and not is_shared(args[1]):
            args = args[0], _share_like(args[1], args[0])
        return func(*args, **(kwargs or {}))


def share_state(optimizers: Iterable[Optimizer]) -> None:
    """Keep this process's share of what was loaded whole into optimizers."""
    for optimizer in optimizers:
        for parameter, state in optimizer.state.items():
            for name, value in state.items():
                if is_shared(parameter) and isinstance(value, Tensor) and value.shape == parameter.shape:
                    state[name] = _share_like(value, parameter)


@contextmanager
def gathered(model: nn.Module) -> Iterator[None]:
    """Inside, every process has all weights of ``model``, so it may predict as many images as it likes."""
    blocks: list[Any] = [module for module in model.modules() if is_sharded(module)]
    for block in blocks:
        block.set_reshard_after_forward(False, recurse=False)
        block.unshard()
    yield
    for block in blocks:
        block.reshard()
        block.set_reshard_after_forward(block is not model, recurse=False)


def twin(model: nn.Module) -> nn.Module:
    """A module with copies of the weights of ``model`` under the same names, which computes nothing."""
    return _twin(model, {})


def _twin(model: nn.Module, copies: dict[Tensor, Tensor]) -> nn.Module:
    def copied(tensor: Tensor | None) -> Tensor | None:
        """A copy; of a tensor that stands in several places the same one."""
        if tensor is not None and tensor not in copies:
            copy = tensor.detach().clone()
            copies[tensor] = nn.Parameter(copy, False) if isinstance(tensor, nn.Parameter) else copy
        return tensor if tensor is None else copies[tensor]

    made = nn.Module()
    for name, parameter in model._parameters.items():
        made.register_parameter(name, copied(parameter))  # type: ignore[arg-type]
    for name, buffer in model._buffers.items():
        made.register_buffer(name, copied(buffer), name not in model._non_persistent_buffers_set)
    for name, child in model._modules.items():
        made.add_module(name, None if child is None else _twin(child, copies))
    return made


def clip_by_shares(wrapper: OptimWrapper) -> None:
    """Have an optimizer clip gradients of which the processes have shares, by their norm or by value."""
    ours = {clip_grad.clip_grad_norm_: clip_norm, clip_grad.clip_grad_value_: clip_value}
    if wrapper.clip_grad_kwargs:
        wrapper.clip_func = ours[wrapper.clip_func]


def clip_value(parameters: Iterable[Tensor], clip_value: float, **_: Any) -> None:
    """``torch.nn.utils.clip_grad_value_`` for shares."""
    for parameter in parameters:
        share(parameter.grad).clamp_(-clip_value, clip_value)  # type: ignore[arg-type]


def clip_norm(
    parameters: Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False, **_: Any
) -> Tensor:
    """``torch.nn.utils.clip_grad_norm_`` for shares; gives the norm of all gradients of all processes."""
    gradients: list[Tensor] = [parameter.grad for parameter in parameters if parameter.grad is not None]
    shares = [share(gradient) for gradient in gradients]
    # what every process has whole counts once
    first = mmengine_dist.get_rank() == 0
    own = [mine for mine, gradient in zip(shares, gradients, strict=True) if mine is not gradient or first]
    filled = [mine for mine in own if mine.numel()]
    norms = torch.stack([shares[0].new_zeros(()), *(torch._foreach_norm(filled, norm_type) if filled else ())])
    if math.isinf(norm_type):
        mmengine_dist.all_reduce(total := norms.amax(), op='max')
    else:
        mmengine_dist.all_reduce(total := norms.pow(norm_type).sum(), op='sum')
        total = total ** (1 / norm_type)
    if error_if_nonfinite and not total.isfinite():
        raise RuntimeError(f'the norm of the gradients is {total.item()}, which optimizer_config.grad_clip forbids')
    torch._foreach_mul_(shares, (max_norm / (total + 1e-6)).clamp(max=1.0))
    return total
