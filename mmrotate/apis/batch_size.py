"""``samples_per_gpu='auto'``: the batch that fits, on a GPU by memory, on the CPU by time."""

import contextlib
import itertools
import math
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import nn

from mmrotate.datasets import collate
from mmrotate.engine import ShortageError, pick_device, read_plan, share_from_first
from mmrotate.engine.batches import restored_modes, to_device
from mmrotate.engine.distributed import gather_objects, rank_and_size
from mmrotate.engine.memory import peak_memory
from mmrotate.utils import get_root_logger

_MOST = 256
_SHARE = 0.8  # of the memory that is free: batches differ, and memory gets fragmented
_POOL = 16  # samples that batches are made of
_WORTH = 0.95  # a larger batch must take less than this part of the time per image


def fitting_batch(model: nn.Module, dataset: Any, cfg: Config) -> int:
    """Images of a batch for this model, on this device; the same in all processes, the least of them.

    Some steps are tried, forward and backward; weights and statistics stay as they are.

    Raises:
        ShortageError: Not even one image fits.
    """
    device, processes = pick_device(cfg.get('device')), rank_and_size()[1]
    how = 'what fits the memory of the GPU' if device.type == 'cuda' else 'what takes the least time an image'
    least = f', the least of {processes} processes for all' if processes > 1 else ''
    get_root_logger().info("samples_per_gpu='auto': some batches are tried for %s%s", how, least)
    trial = _Trial(model.to(device), dataset, device, read_plan(cfg).precision)
    most = min(_MOST, len(dataset))
    with restored_modes(model), _kept_buffers(model):
        model.train()
        if device.type == 'cuda':
            found, reason = largest_that_fits(trial.memory, _SHARE * _free(device), most), 'memory'
        else:
            found, reason = quickest(trial.seconds, most), 'time an image'
        model.zero_grad(set_to_none=True)
    parts = gather_objects(found)
    found = share_from_first(min(parts) if parts else None)
    get_root_logger().info('samples_per_gpu: %d images a batch fit best, by %s', found, reason)
    return found


def largest_that_fits(memory: Callable[[int], float | None], limit: float, most: int) -> int:
    """The largest batch, up to ``most``, whose memory is within ``limit``.

    Args:
        memory: Memory that a batch of so many images takes; None where it does not fit at all.
        limit: In the same unit.
        most: Images.

    Raises:
        ShortageError: One image does not fit.
    """
    taken: dict[int, float] = {}

    def fits(count: int) -> bool:
        if (used := memory(count)) is not None:
            taken[count] = used
        return used is not None and used <= limit

    if not fits(1):
        raise ShortageError('not even one image fits into the memory of the GPU: take smaller images (img_scale)')
    best = 1
    for count in itertools.takewhile(lambda count: count <= most, (2**i for i in itertools.count(1))):
        if not fits(count):
            break
        best = count
    # between this one and the next power of two by how much an image takes
    an_image = (taken[best] - taken[1]) / (best - 1) if best > 1 else taken.get(2, math.inf) - taken[1]
    more = int((limit - taken[best]) / an_image) if an_image > 0 else best
    guess = min(best + max(0, more), 2 * best - 1, most)
    return guess if guess > best and fits(guess) else best


def quickest(seconds: Callable[[int], float | None], most: int) -> int:
    """The smallest batch that takes about as little time an image as any, of 1, 2, 4, ... up to ``most``.

    ``seconds`` gives the time of a batch of so many images; None: there is not enough memory.
    """
    best, rate = 1, seconds(1) or math.inf
    for count in itertools.takewhile(lambda count: count <= most, (2**i for i in itertools.count(1))):
        took = seconds(count)
        if took is None or took / count > _WORTH * rate:
            break
        best, rate = count, took / count
    return best


class _Trial:
    """Steps on batches of any size, made of the samples that take most."""

    def __init__(self, model: nn.Module, dataset: Any, device: torch.device, precision: str) -> None:
        self.model, self.device, self.precision = model, device, precision
        chosen = np.unique(np.linspace(0, len(dataset) - 1, min(_POOL, len(dataset))).astype(int))
        samples = [dataset[i] for i in chosen.tolist()]
        self.samples = sorted(samples, key=lambda one: (-one['img'].numel(), -len(one['gt_bboxes'])))
        weights = sum(weight.numel() * weight.element_size() for weight in model.parameters() if weight.requires_grad)
        self.momenta = 2 * weights  # of Adam; the optimizer is not there yet

    def step(self, count: int) -> None:
        """Forward and backward."""
        batch = collate(list(itertools.islice(itertools.cycle(self.samples), count)))
        half = torch.autocast(self.device.type, getattr(torch, self.precision)) if self.precision != 'float32' else None
        self.model.zero_grad(set_to_none=True)
        with half or contextlib.nullcontext():
            loss, _ = self.model._parse_losses(self.model(**to_device(batch, self.device)))  # type: ignore[operator]
        loss.backward()

    def memory(self, count: int) -> float | None:
        """Bytes on a GPU."""
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        try:
            self.step(count)
        except torch.OutOfMemoryError:
            self.model.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            return None
        return torch.cuda.max_memory_reserved(self.device) + self.momenta

    def seconds(self, count: int) -> float | None:
        """Of the second of two steps: the first one makes room; None if the process took more than half the memory."""
        self.step(count)
        start = time.perf_counter()
        self.step(count)
        took = time.perf_counter() - start
        return took if peak_memory(self.device) <= 0.5 * _machine_memory() else None


def _free(device: torch.device) -> int:
    """Bytes of a GPU that others leave."""
    return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)


def _machine_memory() -> float:
    """Memory of the machine in MB; without end where the system does not say."""
    try:
        return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**20
    except (AttributeError, ValueError, OSError):
        return math.inf


@contextlib.contextmanager
def _kept_buffers(model: nn.Module) -> Iterator[None]:
    """Put statistics of normalisation layers back."""
    before = {name: value.clone() for name, value in model.named_buffers()}
    yield
    for name, value in model.named_buffers():
        value.copy_(before[name])
