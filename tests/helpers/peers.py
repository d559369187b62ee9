"""What MMDetection 3.3.0 and MMCV 2.1.0 compute for single modules and losses, in ``tests/data/golden/peers.json.gz``.

Weights and inputs follow from names, see :mod:`tests.helpers.reference`. ``losses`` has configs, values of two calls
and gradients; ``modules`` has configs, the keys and shapes of the state, and samples of the outputs.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor

from tests.helpers import reference


@cache
def golden() -> dict[str, Any]:
    """The whole file."""
    return reference.load_json('peers.json.gz')


def normal(name: str, *shape: int) -> Tensor:
    """Normal numbers that belong to a name."""
    return torch.from_numpy(reference.random_state(name).standard_normal(shape)).float()


COUNT = 12
LABELS = torch.arange(COUNT) % 5  # 4 is background
WEIGHT = torch.tensor([1.0, 1, 0, 1, 0.5, 1, 1, 0, 1, 1, 1, 1])


def _boxes(name: str, spread: float) -> Tensor:
    centres, sides = normal(name, COUNT, 2) * spread + 50, normal(f'{name}-sides', COUNT, 2).abs() * 10 + 20
    return torch.cat([centres - sides / 2, centres + sides / 2], 1)


def loss_inputs(kind: str) -> tuple[Tensor, Any, Tensor]:
    """Predictions, targets and weights of a loss of that kind."""
    pred, every = normal('pred', COUNT, 4), WEIGHT[:, None].expand(COUNT, 4).contiguous()
    quality = normal('quality', COUNT, 4).abs().clamp(max=1)
    return {
        'boxes': (_boxes('pred', 4), _boxes('target', 4), WEIGHT),
        'boxes of four': (_boxes('pred', 4), _boxes('target', 4), every),
        'deltas': (pred, normal('target', COUNT, 4), every),
        'labels': (pred * 2, LABELS, WEIGHT),
        'quality of labels': (pred * 2, (LABELS, quality[:, 0]), WEIGHT),
        'probabilities': (pred.sigmoid(), quality, WEIGHT),
        'soft': (pred * 2, normal('soft', COUNT, 4).clamp(0, 1), WEIGHT),
        'soft of four': (pred * 2, normal('soft', COUNT, 4).clamp(0, 1), every),
        'heat': (pred.sigmoid(), quality, every),
        'distribution': (normal('distribution', COUNT, 8), quality[:, 0] * 6.9, WEIGHT),
    }[kind]


def sample(tensor: Tensor) -> dict[str, Any]:
    """A few elements of a tensor, as ``reference.assert_sample`` reads them."""
    flat = tensor.detach().double().flatten()
    idx = list(range(0, len(flat), max(len(flat) // 6, 1)))
    return dict(shape=list(tensor.shape), idx=idx, val=flat[idx].tolist(), std=float(flat.std()))


def module_inputs(shapes: list[list[int]]) -> Any:
    """An image, or the maps of a backbone, of these shapes."""
    inputs = [normal(f'input{i}', *shape) for i, shape in enumerate(shapes)]
    return inputs[0] if len(inputs) == 1 else inputs
