"""What every backbone shares: pretrained weights, frozen stages, fixed batch norms."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmrotate.models.base_module import BaseModule
from mmrotate.utils.errors import ArgumentError

KAIMING_INIT = [dict(type='Kaiming', layer='Conv2d'), dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm'])]


class Backbone(BaseModule):
    """Image (N, C, H, W) -> maps of the chosen stages, finest first.

    Args:
        pretrained: A checkpoint, short for ``init_cfg=dict(type='Pretrained', checkpoint=...)``.
        frozen_stages: Stem (0) and stages up to this one get no gradient and stay in eval mode; -1 freezes nothing.
        norm_eval: Keep the running statistics of all batch norms fixed in training.
        with_cp: Recompute activations in the backward pass, which saves memory.
    """

    def __init__(
        self,
        init_cfg: dict | list | None = None,
        pretrained: str | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool = False,
    ) -> None:
        if not isinstance(pretrained, str | None):
            raise TypeError(f'pretrained must be the path or address of a checkpoint, or None, got {pretrained!r}')
        if pretrained is not None:
            init_cfg = dict(type='Pretrained', checkpoint=pretrained)
        super().__init__(init_cfg)
        self.frozen_stages, self.norm_eval, self.with_cp = frozen_stages, norm_eval, with_cp

    def _parts(self) -> list[list[nn.Module]]:
        """The modules of the stem, then those of each stage."""
        raise NotImplementedError

    def _freeze(self) -> None:
        for part in self._parts()[: max(self.frozen_stages + 1, 0)]:
            for module in part:
                # first the gradient: what eval mode derives from the weights needs none either
                module.requires_grad_(False)
                module.eval()

    def train(self, mode: bool = True) -> 'Backbone':
        """Switch to training, but for what is frozen and, with ``norm_eval``, the batch norms."""
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    out_indices: tuple[int, ...]

    @staticmethod
    def _chosen(out_indices: Sequence[int], count: int) -> tuple[int, ...]:
        """The indices of the stages whose maps are given, of so many stages."""
        if not out_indices or not set(out_indices) <= set(range(count)):
            raise ArgumentError(f'out_indices must be of 0 to {count - 1}, got {tuple(out_indices)}')
        return tuple(out_indices)

    def _through(self, stages: Iterable, x: Tensor) -> tuple[Tensor, ...]:
        """``x`` through the blocks of all stages; the maps of ``out_indices``, finest first."""
        outs = []
        for i, blocks in enumerate(stages):
            x = self._run(blocks, x)
            if i in self.out_indices:
                outs.append(x)
        return tuple(outs)

    def _run(self, blocks: Any, x: Tensor) -> Tensor:
        """``x`` through the blocks of a stage, one after the other."""
        again = self.with_cp and torch.is_grad_enabled()
        for block in blocks:
            x = _recomputed(block, x) if again else block(x)
        return x


def _recomputed(block: nn.Module, x: Tensor) -> Tensor:
    """``block(x)``, which is computed anew in the backward pass."""
    return checkpoint(block, x, use_reentrant=False, context_fn=lambda: (nullcontext(), _counted(block)))


@contextmanager
def _counted(block: nn.Module) -> Iterator[None]:
    """Inside, batch norms take the statistics of the batch as in training, and do not count it again."""
    norms = [m for m in block.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training]
    counts = [norm.num_batches_tracked for norm in norms if norm.num_batches_tracked is not None]
    momenta, before = [norm.momentum for norm in norms], [count.clone() for count in counts]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for count, value in zip(counts, before, strict=True):
            count.copy_(value)
