"""Which parameters a loss reaches."""

import logging

import torch
from torch import nn


def name_unused_parameters(model: nn.Module, loss: torch.Tensor, logger: logging.Logger) -> list[str]:
    """Name, as errors, the trained parameters that ``loss`` does not depend on; gives their names back."""
    reached = _parameters_of(loss)
    unused = {n: p for n, p in model.named_parameters() if p.requires_grad and id(p) not in reached}
    for name, parameter in unused.items():
        logger.error('%s with shape %s is not in the computational graph', name, tuple(parameter.shape))
    return list(unused)


def _parameters_of(loss: torch.Tensor) -> set[int]:
    """``id`` of every tensor in which the graph of ``loss`` ends."""
    found, seen, waiting = set(), set(), [loss.grad_fn]
    while waiting:
        step = waiting.pop()
        if step is None or step in seen:
            continue
        seen.add(step)
        if hasattr(step, 'variable'):
            found.add(id(step.variable))
        waiting += [before for before, _ in step.next_functions]
    return found
