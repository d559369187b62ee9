"""Rules by which the reference values were drawn: weights, images and boxes follow from names.

A parameter's values are a function of its key alone, so two implementations whose keys and shapes
agree hold the same model. Tensors are compared at 128 positions, which follow from a name too.
"""

import fnmatch
import gzip
import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

GOLDEN = Path(__file__).parents[1] / 'data' / 'golden'
NUM_CLASSES = 15


def load_json(name: str) -> dict:
    """A reference file, ``NAME.json`` or ``NAME.json.gz``."""
    path = GOLDEN / name
    raw = gzip.decompress(path.read_bytes()) if path.suffix == '.gz' else path.read_bytes()
    return json.loads(raw)


def load_all(pattern: str) -> dict:
    """The reference files of a pattern as one."""
    found: dict = {}
    for path in sorted(GOLDEN.glob(pattern)):
        found |= load_json(str(path.relative_to(GOLDEN)))
    return found


def random_state(name: str) -> np.random.RandomState:
    """The generator that belongs to a name."""
    return np.random.RandomState(zlib.crc32(name.encode()))


def _normal(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return random_state(name).standard_normal(shape)


def _uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return random_state(name).uniform(0, 1, shape)


def _weight(key: str, shape: tuple[int, ...]) -> np.ndarray:
    if key.endswith('.weights'):  # coefficients of an equivariant convolution
        return 0.2 * _normal(key, shape)
    if 'relative_position_bias_table' in key or key.endswith('bias'):
        return 0.02 * _normal(key, shape)
    if key.endswith('running_var'):
        return 0.5 + _uniform(key, shape)
    if key.endswith('running_mean'):
        return 0.05 * _normal(key, shape)
    if len(shape) >= 2:
        return _normal(key, shape) / np.sqrt(np.prod(shape[1:]))
    return 0.8 + 0.4 * _uniform(key, shape)


# buffers that a layer derives from its other weights
_DERIVED = ('_basisexpansion', 'bias_expansion', 'expanded_bias')


@torch.no_grad()
def fill(model: nn.Module) -> nn.Module:
    """Give every floating-point entry of the state its value, and leave the model in eval mode."""
    for key, tensor in model.state_dict().items():
        derived = any(part in key for part in _DERIVED) or key.endswith('.filter')
        if tensor.is_floating_point() and not derived:
            tensor.copy_(torch.from_numpy(np.asarray(_weight(key, tuple(tensor.shape)))))
    return model.train().eval()


def image(seed: str, height: int, width: int) -> Tensor:
    """Two normalised images (2, 3, height, width)."""
    return torch.from_numpy(_normal(f'img-{seed}', (2, 3, height, width)).astype(np.float32))


def ground_truth(
    seed: str, index: int, angle_version: str, size: tuple[int, int], num_classes: int
) -> tuple[Tensor, Tensor]:
    """Eight boxes (8, 5) and labels (8,) of image ``index``; ``size`` is (height, width)."""
    u = _uniform(f'gt-{seed}-{index}', (8, 5))
    long = 24 + u[:, 2] * 70
    short = 8 + u[:, 3] * (long - 8) * 0.8
    w, h = long, short
    if angle_version == 'oc':
        upright = u[:, 4] > 0.5
        w, h = np.where(upright, long, short), np.where(upright, short, long)
        theta = 1e-3 + u[:, 4] * (np.pi / 2 - 2e-3)
    else:
        start = {'le90': -np.pi / 2, 'le135': -np.pi / 4}[angle_version]
        theta = start + 1e-3 + u[:, 4] * (np.pi - 2e-3)
    x, y = 20 + u[:, 0] * (size[1] - 40), 20 + u[:, 1] * (size[0] - 40)
    boxes = np.stack([x, y, w, h, theta], 1).astype(np.float32)
    labels = (_uniform(f'lab-{seed}-{index}', (8,)) * num_classes).astype(np.int64)
    return torch.from_numpy(boxes), torch.from_numpy(labels)


def metas(height: int, width: int, count: int = 2) -> list[dict]:
    """Facts of images that were neither resized nor padded nor flipped."""
    shape = (height, width, 3)
    return [
        dict(
            img_shape=shape,
            pad_shape=shape,
            ori_shape=shape,
            scale_factor=np.ones(4, np.float32),
            flip=False,
            filename=f'{i}.png',
            img_norm_cfg={},
        )
        for i in range(count)
    ]


def make_deterministic(model_cfg: dict) -> dict:
    """Keep all samples and few candidates, and drop pretrained weights, in place."""

    def walk(node: object) -> None:
        children = node.values() if isinstance(node, dict) else node
        if not isinstance(node, (dict, list, tuple)):
            return
        if isinstance(node, dict):
            for key in ('nms_pre', 'nms_post', 'max_per_img'):
                if key in node:
                    node[key] = min(node[key], 200)
            if isinstance(node.get('sampler'), dict) and 'num' in node['sampler']:
                node['sampler']['num'] = 1_000_000
        for child in children:
            walk(child)

    model_cfg.pop('pretrained', None)
    model_cfg['backbone'].pop('pretrained', None)
    if 'init_cfg' in model_cfg['backbone']:
        model_cfg['backbone']['init_cfg'] = None
    walk(model_cfg.get('train_cfg'))
    walk(model_cfg.get('test_cfg'))
    return model_cfg


def flatten(outputs: object, prefix: str = 'out') -> dict[str, Tensor]:
    """Tensors of nested lists by the name they were sampled under, ``out.0.1``."""
    if torch.is_tensor(outputs):
        return {prefix: outputs}
    found = {}
    for i, item in enumerate(outputs if isinstance(outputs, (list, tuple)) else []):
        found.update(flatten(item, f'{prefix}.{i}'))
    return found


def assert_sample(tensor: Tensor, expected: dict, rtol: float = 1e-4) -> None:
    """A tensor against its sample, within ``rtol`` of the sample's standard deviation."""
    assert list(tensor.shape) == expected['shape']
    got = tensor.detach().double().reshape(-1).numpy()[expected['idx']]
    scale = max(expected['std'], 1e-12)
    np.testing.assert_allclose(got / scale, np.array(expected['val']) / scale, atol=rtol, rtol=0)


def overwritten_labels(coder: Any, angles: Tensor) -> Tensor:
    """Gaussian labels (n, coding_len) as the reference writes them, where ours are right.

    It writes one for each degree, whatever omega is: with classes of 4 degrees it goes around the
    circle four times, and the last time, far from the peak, overwrites the first.
    """
    right = ((angles[:, 0].rad2deg() - coder.start) / coder.omega).long()
    labels, rows = angles.new_zeros(len(angles), coder.coding_len), torch.arange(len(angles))
    span = round(coder.span)
    for offset in range(-span // 2, span // 2):
        value = math.exp(-(offset**2) / (2 * coder.radius**2))
        labels[rows, (right + offset) % coder.coding_len] = value
    return labels


def grad_norms(model: torch.nn.Module, losses: dict) -> dict[str, float]:
    """Norms of the gradient by the first two parts of a parameter's name."""
    model.zero_grad()
    model._parse_losses(losses)[0].backward()
    squares: dict[str, float] = {}
    for key, parameter in model.named_parameters():
        if parameter.grad is not None:
            group = '.'.join(key.split('.')[:2])
            squares[group] = squares.get(group, 0) + float(parameter.grad.double().square().sum())
    return {group: square**0.5 for group, square in squares.items()}


@torch.no_grad()
def adjust(model: nn.Module, rules: list[tuple[str, float, float]]) -> None:
    """Multiply the entries of the state that match a pattern, and add to them, rule by rule."""
    state = model.state_dict()
    for pattern, factor, addend in rules:
        for key in fnmatch.filter(state, pattern):
            state[key].mul_(factor).add_(addend)
