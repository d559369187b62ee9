"""Random numbers that follow from a seed, so that a resumed run draws what an unbroken one drew."""

import functools
import random

import numpy as np
import torch
from mmengine.dist import broadcast_object_list

_EPOCH, _ITERATION = 0, 1


def set_random_seed(seed: int, deterministic: bool = False) -> None:
    """Seed Python, NumPy and all devices of PyTorch with ``seed >= 0``; ``deterministic`` goes for cuDNN's choices."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if _may_have_a_device():
        torch.manual_seed(seed)
    else:  # without the stack that PyTorch notes for each kind of device that may come
        torch.default_generator.manual_seed(seed)
    if deterministic:
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False


@functools.cache
def _may_have_a_device() -> bool:
    """Whether there may be a device beside the CPU: before PyTorch 2.6 nobody knows."""
    accelerator = getattr(torch, 'accelerator', None)
    return accelerator is None or accelerator.is_available()


def init_random_seed(seed: int | None = None) -> int:
    """``seed``, or one drawn at random that all processes agree on."""
    if seed is not None:
        return seed
    drawn = [int(np.random.SeedSequence().generate_state(1)[0]) % 2**31]
    broadcast_object_list(drawn)
    return drawn[0]


def seed_epoch(seed: int, rank: int, epoch: int) -> None:
    """Seed everything that is drawn when an epoch starts: orders, and the workers' own seeds."""
    _seed_from(seed, rank, _EPOCH, epoch)


def seed_iteration(seed: int, rank: int, iteration: int) -> None:
    """Seed what one iteration draws in the main process: samplers of the model, dropout."""
    _seed_from(seed, rank, _ITERATION, iteration)


def _seed_from(*numbers: int) -> None:
    # SeedSequence mixes the numbers: (0, 1) and (1, 0) give unrelated streams
    set_random_seed(int(np.random.SeedSequence(numbers).generate_state(1, np.uint32)[0]))
