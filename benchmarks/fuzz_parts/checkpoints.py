"""Damaged and hostile checkpoints: loaded, or a CheckpointError that names the file; never code, never silent NaN."""

import functools
import io
import logging
import os
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mmrotate.utils import CheckpointError, load_checkpoint

NAME = 'checkpoints'
COUNT = 1000
SCRAPS = (b'\x00', b'\xff' * 8, b'\x80\x02}', b'PK\x03\x04', b'.', b'R', b'cos\nsystem\n', b'\x85R')
ODD_VALUES = (None, 3, -1.5, 'car', b'\xff', [], {}, ['car', 1], {'a': 1}, (1, 2), True, 2**70, torch.zeros(0), {3: 4})


class Payload:
    """An object whose unpickling makes a folder: the proof that code of a file ran."""

    def __init__(self, proof: Path, function: Any = os.mkdir) -> None:
        self.call = function, (str(proof),)

    def __reduce__(self) -> Any:
        return self.call


def small_model() -> nn.Module:
    """The model that the checkpoints are for."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))


@functools.cache
def valid_bytes(zipped: bool = True) -> bytes:
    """A checkpoint without fault, in the newer format or the older one."""
    return saved(valid_content(), zipped)


@functools.cache
def weights() -> dict[str, torch.Tensor]:
    """Its tensors; the older format names them by their addresses, which no two processes share."""
    torch.manual_seed(0)
    return dict(small_model().state_dict())


def valid_content() -> dict[str, Any]:
    """What it holds."""
    meta = dict(epoch=1, iter=7, CLASSES=('car', 'ship'), seed=3)
    return dict(meta=meta, state_dict=dict(weights()), optimizer=dict(state={}, param_groups=[]))


def saved(content: Any, zipped: bool = True) -> bytes:
    """``content`` as torch.save writes it."""
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


def scrambled(data: bytes, rng: random.Random) -> bytes:
    """Bytes changed, cut out, doubled or put in, at up to ten places."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 10)):
        at = rng.randrange(len(changed) + 1)
        end = min(at + rng.choice((1, 1, 4, 64)), len(changed))
        kind = rng.randrange(4)
        if kind == 0:
            changed[at:end] = rng.randbytes(end - at)
        elif kind == 1:
            del changed[at:end]
        else:
            changed[at : end if kind == 2 else at] = rng.choice(SCRAPS)
    return bytes(changed)


def cut(rng: random.Random, folder: Path) -> bytes:
    """The beginning of a file."""
    data = valid_bytes(rng.random() < 0.5)
    return data[: rng.randrange(len(data))]


def flipped(rng: random.Random, folder: Path) -> bytes:
    """A file with other bytes anywhere."""
    return scrambled(valid_bytes(rng.random() < 0.5), rng)


def rezipped(rng: random.Random, folder: Path) -> bytes:
    """An archive with an entry changed, left out, renamed or packed."""
    stream, kind = io.BytesIO(), rng.randrange(5)
    with zipfile.ZipFile(io.BytesIO(valid_bytes())) as old, zipfile.ZipFile(stream, 'w') as new:
        chosen = rng.choice(old.namelist())
        for name in old.namelist():
            data, method = old.read(name), zipfile.ZIP_STORED
            if name == chosen:
                data = scrambled(data, rng) if kind == 0 else b'' if kind == 4 else data
                if kind == 1:
                    continue
                if kind == 2:
                    name = rng.choice(('../' + name, name + 'x', 'archive/data.pkl', ''))
                method = zipfile.ZIP_DEFLATED if kind == 3 else method
                data = data + bytes(10**7) if kind == 3 else data
            new.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def repickled(rng: random.Random, folder: Path) -> bytes:
    """An archive whose pickle is altered in a few bytes: what it builds is something else."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(valid_bytes())) as old, zipfile.ZipFile(stream, 'w') as new:
        for name in old.namelist():
            data = bytearray(old.read(name))
            if name.endswith('data.pkl'):
                for _ in range(rng.randint(1, 4)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
            new.writestr(name, bytes(data))
    return stream.getvalue()


def odd(rng: random.Random, folder: Path) -> bytes:
    """A sound file of the wrong content: other types, shapes, numbers."""
    content = valid_content()
    for _ in range(rng.randint(1, 3)):
        place = rng.choice((content, content['meta'], content['state_dict']))
        if not isinstance(place, dict) or not place:
            continue
        key = rng.choice(list(place))
        value = place[key]
        if isinstance(value, torch.Tensor) and rng.random() < 0.5:
            changes = (value * torch.nan, value.double(), value[None], value.bool(), value.to(torch.complex64))
            place[key] = rng.choice(changes)
        else:
            place[key] = rng.choice(ODD_VALUES)
        if not all(isinstance(content.get(part), dict) for part in ('meta', 'state_dict')):
            break
    return saved(content if rng.random() < 0.9 else rng.choice(ODD_VALUES), rng.random() < 0.7)


def hostile(rng: random.Random, folder: Path) -> bytes:
    """A file that runs code where it is unpickled without care."""
    payload = Payload(folder / 'proof', rng.choice((os.mkdir, os.makedirs)))
    content = valid_content()
    rng.choice((content, content['meta'], content['state_dict']))['extra'] = payload
    kind = rng.randrange(3)
    if kind == 2:
        return pickle.dumps(rng.choice((payload, content, [payload])), rng.randrange(5))
    return saved(content, bool(kind))


MAKERS = (cut, flipped, rezipped, repickled, odd, hostile)


class _Said(logging.Handler):
    """Notes whether a warning about weights that are not finite came."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.finite = True

    def emit(self, record: logging.LogRecord) -> None:
        self.finite &= 'not finite' not in record.getMessage()


def run_case(index: int, folder: Path) -> str:
    """Make checkpoint ``index``, load it, and judge what came of it."""
    rng = random.Random(index)
    maker = MAKERS[index % len(MAKERS)]
    path = folder / 'case.pth'
    path.write_bytes(maker(rng, folder))
    model, said = small_model(), _Said()
    logger = logging.Logger('fuzz')
    logger.addHandler(said)
    try:
        load_checkpoint(model, path, logger=logger)
    except CheckpointError as error:
        outcome = (
            'refused' if str(path) in str(error) else f'FAULT: the error of {maker.__name__} names no file: {error}'
        )
    else:
        finite = all(bool(value.isfinite().all()) for value in model.state_dict().values())
        outcome = 'value' if finite or not said.finite else f'FAULT: {maker.__name__} loads NaN without a word'
    return f'FAULT: code of {maker.__name__} ran' if (folder / 'proof').exists() else outcome
