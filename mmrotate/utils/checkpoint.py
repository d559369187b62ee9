"""Reading checkpoints: safe by default, and clear about what does not fit."""

import logging
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
import torchvision
from torch import nn

from mmrotate.utils.errors import UserError

_ALLOW_VARIABLE = 'MMROTATE_ALLOW_PICKLE'
_WRAPPER_PREFIX = 'module.'
_LISTED_KEYS = 20


class CheckpointError(UserError, RuntimeError):
    """A checkpoint that cannot be read, is refused, or belongs to another model."""


def load_state(filename: str | os.PathLike, map_location: Any = 'cpu', allow_pickle: bool = False) -> dict[str, Any]:
    """Read a checkpoint and bring it into one layout.

    Args:
        filename: A path, an ``http(s)://`` address (kept in the cache of ``torch.hub``), or
            ``torchvision://NAME`` for the weights that torchvision publishes.
        map_location: Where the tensors go, as for ``torch.load``.
        allow_pickle: Unpickle any object, which runs whatever code the file holds. Also allowed by
            the environment variable ``MMROTATE_ALLOW_PICKLE=1``.

    Returns:
        A dict with ``state_dict`` (name -> tensor, without a wrapper's ``module.``), ``meta`` (a
        dict) and whatever else the file holds (``optimizer`` ...).

    Raises:
        FileNotFoundError: The file does not exist.
        CheckpointError: The address cannot be reached, the file is damaged, needs unpickling, or
            holds no weights.
    """
    name = os.fspath(filename)
    if name.startswith('torchvision://'):
        content: Any = _torchvision_weights(name.removeprefix('torchvision://'))
    elif name.startswith(('http://', 'https://')):
        path = _download(name)
        content = _load_file(path, map_location, allow_pickle)
    else:
        content = _load_file(name, map_location, allow_pickle)
    return _one_layout(content, name)


def load_checkpoint(
    model: nn.Module,
    filename: str | os.PathLike,
    map_location: Any = 'cpu',
    strict: bool = False,
    allow_pickle: bool = False,
    logger: logging.Logger | None = None,
) -> dict[str, Any]:
    """Load a checkpoint's weights into ``model``; what does not fit is listed in a warning.

    Args:
        model: The model; a wrapper's ``module`` is looked through.
        filename: As for :func:`load_state`.
        map_location: As for ``torch.load``.
        strict: Raise where a key is missing, unexpected or of another shape.
        allow_pickle: As for :func:`load_state`.
        logger: Where the warning goes; default: the package's logger.

    Returns:
        The whole checkpoint, as :func:`load_state` gives it.

    Raises:
        CheckpointError: No weight fits (the checkpoint is another model's), or ``strict`` and not
            all fit; the keys are listed.
    """
    checkpoint = load_state(filename, map_location, allow_pickle)
    load_weights(model, checkpoint['state_dict'], strict, source=str(filename), logger=logger)
    return checkpoint


def load_weights(
    model: nn.Module,
    state_dict: Mapping[str, Any],
    strict: bool = False,
    source: str = 'state_dict',
    logger: logging.Logger | None = None,
) -> None:
    """Load ``state_dict`` into ``model``; see :func:`load_checkpoint`, which adds the reading."""
    model = getattr(model, 'module', model) if _is_wrapper(model) else model
    own = model.state_dict()
    bad_shape = {
        key: f'{key}: {_shape(value)} in the checkpoint, {_shape(own[key])} in the model'
        for key, value in state_dict.items()
        if key in own and _shape(value) != _shape(own[key])
    }
    fitting = {key: v for key, v in state_dict.items() if key not in bad_shape}
    # the hooks of the modules that rename the keys of older checkpoints run in here
    result = model.load_state_dict(fitting, strict=False)
    unexpected = list(result.unexpected_keys)
    missing = [key for key in result.missing_keys if key not in bad_shape and not key.endswith('num_batches_tracked')]
    report = _report(source, missing, unexpected, list(bad_shape.values()))
    loaded = len(fitting) - len(unexpected)
    if loaded <= 0 and own:
        raise CheckpointError(f"no weight of {source} fits: it is another model's. {report}")
    if report and strict:
        raise CheckpointError(report)
    if report:
        (logger or logging.getLogger('mmrotate')).warning(report)


