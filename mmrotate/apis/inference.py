"""A detector from its files, and its results on images."""

import copy
import os
import reprlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from mmengine.config import Config
from torch import nn

from mmrotate.core.images import BadImageError, NotAnImageError
from mmrotate.datasets import collate
from mmrotate.datasets.pipelines import Compose
from mmrotate.engine import dataset_config, load_config, model_config, pick_device, put_options
from mmrotate.engine.batches import to_device
from mmrotate.engine.checks import check_detector
from mmrotate.models import build_detector
from mmrotate.registry import DATASETS
from mmrotate.utils import ArgumentError, UserError, load_checkpoint
from mmrotate.utils.fuse import Speedups

Image = Any  # a file, or what mmrotate.core.images.as_image takes
Result = list[np.ndarray]
_LOADER_ARGUMENTS = ('to_float32', 'color_type', 'channel_order')


def init_detector(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device | None = None,
    cfg_options: Mapping[str, Any] | None = None,
) -> Any:
    """Build a detector and load its weights.

    Args:
        config: A config file, a name of the zoo, or a loaded config.
        checkpoint: Weights: a path, an address, or a name of the zoo; None leaves them as initialised.
        device: ``'cpu'``, ``'cuda:0'``; default: a GPU if there is one.
        cfg_options: Values to put into the config, keys with dots.

    Returns:
        The detector in eval mode, with ``cfg``, ``CLASSES`` and ``PALETTE``. Its tests fold batch norms into
        convolutions, and on the CPU hold channels innermost, unless ``fuse_conv_bn`` or ``channels_last`` of the config
        is False; names, weights and training stay as they are.

    Raises:
        UserError: The config or the checkpoint cannot be used.
    """
    if isinstance(config, Config):
        cfg = copy.deepcopy(config)
        put_options(cfg, cfg_options)
    elif isinstance(config, str | Path):
        cfg = load_config(config, cfg_options)
    else:
        raise TypeError(f'config must be a path or a Config, got {type(config).__name__}')
    model: Any = build_test_model(cfg)
    meta = {} if checkpoint is None else load_checkpoint(model, checkpoint)['meta']
    model.CLASSES, model.PALETTE = meta.get('CLASSES') or _config_classes(cfg), meta.get('PALETTE')
    model.cfg = cfg
    model.speedups = Speedups(cfg.get('fuse_conv_bn', True), cfg.get('channels_last'))
    check_detector(model, str(checkpoint) if meta.get('CLASSES') else 'the config')
    return model.to(pick_device(device)).eval()


def build_test_model(cfg: Config) -> nn.Module:
    """The detector of a config for testing: nothing is downloaded for its initialisation."""
    return build_detector(without_pretrained(model_config(cfg)), test_cfg=cfg.get('test_cfg'))


def without_pretrained(model: Any) -> Any:
    """Copy of a model's config without what would load other weights first."""
    if isinstance(model, list | tuple):
        return type(model)(without_pretrained(part) for part in model)
    if not isinstance(model, dict):
        return model
    kept = type(model)()
    for key, value in model.items():
        pretrained = key == 'pretrained' or (key == 'init_cfg' and 'Pretrained' in str(value))
        kept[key] = None if pretrained else without_pretrained(value)
    return kept


def inference_detector(model: Any, imgs: Image | Sequence[Image], batch_size: int = 8) -> Result | list[Result]:
    """Detect objects.

    Args:
        model: A detector of :func:`init_detector`.
        imgs: An image file, an array (H, W, 3), BGR, uint8, or what else :func:`mmrotate.core.images.as_image` takes;
            or a list or tuple of them.
        batch_size: Images that go through the detector at once.

    Returns:
        For a single image a list over classes of arrays (n, 6): x, y, w, h in pixels of the image, theta in radians
        (clockwise on the screen), score. For a list or tuple, a list of these.

    Raises:
        BadImageError: A file cannot be read, or an array is none of an image.
        NotAnImageError: Something else was given.
    """

    def detect(batch: dict[str, Any]) -> list[Result]:
        return model(return_loss=False, rescale=True, **batch)

    return detect_by(detect, model, imgs, batch_size)


