"""A config of the zoo for one's own data: classes, image size, learning rate and schedule follow from the data."""

import math
import statistics
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmrotate.apis.inference import innermost_dataset
from mmrotate.core.patch import slide_window
from mmrotate.datasets import dataset_config
from mmrotate.datasets.image_folder import image_size
from mmrotate.datasets.sources import ALL, Source
from mmrotate.utils import UserError
from mmrotate.utils.files import write_atomically

# a training sees about as many images as this, in a number of epochs between these
_IMAGES_SEEN = 40_000
_EPOCHS = (12, 200)
_EVALUATIONS = 10
# every such image is for validation, where the data has no part for it
_HELD_OUT = 10
_SIZES_READ = 200
_DIVISOR = 32
# images up to this many times as large as the config's are resized, of larger ones windows are taken
_LARGEST = 2.0
_NAMES = {'train': ('train', 'trainval', ALL), 'val': ('val', 'valid', 'validation', 'test', ALL), 'test': ('test',)}


@dataclass
class Survey:
    """What labels and images are like.

    Args:
        classes: names, in the order that the data gives, else sorted.
        images: stems of the images of each part.
        objects: number of objects of each class.
        size: width and height of the images, the median of some.
        largest: the longest side of some.
    """

    classes: list[str]
    images: dict[str, list[str]] = field(default_factory=dict)
    objects: Counter[str] = field(default_factory=Counter)
    size: tuple[int, int] = (0, 0)
    largest: int = 0

    def lines(self) -> list[str]:
        """It in words."""
        counts = ', '.join(f'{name} ({self.objects[name]})' for name in self.classes[:30])
        more = ', ...' if len(self.classes) > 30 else ''
        images = ', '.join(f'{len(stems)} in {part}' for part, stems in self.images.items())
        return [
            f'images: {images}; {self.size[0]} x {self.size[1]} pixels, the longest side {self.largest}',
            f'{len(self.classes)} classes: {counts}{more}',
        ]


def survey(source: Source) -> Survey:
    """Read all labels of ``source``, and the sizes of some images.

    Raises:
        LabelError: a label file cannot be read.
        UserError: there are no objects.
    """
    found = Survey(list(source.classes))
    sizes: list[tuple[int, int]] = []
    for part, split in source.splits.items():
        stems = found.images[part] = []
        for record in source.read(part):
            stems.append(Path(record.image).with_suffix('').as_posix())
            found.objects.update(entry.name for entry in record.entries)
            if split.images and len(sizes) < _SIZES_READ:
                sizes.append(image_size(split.images / record.image))
    if not found.objects or not sizes:
        raise UserError(f'{source.path}: no objects in the labels, or no images: there is nothing to learn')
    found.classes += sorted(set(found.objects) - set(found.classes))
    widths, heights = zip(*sizes, strict=True)
    found.size = int(statistics.median(widths)), int(statistics.median(heights))
    found.largest = max(max(size) for size in sizes)
    return found


@dataclass(frozen=True)
class Wishes:
    """What was asked for instead of what follows from the data; None: nothing.

    Args:
        epochs: of the training.
        img_scale: width and height that images are resized to fit into.
        pretrained: 'zoo' for the weights of the config, 'none' for none at all, or a checkpoint; None: those of the
            backbone that the config names.
    """

    epochs: int | None = None
    img_scale: tuple[int, int] | None = None
    pretrained: str | None = None


def own_config(name: str, cfg: Config, source: Source, wishes: Wishes, work_dir: Path) -> list[str]:
    """Change ``cfg``, the config of the zoo called ``name``, so that it trains on ``source``.

    Lists of images go into ``work_dir`` where the data has no part for validation.

    Returns:
        What was found and chosen, line by line.

    Raises:
        UserError: the data cannot be trained on.
    """
    found = survey(source)
    lines = found.lines()
    parts = _parts(source)
    counts = _set_data(cfg, source, parts, found, work_dir, lines)
    cfg.model = _with_classes(cfg.model, len(found.classes))
    lines.append(f'num_classes: {len(found.classes)} in every head')
    scale = _set_scale(cfg, found, wishes, lines)
    if max(found.size) > _LARGEST * max(scale):
        _set_tiles(cfg, found, counts, max(scale), work_dir, lines)
    _set_start(name, cfg, wishes, lines)
    _set_schedule(cfg, counts, wishes, lines)
    return lines


def own_test_data(cfg: Config, source: Source) -> str:
    """Let ``cfg``, of a detector that was trained, test on ``source``; its classes are those of the config."""
    base = innermost_dataset(cfg.data.test)
    classes = base.get('classes') or innermost_dataset(cfg.data.train).get('classes')
    part = next(
        (name for name in ('test', *_NAMES['val'], 'train') if name in source.splits), next(iter(source.splits))
    )
    data = dataset_config(source, part, classes or source.class_list())
    cfg.data.test = {**data, **{key: base[key] for key in ('pipeline', 'version') if key in base}}
    return f'tested on: {part}'


