"""Arrays that the reference computed."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from tests.helpers.reference import GOLDEN

VERSIONS = ('oc', 'le90', 'le135')


@cache
def _arrays(file: str) -> np.lib.npyio.NpzFile:
    return np.load(GOLDEN / file)


def array(name: str, file: str = 'ops.npz') -> np.ndarray:
    """The array ``OPERATION/NAME``; of newer methods the file is in ``newer/``."""
    return _arrays(file)[name]


def tensor(name: str, file: str = 'ops.npz') -> Tensor:
    """The same as a tensor of its own."""
    return torch.from_numpy(array(name, file).copy())


def random_boxes(count: int, seed: int = 0, spread: float = 200.0) -> Tensor:
    """Boxes (count, 5): centres in a square, sides of 4 to 60 px, any angle."""
    rng = np.random.RandomState(seed)
    low, high = (0, 0, 4, 4, -np.pi), (spread, spread, 60, 60, np.pi)
    return torch.from_numpy(rng.uniform(low, high, (count, 5)).astype(np.float32))
