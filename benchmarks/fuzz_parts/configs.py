"""Configs with wrong values, misspelt and missing keys, and damaged text, up to the moment before a training."""

import contextlib
import copy
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from mmrotate.engine import load_config, read_plan, warn_of_unknown_keys
from mmrotate.models import build_detector
from mmrotate.utils import UserError, get_root_logger

NAME = 'configs'
COUNT = 1000

_SOUND: dict[str, Any] = {
    'model': {
        'type': 'RotatedRetinaNet',
        'backbone': {'type': 'ResNet', 'depth': 18, 'base_channels': 4},
        'neck': {'type': 'FPN', 'in_channels': [4, 8, 16, 32], 'out_channels': 8, 'num_outs': 5},
        'bbox_head': {
            'type': 'RotatedRetinaHead',
            'num_classes': 2,
            'in_channels': 8,
            'feat_channels': 8,
            'loss_cls': {'type': 'FocalLoss', 'gamma': 2.0, 'alpha': 0.25},
        },
    },
    'data': {'samples_per_gpu': 2, 'workers_per_gpu': 0},
    'optimizer': {'type': 'SGD', 'lr': 0.01, 'momentum': 0.9, 'weight_decay': 0.0001},
    'optimizer_config': {'grad_clip': {'max_norm': 35, 'norm_type': 2}},
    'lr_config': {'policy': 'step', 'warmup': 'linear', 'warmup_iters': 5, 'warmup_ratio': 0.1, 'step': [8, 11]},
    'runner': {'type': 'EpochBasedRunner', 'max_epochs': 12},
    'checkpoint_config': {'interval': 1},
    'log_config': {'interval': 50, 'hooks': [{'type': 'TextLoggerHook'}]},
    'evaluation': {'interval': 1, 'metric': 'mAP'},
    'workflow': [['train', 1]],
    'custom_imports': {'imports': ['math'], 'allow_failed_imports': False},
    'load_from': None,
    'log_level': 'INFO',
    'seed': 3,
    'device': 'cpu',
}
_ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, -(10**30), 1e308, float('nan'), float('inf'), '', 'abc', '1', '\x00', 'ü' * 300, [],
    {}, [None], {'a': 1}, [[]], {'type': 'X'}, {'type': None}, [{'type': 'SGD'}],
)  # fmt: skip


def run_case(index: int, folder: Path) -> str:
    """Write the config of a number into ``folder`` and read it; ``'value'``, ``'refused'`` or ``'FAULT: why'``."""
    path = _write(random.Random(index), folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            _prepare(path)
    except UserError as error:
        return _judge(str(error.args[0]), path)
    except Exception as error:
        return f'FAULT: {type(error).__name__}: {str(error)[:200]}'
    return 'value'


def _prepare(path: Path) -> None:
    """All that comes before the data are opened."""
    config = load_config(path)
    warn_of_unknown_keys(config, get_root_logger())
    read_plan(config)
    build_detector(config.get('model'))


def _judge(text: str, path: Path) -> str:
    if '\n' in text:
        return f'FAULT: more than one line: {text[:200]!r}'
    keys = {str(key) for _, key in _places(_SOUND)}
    named = path.name in text or any(key in text for key in keys) or 'model' in text
    return 'refused' if named else f'FAULT: neither file nor key is named: {text[:200]}'


def _write(rng: random.Random, folder: Path) -> Path:
    config = copy.deepcopy(_SOUND)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choice(_CHANGES)(rng, config)
    suffix = rng.choice(('.py', '.json', '.yaml'))
    path = folder / f'fuzzed{suffix}'
    text = _TEXTS[suffix](config)
    data = text.encode('utf-8', 'surrogatepass')
    path.write_bytes(_damaged(rng, data) if rng.random() < 0.3 else data)
    return path


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every dict or list with each of its keys or numbers."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], dict | list):
            yield from _places(node[key])


def _replace(rng: random.Random, config: dict) -> None:
    node, key = rng.choice(list(_places(config)) or [(config, 'seed')])
    node[key] = copy.deepcopy(rng.choice(_ODD))


def _misspell(rng: random.Random, config: dict) -> None:
    named = [(node, key) for node, key in _places(config) if isinstance(key, str) and len(key) > 2]
    if named:
        node, key = rng.choice(named)
        at = rng.randrange(len(key) - 1)
        node[key[:at] + key[at + 1 :]] = node.pop(key)


def _remove(rng: random.Random, config: dict) -> None:
    if places := list(_places(config)):
        node, key = rng.choice(places)
        del node[key]


_CHANGES: tuple[Callable[[random.Random, dict], None], ...] = (_replace, _replace, _misspell, _remove)


def _python(config: dict) -> str:
    start = "nan, inf = float('nan'), float('inf')\n"
    return start + '\n'.join(f'globals()[{key!r}] = {value!r}' for key, value in config.items())


_TEXTS: dict[str, Callable[[dict], str]] = {'.py': _python, '.json': json.dumps, '.yaml': yaml.safe_dump}


def _damaged(rng: random.Random, data: bytes) -> bytes:
    """``data`` cut off, with bytes changed, or with a tag of YAML that makes an object."""
    kind, at = rng.randrange(3), rng.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        changed = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        return bytes(changed)
    return data + b'\nz: !!python/object/apply:os.getcwd []\n'