def detect_by(
    detect: Callable[[dict[str, Any]], list[Result]], model: Any, imgs: Image | Sequence[Image], batch_size: int = 8
) -> Result | list[Result]:
    """What :func:`inference_detector` gives, the results of a batch on the model's device by ``detect``."""
    if batch_size < 1:
        raise ArgumentError(f'batch_size must be at least 1, got {batch_size}')
    single = not isinstance(imgs, list | tuple)
    images: Sequence[Any] = [imgs] if single else imgs
    prepare = Preparation.of(model)
    device = next(model.parameters()).device
    results: list[Result] = []
    for start in range(0, len(images), batch_size):
        stop = min(start + batch_size, len(images))
        batch = collate([prepare(images[i], '' if single else f'imgs[{i}]: ') for i in range(start, stop)])
        with torch.no_grad():
            results.extend(detect(to_device(batch, device)))
    return results[0] if single else results


class Preparation:
    """The pipeline of a config's ``data.test`` (else ``data.val``), for files and for arrays."""

    def __init__(self, cfg: Config) -> None:
        steps = pipeline_steps(cfg)
        self.steps = copy.deepcopy(steps)  # as they were: people change those of a config
        loaders = [step for step in steps if step['type'].startswith('LoadImage')]
        rest = [step for step in steps if step not in loaders]
        kept = {key: value for step in loaders for key, value in step.items() if key in _LOADER_ARGUMENTS}
        self.of_file = Compose(steps)
        self.of_array = Compose([dict(type='LoadImageFromWebcam', **kept), *rest])

    @classmethod
    def of(cls, model: Any) -> 'Preparation':
        """The one of a detector, built again only where the pipeline of its config was changed."""
        known = _PREPARATIONS.get(model)
        if known is None or known.steps != pipeline_steps(model.cfg):
            known = _PREPARATIONS[model] = cls(model.cfg)
        return known

    def __call__(self, image: Image, place: str = '') -> dict[str, Any]:
        """Sample of an image; errors about one that has no file name begin with its ``place``."""
        if isinstance(image, str | os.PathLike):
            sample = self.of_file({'img_info': {'filename': os.fspath(image)}, 'img_prefix': None})
        else:
            try:
                sample = self.of_array({'img': image})
            except (BadImageError, NotAnImageError) as error:
                raise type(error)(f'{place}{error}') from None
        if sample is None:
            raise UserError(f'the test pipeline of the config dropped {reprlib.repr(image)}')
        return sample


class ModelSight:
    """A detector of :func:`init_detector` as what sees windows, see :mod:`mmrotate.apis.tiles`."""

    def __init__(self, model: Any) -> None:
        self.prepare, self.device = Preparation.of(model), next(model.parameters()).device
        self._model, self.classes = model, model.CLASSES or ()

    def detect(self, samples: Sequence[dict[str, Any]]) -> list[Result]:
        """Results of samples, which go through the detector at once."""
        with torch.no_grad():
            return self._model(return_loss=False, rescale=True, **to_device(collate(samples), self.device))


_PREPARATIONS: WeakKeyDictionary[Any, Preparation] = WeakKeyDictionary()


def pipeline_steps(cfg: Config) -> list[dict]:
    """The steps of the pipeline of a config's ``data.test`` (else ``data.val``)."""
    split = 'test' if (cfg.get('data') or {}).get('test') else 'val'
    return list(innermost_dataset(dataset_config(cfg, split)).pipeline)


def pipeline_scale(cfg: Config) -> tuple[int, int]:
    """Width and height to which the test pipeline of a config brings images.

    Raises:
        UserError: It does not say.
    """
    for step in pipeline_steps(cfg):
        for name in ('img_scale', 'scale', 'size'):
            scale = step.get(name)
            scale = scale[0] if isinstance(scale, list) and scale and isinstance(scale[0], list | tuple) else scale
            if isinstance(scale, list | tuple) and len(scale) == 2:
                return int(scale[0]), int(scale[1])
    raise UserError('--tile auto: the test pipeline of the config has no img_scale; give the size of the tiles')


def innermost_dataset(data: Any) -> Any:
    """Config of the first dataset inside of lists and wrappers."""
    if isinstance(data, list | tuple):
        return innermost_dataset(data[0])
    inner = data.get('dataset') or data.get('datasets')
    return innermost_dataset(inner) if inner else data


def _config_classes(cfg: Config) -> tuple[str, ...] | None:
    """Class names of the config's test data, without opening them."""
    splits = cfg.get('data') or {}
    for data in filter(None, (splits.get(name) for name in ('test', 'val', 'train'))):
        data = innermost_dataset(data)
        cls = DATASETS.get(data.get('type', ''))
        if cls is not None and (data.get('classes') or cls.CLASSES):
            return cls.get_classes(data.get('classes'))
    return None