def save_atomically(content: Any, filename: str | os.PathLike) -> None:
    """``torch.save`` so that ``filename`` is whole at any moment, also if the process is killed."""
    path = Path(filename)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        with temporary.open('wb') as stream:
            torch.save(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _is_wrapper(model: nn.Module) -> bool:
    parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    return isinstance(model, parallel)


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, torch.Tensor) else None


def _load_file(path: str | os.PathLike, map_location: Any, allow_pickle: bool) -> Any:
    if not Path(path).is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    allow_pickle = allow_pickle or os.environ.get(_ALLOW_VARIABLE) == '1'
    try:
        return torch.load(path, map_location=map_location, weights_only=not allow_pickle)
    except pickle.UnpicklingError as error:
        if allow_pickle or not _looks_saved_by_torch(path):
            raise CheckpointError(f'{path} is no checkpoint, or is damaged: {error}') from error
        reason = str(error).split('\n', 1)[0]
        raise CheckpointError(
            f'{path} holds more than weights and plain values, and reading that can run any code '
            f'that its author put there. If you trust the file, set {_ALLOW_VARIABLE}=1 in the '
            f'environment, or pass allow_pickle=True. ({_first_global(str(error)) or reason})'
        ) from error
    except (RuntimeError, EOFError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise CheckpointError(f'{path} is no checkpoint, or is damaged: {error}') from error


def _looks_saved_by_torch(path: str | os.PathLike) -> bool:
    with Path(path).open('rb') as stream:
        start = stream.read(2)
    return start == b'PK' or start[:1] == b'\x80'  # a zip archive, or a pickle of protocol 2 on


def _first_global(message: str) -> str:
    """The line of PyTorch's message that names the class it met."""
    for line in message.splitlines():
        if 'GLOBAL' in line:
            return line.strip()
    return ''


def _download(url: str) -> Path:
    name = url.rsplit('/', 1)[-1].split('?', 1)[0]
    path = Path(torch.hub.get_dir(), 'checkpoints', name)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), progress=False)
    except (URLError, OSError, RuntimeError) as error:
        raise CheckpointError(
            f'{url} cannot be downloaded ({error}). Without a network: put the file at {path}, or '
            'give a local path instead'
        ) from error
    return path


def _torchvision_weights(name: str) -> dict[str, torch.Tensor]:
    if name not in torchvision.models.list_models():
        raise CheckpointError(f'torchvision has no model {name!r}, see torchvision.models')
    # the zoo's detectors were trained from the first set of ImageNet weights
    weights = next(iter(torchvision.models.get_model_weights(name)))
    return torch.load(_download(weights.url), map_location='cpu', weights_only=True)


def _one_layout(content: Any, source: str) -> dict[str, Any]:
    if not isinstance(content, Mapping):
        raise CheckpointError(f'{source} holds a {type(content).__name__}, not a dict of weights')
    checkpoint = dict(content)
    if not isinstance(checkpoint.get('state_dict'), Mapping):
        nested = checkpoint.get('model')
        state = nested if isinstance(nested, Mapping) else checkpoint
        if not any(isinstance(value, torch.Tensor) for value in state.values()):
            raise CheckpointError(
                f'{source} holds no weights: neither a dict "state_dict" nor tensors, but the '
                f'keys {list(checkpoint)[:_LISTED_KEYS]}'
            )
        checkpoint = {'state_dict': state}
    checkpoint['state_dict'] = _without_prefix(checkpoint['state_dict'])
    if not isinstance(checkpoint.get('meta'), Mapping):
        checkpoint['meta'] = {}
    return checkpoint


def _without_prefix(state: Mapping[str, Any]) -> 'OrderedDict[str, Any]':
    if state and all(key.startswith(_WRAPPER_PREFIX) for key in state):
        return OrderedDict((k.removeprefix(_WRAPPER_PREFIX), v) for k, v in state.items())
    return OrderedDict(state)


def _report(source: str, missing: list[str], unexpected: list[str], bad_shape: list[str]) -> str:
    parts = (('missing in it', missing), ('unexpected', unexpected), ('of another shape', bad_shape))
    lines = [f'  {title} ({len(keys)}): {_shortened(keys)}' for title, keys in parts if keys]
    return '\n'.join([f'keys of {source} and of the model differ', *lines]) if lines else ''


def _shortened(keys: list[str]) -> str:
    shown = ', '.join(keys[:_LISTED_KEYS])
    rest = len(keys) - _LISTED_KEYS
    return f'{shown} ... and {rest} more' if rest > 0 else shown