def _parts(source: Source) -> dict[str, str]:
    """The part of the data for each of train, val and test."""
    parts = {}
    for use, names in _NAMES.items():
        if (part := next((name for name in names if name in source.splits), None)) is not None:
            parts[use] = part
    if 'train' not in parts:
        raise UserError(f'{source.path}: no part to train on (train or trainval), only {list(source.splits)}')
    parts.setdefault('val', parts['train'])
    parts.setdefault('test', parts['val'])
    return parts


def _set_data(
    cfg: Config, source: Source, parts: Mapping[str, str], found: Survey, work_dir: Path, lines: list[str]
) -> dict[str, int]:
    """Put the data into the config; gives the number of images for each use."""
    lists: dict[str, Path | None] = dict.fromkeys(parts)
    counts = {use: len(found.images[part]) for use, part in parts.items()}
    if parts['val'] == parts['train']:
        lists['train'], lists['val'] = _held_out(source, found.images[parts['train']], work_dir, counts)
        if parts['test'] == parts['val']:
            lists['test'], counts['test'] = lists['val'], counts['val']
    for use, part in parts.items():
        base = innermost_dataset(cfg.data[use])
        kept = {key: base[key] for key in ('pipeline', 'version') if key in base}
        data = {**dataset_config(source, part, found.classes, lists[use]), **kept}
        mixes = use == 'train' and cfg.data.train.get('type') == 'MultiImageMixDataset'
        cfg.data[use] = {**cfg.data.train, 'dataset': data} if mixes else data
        named = f', those in {lists[use]}' if lists[use] else ''
        lines.append(f'{use}: {counts[use]} images of {part}{named}')
    return counts


