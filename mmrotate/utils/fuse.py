"""Inference at its fastest: batch norms folded into the convolutions before them, and channels innermost."""

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)
# values of a tensor that are looked at to see whether it was changed
_SAMPLES = 16


class Speedups(NamedTuple):
    """What :func:`sped_up` may do; ``channels_last=None`` leaves it to the device."""

    fold: bool = True
    channels_last: bool | None = None


class _Swap(NamedTuple):
    """A module's copy that takes its place in the children of its parent."""

    children: dict[str, nn.Module | None]
    name: str
    plain: nn.Module
    copy: nn.Module


def fuse_conv_bn(model: nn.Module) -> nn.Module:
    """Fold every batch norm into the convolution that is registered right before it.

    ``model`` is changed in place, put into eval mode and given back. Its outputs in eval mode stay the same up to
    rounding; it cannot be trained any more.
    """
    model.eval()
    for module in model.modules():
        for (conv_name, conv), (norm_name, norm) in _pairs(module):
            setattr(module, conv_name, _folded(conv, norm))
            setattr(module, norm_name, nn.Identity())
    return model


@contextmanager
def sped_up(model: nn.Module, wanted: Speedups | None) -> Iterator[None]:
    """Inside, ``model`` gives what it gave, up to rounding, in less time.

    Copies of convolutions, with batch norms folded in and channels innermost, stand in for the plain ones; outside of
    it the model is untouched: names, weights and training are as ever. The copies are kept, and made anew where
    weights have changed since. Nothing happens in training, where gradients are wanted, in a graph, or to modules that
    have hooks. Norms are folded only where the module around them is known to use them so.
    """
    if wanted is None or model.training or torch.is_grad_enabled() or _in_graph():
        yield
        return
    with _LOCK:
        copies = _COPIES.setdefault(model, _Copies())
        copies.enter(model, wanted)
    try:
        yield
    finally:
        with _LOCK:
            copies.leave()


class _Copies:
    """The copies of a model's modules, and what they were made from. Threads may use them at once."""

    def __init__(self) -> None:
        self._users = 0
        self._wanted: Speedups | None = None
        self._swaps: list[_Swap] = []
        self._samples: list[Tensor] = []
        self._state: list[tuple[int, int]] = []
        self._values = torch.empty(0)

    def enter(self, model: nn.Module, wanted: Speedups) -> None:
        if not self._users:
            if not self._fit(wanted):
                self._make(model, wanted)
            for swap in self._swaps:
                swap.children[swap.name] = swap.copy
        self._users += 1

    def leave(self) -> None:
        self._users -= 1
        if not self._users:
            for swap in self._swaps:
                if swap.children.get(swap.name) is swap.copy:
                    swap.children[swap.name] = swap.plain

    def _fit(self, wanted: Speedups) -> bool:
        """Whether the copies are still those of the model.

        The versions of tensors tell of changes, but not of those through ``.data``, which the samples find.
        """
        return (
            wanted == self._wanted
            and all(swap.children.get(swap.name) is swap.plain and _bare(swap.plain) for swap in self._swaps)
            and self._state == _state(self._swaps)
            and torch.equal(_values(self._samples), self._values)
        )

    @torch.no_grad()
    def _make(self, model: nn.Module, wanted: Speedups) -> None:
        self._wanted, self._swaps = wanted, []
        for module in model.modules():
            known = wanted.fold and _is_known(module)
            norms = [pair for pair in _pairs(module) if _bare(pair[0][1]) and _bare(pair[1][1])] if known else []
            copies: dict[str, nn.Module] = {conv_name: _folded(conv, norm) for (conv_name, conv), (_, norm) in norms}
            copies.update((norm_name, nn.Identity()) for _, (norm_name, _) in norms)
            for name, child in module.named_children():
                if _wants_last(child, wanted) and _bare(child):
                    copies[name] = channels_last(copies.get(name) or copy.deepcopy(child))
            self._swaps += [_Swap(module._modules, name, module._modules[name], new) for name, new in copies.items()]  # type: ignore[arg-type]
        self._state = _state(self._swaps)
        self._samples = [_sample(tensor) for tensor in _tensors(self._swaps)]
        self._values = _values(self._samples)


_COPIES: WeakKeyDictionary[nn.Module, _Copies] = WeakKeyDictionary()
_LOCK = threading.RLock()


def _pairs(module: nn.Module) -> Iterator[tuple[tuple[str, nn.Conv2d], tuple[str, Any]]]:
    """Children of a module, with their names, that are a convolution and the batch norm right after it."""
    before: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d) and not getattr(child, 'standardised', False):
            before = name, child
        elif isinstance(child, _NORMS):
            # a class made from a norm may do more, like timm's, which end with an activation
            plain = type(child) in _NORMS and child.running_mean is not None
            if plain and before is not None and before[1].out_channels == child.num_features:
                yield before, (name, child)
            before = None


@torch.no_grad()
def _folded(conv: nn.Conv2d, norm: Any) -> nn.Conv2d:
    """Copy of the convolution that does what the norm after it does in eval mode; computed in float64."""
    both = copy.deepcopy(conv).eval()
    mean, var = norm.running_mean.double(), norm.running_var.double()
    scale = (var + norm.eps).rsqrt()
    shift = -mean * scale if conv.bias is None else (conv.bias.double() - mean) * scale
    if norm.affine:
        scale, shift = scale * norm.weight.double(), shift * norm.weight.double() + norm.bias.double()
    weight = conv.weight.double() * scale.view(-1, *[1] * (conv.weight.dim() - 1))
    both.weight = nn.Parameter(weight.to(conv.weight.dtype), requires_grad=False)
    both.bias = nn.Parameter(shift.to(conv.weight.dtype), requires_grad=False)
    return both


def channels_last(module: nn.Module) -> nn.Module:
    """Convert the layout of all weights that have one, in place; ``Module.to`` fails on others of rank 5."""
    for weight in module.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return module


def _wants_last(module: nn.Module, wanted: Speedups) -> bool:
    if type(module).forward is not nn.Conv2d.forward:
        return False
    return module.weight.device.type == 'cpu' if wanted.channels_last is None else wanted.channels_last


def _is_known(module: nn.Module) -> bool:
    """Whether the code of a module uses a batch norm right after the convolution before it, and nowhere else."""
    return type(module) is nn.Sequential or type(module).__module__.startswith(('mmrotate.', 'torchvision.'))


def _bare(module: nn.Module) -> bool:
    """Whether a module is in eval mode, and calling it is calling its class's forward."""
    hooks = module._forward_hooks or module._forward_pre_hooks or 'forward' in vars(module)
    return not (module.training or hooks)


def _in_graph() -> bool:
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def _tensors(swaps: list[_Swap]) -> Iterator[Tensor]:
    for swap in swaps:
        yield from (tensor for tensor in swap.plain._parameters.values() if tensor is not None)
        yield from (tensor for tensor in swap.plain._buffers.values() if tensor is not None)


def _state(swaps: list[_Swap]) -> list[tuple[int, int]]:
    """Where the tensors lie, and how often they were written to."""
    return [(each.data_ptr(), 0 if each.is_inference() else each._version) for each in _tensors(swaps)]


def _sample(tensor: Tensor) -> Tensor:
    """View (k,) of some of a tensor's values, spread over it."""
    flat = tensor.detach().as_strided((tensor.numel(),), (1,))
    return flat[:: max(tensor.numel() // _SAMPLES, 1)]


def _values(samples: list[Tensor]) -> Tensor:
    return torch.cat(samples) if samples else torch.empty(0)
