import random

import numpy as np
import torch

from mmrotate.utils import init_random_seed, seed_epoch, seed_iteration, set_random_seed


def draw():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_a_seed_gives_the_same_numbers():
    set_random_seed(3)
    first = draw()
    assert draw() != first
    set_random_seed(3)
    assert draw() == first


def test_every_epoch_rank_and_iteration_has_its_own_stream():
    drawn = set()
    for seed in (0, 1):
        for rank in (0, 1):
            for number in (0, 1):
                for function in (seed_epoch, seed_iteration):
                    function(seed, rank, number)
                    drawn.add(draw())
    assert len(drawn) == 16


def test_init_random_seed():
    assert init_random_seed(5) == 5
    drawn = init_random_seed()
    assert 0 <= drawn < 2**31
    assert init_random_seed() != drawn  # one in two thousand million fails


def test_deterministic_is_told_to_cudnn(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, 'deterministic', False)
    monkeypatch.setattr(torch.backends.cudnn, 'benchmark', True)
    set_random_seed(0, deterministic=True)
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark
