"""Reading checkpoints: safe by default, and clear about what does not fit."""

import logging
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mmrotate.utils import later
from mmrotate.utils.addresses import long_address
from mmrotate.utils.download import fetch
from mmrotate.utils.errors import CheckpointError
from mmrotate.utils.files import replacing
from mmrotate.utils.pickles import ALLOW_VARIABLE
from mmrotate.utils.zoo import local_checkpoint, near_zoo_names

_WRAPPER_PREFIX = 'module.'
_LISTED_KEYS = 20
_LARGEST_GROWTH = 10
# what the log is made of that mmengine saves beside the weights
_HISTORY = 'mmengine.logging.history_buffer.HistoryBuffer'
_OF_HISTORY = [
    ('mmengine.logging.history_buffer', 'HistoryBuffer'),
    ('builtins', 'getattr'),
    *(('numpy', name) for name in ('dtype', 'ndarray')),
    *((f'numpy.{core}.multiarray', name) for core in ('core', '_core') for name in ('_reconstruct', 'scalar')),
]


def load_state(filename: str | os.PathLike, map_location: Any = 'cpu', allow_pickle: bool = False) -> dict[str, Any]:
    """Read a checkpoint and bring it into one layout.

    Args:
        filename: A path, an ``http(s)://`` address, a name of the zoo, ``torchvision://NAME`` for the weights that
            torchvision publishes, or ``open-mmlab://NAME`` and ``mmcls://NAME`` for those that 0.x configs name; of the
            latter, which are classifiers, only the backbone is read. What is not here is fetched once, see
            :func:`mmrotate.utils.download.fetch`.
        map_location: Where the tensors go, as for ``torch.load``.
        allow_pickle: Unpickle any object, which runs whatever code the file holds. Also allowed by the environment
            variable ``MMROTATE_ALLOW_PICKLE=1``.

    Returns:
        A dict with ``state_dict`` (name -> tensor, without a wrapper's ``module.``), ``meta`` (a dict) and whatever
        else the file holds (``optimizer`` ...).

    Raises:
        FileNotFoundError: The file does not exist.
        AddressError: No checkpoint is known by the address.
        CheckpointError: The address cannot be reached, the file is damaged, needs unpickling, or holds no weights.
    """
    name = os.fspath(filename)
    address = long_address(name)
    if address.startswith('torchvision://'):
        return _one_layout(_torchvision_weights(address.removeprefix('torchvision://')), name)
    checkpoint = _one_layout(_load_file(local_checkpoint(address), map_location, allow_pickle), name)
    return _backbone_of(checkpoint) if name.startswith('mmcls://') else checkpoint


def load_checkpoint(
    model: nn.Module,
    filename: str | os.PathLike,
    map_location: Any = 'cpu',
    strict: bool = False,
    allow_pickle: bool = False,
    logger: logging.Logger | None = None,
) -> dict[str, Any]:
    """Load a checkpoint's weights into ``model``: :func:`load_state`, then :func:`load_weights`.

    Returns:
        The whole checkpoint, as :func:`load_state` gives it.
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
    """Load ``state_dict`` into ``model``; what does not fit is listed in a warning.

    Args:
        model: The model; a wrapper's ``module`` is looked through.
        state_dict: Tensors by name.
        strict: Raise where a key is missing, unexpected or of another shape.
        source: What the messages call the weights.
        logger: Where the warning goes; default: the package's logger.

    Raises:
        CheckpointError: No weight fits (they are another model's), or ``strict`` and not all fit; the keys are listed.
    """
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        model = model.module
    own = model.state_dict()
    bad_shape = {
        key: f'{key}: {_shape(value)} in the checkpoint, {_shape(own[key])} in the model'
        for key, value in state_dict.items()
        if key in own and _shape(value) != _shape(own[key])
    }
    fitting = {key: v for key, v in state_dict.items() if key not in bad_shape}
    try:
        # the hooks of the modules that rename the keys of older checkpoints run in here
        result = model.load_state_dict(fitting, strict=False)
    except Exception as error:
        raise CheckpointError(f'the weights of {source} cannot be loaded: {error}') from error
    unexpected = list(result.unexpected_keys)
    missing = [key for key in result.missing_keys if key not in bad_shape and not key.endswith('num_batches_tracked')]
    report = _report(source, missing, unexpected, list(bad_shape.values()))
    lost = {*bad_shape, *result.missing_keys}
    # a counter or a mean that fits makes no detector
    parameters = [name for name, _ in model.named_parameters()]
    if parameters and lost.issuperset(parameters):
        raise CheckpointError(f"no weight of {source} fits: it is another model's. {report}")
    if report and strict:
        raise CheckpointError(report)
    logger = logger or logging.getLogger('mmrotate')
    if report:
        logger.warning(report)
    if broken := [key for key, value in fitting.items() if not _is_finite(value)]:
        logger.warning('%d weights of %s are not finite: %s', len(broken), source, _shortened(broken))


def save_atomically(content: Any, filename: str | os.PathLike) -> None:
    """``torch.save`` so that ``filename`` is whole at any moment, also if the process is killed."""
    with replacing(Path(filename)) as temporary, temporary.open('wb') as stream:
        torch.save(content, stream)
        stream.flush()
        os.fsync(stream.fileno())


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, torch.Tensor) else None


def _is_finite(value: Any) -> bool:
    return not isinstance(value, torch.Tensor) or bool(value.isfinite().all())


def _load_file(path: str | os.PathLike, map_location: Any, allow_pickle: bool) -> Any:
    if not Path(path).is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist{near_zoo_names(path)}')
    allow_pickle = allow_pickle or os.environ.get(ALLOW_VARIABLE) == '1'
    try:
        _refuse_bomb(path)
        try:
            return torch.load(path, map_location=map_location, weights_only=not allow_pickle)
        except pickle.UnpicklingError as error:
            if _HISTORY not in str(error):
                raise
            return _without_history(path, map_location)
    except CheckpointError:
        raise
    except Exception as error:  # torch meets a damaged file with errors of a dozen kinds
        refused = isinstance(error, pickle.UnpicklingError) and not allow_pickle and _looks_saved_by_torch(path)
        if not refused:
            reason = ': '.join(filter(None, (type(error).__name__, _line_of(error, 'Unpickler error'))))
            raise CheckpointError(f'{path} is no checkpoint, or is damaged: {reason}') from error
        reason = _line_of(error, 'GLOBAL')  # it names the class that it met
        raise CheckpointError(
            f'{path} holds more than weights and plain values, and reading that can run any code that its author put '
            f'there. If you trust the file, set {ALLOW_VARIABLE}=1 in the environment, or pass allow_pickle=True. '
            f'({reason})'
        ) from error


def _without_history(path: str | os.PathLike, map_location: Any) -> Any:
    """What a training by mmengine saved, but for the objects of its log, in whose place stand some that do nothing."""
    placeholders: list[Any] = [type(name, (_Ignored,), {'__module__': module}) for module, name in _OF_HISTORY]
    before = torch.serialization.get_safe_globals()
    torch.serialization.add_safe_globals(placeholders)
    try:
        content = torch.load(path, map_location=map_location, weights_only=True)
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)
    return {key: value for key, value in content.items() if key != 'message_hub'}


class _Ignored:
    """Takes what an object was made of, and keeps nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def _line_of(error: Exception, mark: str) -> str:
    """The line of a message in which ``mark`` stands, else the first: torch adds advice to disable its safeguard."""
    lines = [*str(error).splitlines(), '']
    return next((line.strip() for line in lines if mark in line), lines[0])


def _refuse_bomb(path: str | os.PathLike) -> None:
    """Raise a CheckpointError for an archive that unpacks to far more than it takes; torch writes plain ones."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    size = os.path.getsize(path)
    if unpacked > _LARGEST_GROWTH * size:
        raise CheckpointError(f'{path} is refused: its {size} bytes would unpack to {unpacked}')


def _looks_saved_by_torch(path: str | os.PathLike) -> bool:
    with Path(path).open('rb') as stream:
        return stream.read(2).startswith((b'PK', b'\x80'))  # a zip archive, or a pickle of protocol 2 on


def _torchvision_weights(name: str) -> dict[str, torch.Tensor]:
    models = later.torchvision().models
    if name not in models.list_models():
        raise CheckpointError(f'torchvision has no model {name!r}, see torchvision.models')
    # the zoo's detectors were trained from the first set of ImageNet weights
    weights = next(iter(models.get_model_weights(name)))
    return torch.load(fetch(weights.url), map_location='cpu', weights_only=True)


def _backbone_of(classifier: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint with the weights of its backbone alone."""
    prefix, state = 'backbone.', classifier['state_dict']
    kept = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return {**classifier, 'state_dict': OrderedDict(kept)}


def _one_layout(content: Any, source: str) -> dict[str, Any]:
    if not isinstance(content, Mapping):
        raise CheckpointError(f'{source} holds a {type(content).__name__}, not a dict of weights')
    checkpoint = dict(content)
    if not isinstance(checkpoint.get('state_dict'), Mapping):
        nested = checkpoint.get('model')
        checkpoint = {'state_dict': nested if isinstance(nested, Mapping) else checkpoint}
        if not any(isinstance(value, torch.Tensor) for value in checkpoint['state_dict'].values()):
            keys = list(content)[:_LISTED_KEYS]
            raise CheckpointError(
                f'{source} holds no weights: neither a dict "state_dict" nor tensors, but the keys {keys}'
            )
    meta = checkpoint.get('meta')
    checkpoint['meta'] = _with_class_names(dict(meta), source) if isinstance(meta, Mapping) else {}
    state = checkpoint['state_dict']
    if all(str(key).startswith(_WRAPPER_PREFIX) for key in state):
        state = {key.removeprefix(_WRAPPER_PREFIX): value for key, value in state.items()}
    return {**checkpoint, 'state_dict': OrderedDict(state)}


def _with_class_names(meta: dict[str, Any], source: str) -> dict[str, Any]:
    """``meta`` with CLASSES that are names or None; what is none is left out, with a warning.

    1.x has them, and the colours, in ``dataset_meta``.
    """
    of_1x = meta['dataset_meta'] if isinstance(meta.get('dataset_meta'), Mapping) else {}
    found = {str(key).upper(): value for key, value in of_1x.items()}
    meta = {**{key: found[key] for key in ('CLASSES', 'PALETTE') if found.get(key) is not None}, **meta}
    classes = meta.get('CLASSES')
    if isinstance(classes, str):
        meta['CLASSES'] = (classes,)  # as some 0.x datasets of one class wrote it
    elif classes is not None and not (
        isinstance(classes, list | tuple) and all(isinstance(name, str) for name in classes)
    ):
        logging.getLogger('mmrotate').warning('CLASSES of %s are no list of names, and not used: %r', source, classes)
        meta['CLASSES'] = None
    return meta


def _report(source: str, missing: list[str], unexpected: list[str], bad_shape: list[str]) -> str:
    parts = (('missing in it', missing), ('unexpected', unexpected), ('of another shape', bad_shape))
    lines = [f'  {title} ({len(keys)}): {_shortened(keys)}' for title, keys in parts if keys]
    return '\n'.join([f'keys of {source} and of the model differ', *lines]) if lines else ''


def _shortened(keys: list[str]) -> str:
    shown = ', '.join(keys[:_LISTED_KEYS])
    rest = len(keys) - _LISTED_KEYS
    return f'{shown} ... and {rest} more' if rest > 0 else shown