def _held_out(source: Source, stems: Sequence[str], work_dir: Path, counts: dict[str, int]) -> list[Path]:
    """Lists of images for training and for validation, in the same way each time."""
    ranked = sorted(stems, key=lambda stem: (zlib.crc32(stem.encode()), stem))
    held = set(ranked[: max(len(ranked) // _HELD_OUT, 1)])
    lists = {'train': [stem for stem in stems if stem not in held], 'val': [stem for stem in stems if stem in held]}
    if not lists['train']:
        raise UserError(f'{source.path}: a single image is not enough to train and to validate')
    for use, names in lists.items():
        counts[use] = len(names)
        write_atomically(work_dir / f'{use}.txt', ''.join(f'{stem}\n' for stem in names))
    return [work_dir / 'train.txt', work_dir / 'val.txt']


def _with_classes(value: Any, count: int) -> Any:
    """A part of the config of a model, in which every head has this number of classes."""
    if isinstance(value, Mapping):
        changed = {key: _with_classes(each, count) for key, each in value.items()}
        return {**changed, 'num_classes': count} if 'num_classes' in value else changed
    if isinstance(value, list | tuple):
        return [_with_classes(each, count) for each in value]
    return value


def _set_scale(cfg: Config, found: Survey, wishes: Wishes, lines: list[str]) -> tuple[int, int]:
    """Resize images to what was asked for, or to their own size if it is not too large."""
    old = _scale_of(cfg.data.test.pipeline)
    if wishes.img_scale is not None:
        scale, reason = wishes.img_scale, 'as asked for'
    elif max(found.size) <= max(old) * 1.25:
        w, h = (-(-side // _DIVISOR) * _DIVISOR for side in found.size)
        scale, reason = (w, h), 'the size of the images'
    else:
        scale, reason = old, 'that of the config'
    for pipeline in _pipelines(cfg):
        _rescale(pipeline, max(scale) / max(old), old, scale)
    lines.append(f'image size: {scale[0]} x {scale[1]}, {reason}')
    return scale


def _set_tiles(cfg: Config, found: Survey, counts: dict[str, int], side: int, work_dir: Path, lines: list[str]) -> None:
    """Train and validate on windows of the images; ``counts`` become about those of the windows."""
    gap = side // 5
    tiles = len(slide_window(*found.size, [side], [side - gap]))
    if 'dataset' in cfg.data.train:
        lines.append(
            f'the images are much larger, and this config mixes them: cut them by `mmrotate split --sizes {side}`'
        )
        return
    load = dict(type='LoadPatchFromImage', padding_value=(104, 116, 124))
    for use in ('train', 'val'):
        data = cfg.data[use]
        data['pipeline'] = [load, *data['pipeline'][1:]]
        training = dict(filter_empty_gt=False) if use == 'train' else {}
        windows = dict(type='LargeImageDataset', sizes=[side], gaps=[gap], dataset={**data, **training})
        share = dict(empty_share=0.1) if use == 'train' else {}
        cfg.data[use] = {**windows, **share, 'index_file': str((work_dir / f'{use}_windows.npz').resolve())}
        counts[use] *= tiles
    lines.append(
        f'the images are larger than that: a sample is a window of {side} pixels, about {tiles} an image. `mmrotate '
        f'infer --tile {side}` searches whole images so; `mmrotate test` wants tiles of `mmrotate split`'
    )


def _pipelines(cfg: Config) -> Iterator[list]:
    for use in ('train', 'val', 'test'):
        yield innermost_dataset(cfg.data[use])['pipeline']
    if 'dataset' in cfg.data.train:
        yield cfg.data.train.pipeline


def _scale_of(pipeline: Sequence[Mapping]) -> tuple[int, int]:
    """The image size of a test pipeline."""
    for step in pipeline:
        if (scale := step.get('img_scale')) is not None:
            first = scale if isinstance(scale[0], int) else scale[0]
            return int(first[0]), int(first[1])
    raise UserError('the test pipeline of this config has no img_scale: give a config of the zoo')


def _rescale(steps: Sequence[dict], factor: float, old: tuple[int, int], new: tuple[int, int]) -> None:
    """Every size in a pipeline, scaled; those of the config's own size become the new one."""
    for step in steps:
        for key in ('img_scale', 'crop_size', 'size'):
            if isinstance(value := step.get(key), list | tuple):
                step[key] = _scaled(value, factor, old, new, flipped=key != 'img_scale')
        _rescale(step.get('transforms') or [], factor, old, new)


def _scaled(value: Sequence, factor: float, old: tuple[int, int], new: tuple[int, int], flipped: bool) -> Any:
    if not isinstance(value[0], int):
        return [_scaled(each, factor, old, new, flipped) for each in value]
    if tuple(value) in (old, old[::-1]):
        return new[::-1] if flipped else new
    return tuple(max(round(side * factor / _DIVISOR), 1) * _DIVISOR for side in value)


def _set_start(name: str, cfg: Config, wishes: Wishes, lines: list[str]) -> None:
    start = wishes.pretrained
    if start == 'none':
        cfg.model = _without_weights(cfg.model)
        lines.append('start: from nothing')
    elif start is not None:
        cfg.load_from = name if start == 'zoo' else start
        lines.append(f'start: from the weights {cfg.load_from}, where they fit')


def _without_weights(value: Any) -> Any:
    """A part of the config of a model, none of which is pretrained."""
    if isinstance(value, Mapping):
        rest = {key: _without_weights(each) for key, each in value.items() if key != 'pretrained'}
        pretrained = isinstance(rest.get('init_cfg'), Mapping) and rest['init_cfg'].get('type') == 'Pretrained'
        frozen = dict(frozen_stages=-1, norm_eval=False) if pretrained and 'frozen_stages' in rest else {}
        return {**rest, **(dict(init_cfg=None) if pretrained else {}), **frozen}
    if isinstance(value, list | tuple):
        return [_without_weights(each) for each in value]
    return value


def _set_schedule(cfg: Config, counts: Mapping[str, int], wishes: Wishes, lines: list[str]) -> None:
    """As many epochs as the data needs, the steps of the learning rate at the same shares of them."""
    old = int(cfg.runner.get('max_epochs') or _EPOCHS[0])
    epochs = wishes.epochs or min(max(math.ceil(_IMAGES_SEEN / counts['train']), _EPOCHS[0]), _EPOCHS[1])
    cfg.runner = dict(type='EpochBasedRunner', max_epochs=epochs)
    if isinstance(steps := cfg.lr_config.get('step'), list | tuple):
        cfg.lr_config.step = sorted({max(round(step * epochs / old), 1) for step in steps} - {epochs})
    interval = max(epochs // _EVALUATIONS, 1)
    cfg.evaluation = {**(cfg.get('evaluation') or dict(metric='mAP')), 'interval': interval, 'save_best': 'auto'}
    cfg.checkpoint_config = {**(cfg.get('checkpoint_config') or {}), 'interval': interval, 'max_keep_ckpts': 2}
    images = cfg.data.samples_per_gpu
    iterations = counts['train'] * epochs // (images if isinstance(images, int) else 2)
    if (warmup := cfg.lr_config.get('warmup_iters')) and warmup > iterations // 10:
        cfg.lr_config.warmup_iters = max(iterations // 10, 1)
    if (scaling := cfg.get('auto_scale_lr')) and scaling.get('base_batch_size'):
        cfg.auto_scale_lr = {**scaling, 'enable': True}
        lines.append(
            f'learning rate: {cfg.optimizer.lr:g} for {scaling["base_batch_size"]} images a step, in proportion'
        )
    lines.append(f'schedule: {epochs} epochs of {counts["train"]} images, evaluated every {interval}')
