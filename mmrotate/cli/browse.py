"""``mmrotate browse``: images with their boxes, as they stand in data or as a training sees them."""

import argparse
import functools
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from tqdm import tqdm

from mmrotate.apis.inference import innermost_dataset
from mmrotate.cli.basics import run_command, whole_number
from mmrotate.cli.common import CONFIG_HELP, add_config_options
from mmrotate.cli.sources import SOURCE_HELP, add_source_options, is_data, open_source
from mmrotate.core import imshow_det_rbboxes
from mmrotate.core.visualization import has_screen
from mmrotate.datasets import MultiImageMixDataset, build_dataset, dataset_config
from mmrotate.engine import files_of_config, load_config, open_dataset
from mmrotate.utils import UserError
from mmrotate.utils.places import check_outputs

# what comes after them is no picture any more
_FORMATTING = ('DefaultFormatBundle', 'Normalize', 'Collect')
# what only a config in YAML or JSON has, at the beginning of a line or in quotes
_AS_IT_IS = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, named as in MMRotate 0.3."""
    text = f'a {CONFIG_HELP}: samples of data.train after its pipeline; or data: a {SOURCE_HELP}'
    parser.add_argument('config', metavar='CONFIG|DATA', help=text)
    add_source_options(parser, 'DATA')
    parser.add_argument('--part', help='of DATA only this part, e.g. val (default: all)')
    text = 'draw DATA after the training pipeline of this config (default: as it is)'
    parser.add_argument('--augment', metavar='CONFIG', help=text)
    text = f'steps of the pipeline to leave out, beside {", ".join(_FORMATTING)}'
    parser.add_argument('--skip-type', nargs='+', default=[], metavar='STEP', help=text)
    text = 'folder for the pictures (default: none where windows open, else work_dirs/NAME/browse)'
    parser.add_argument('--output-dir', help=text)
    parser.add_argument('--not-show', action='store_true', help='open no window')
    parser.add_argument('--show-interval', type=float, default=2, help='seconds that a window stays (default: 2)')
    parser.add_argument('--number', type=whole_number(1), help='first images only, this many (default: all)')
    add_config_options(parser)


class _Set(NamedTuple):
    """Samples to look at."""

    dataset: Any
    folder: str  # of their pictures, within that of all
    inputs: list[Path]  # files that are read


def run(args: argparse.Namespace) -> None:
    """Show or write the pictures."""
    shows = not args.not_show and has_screen()
    folder = Path(args.output_dir) if args.output_dir else None
    if folder is None and not shows:
        folder = Path('work_dirs', Path(args.config).resolve().stem, 'browse')
    sets = _sets_of_data(args) if is_data(args.config) else [_set_of_config(args)]
    if folder is not None:
        check_outputs([], [], [('--output-dir', folder)])
    count = sum(_draw(each, folder and folder / each.folder, shows, args) for each in sets)
    if folder is not None:
        print(f'{count} pictures written: {folder}')


def _draw(samples: _Set, folder: Path | None, shows: bool, args: argparse.Namespace) -> int:
    """Draw the samples of a dataset; gives their number."""
    dataset, inputs = samples.dataset, {path.resolve() for path in samples.inputs}
    count = min(len(dataset), args.number or len(dataset))
    for name, sample in tqdm(_named(dataset, count), 'browse', count):
        target = None if folder is None else folder / name
        if target is not None and target.resolve() in inputs:
            raise UserError(f'--output-dir {args.output_dir} holds the images themselves: name another folder')
        imshow_det_rbboxes(
            sample['img'],
            sample['gt_bboxes'],
            sample['gt_labels'],
            class_names=dataset.CLASSES,
            bbox_color=dataset.PALETTE,
            win_name=name,
            show=shows,
            wait_time=args.show_interval,
            out_file=target,
        )
    return count


def _set_of_config(args: argparse.Namespace) -> _Set:
    cfg = _training_config(args.config, args)
    if args.part or args.augment or args.wanted or args.classes:
        raise UserError('--part, --augment, --from and --classes go to DATA, not to a config')
    return _Set(open_dataset(cfg, 'train'), '', files_of_config(cfg))


def _training_config(path: str, args: argparse.Namespace) -> Config:
    """A config whose training pipeline gives pictures."""
    cfg = load_config(path, args.cfg_options)
    if not (cfg.get('data') or {}).get('train'):
        raise UserError(f'{path} has no data.train to browse')
    cfg.data.train = without_steps(cfg.data.train, {*_FORMATTING, *args.skip_type})
    return cfg


def _sets_of_data(args: argparse.Namespace) -> list[_Set]:
    """A set for each part of the data."""
    source = open_source(args.config, args)
    if args.part and args.part not in source.splits:
        raise UserError(f'--part {args.part}: {args.config} has the parts {", ".join(source.splits)}')
    parts = [args.part] if args.part else list(source.splits)
    train: Any = _training_config(args.augment, args).data.train if args.augment else {'pipeline': _AS_IT_IS}
    inner = innermost_dataset(train)
    classes = source.class_list() or ['object']
    sets = []
    for part in parts:
        version = inner.get('version', 'le90')
        rest = dict(pipeline=inner['pipeline'], version=version, filter_empty_gt=False)
        dataset: Any = build_dataset({**dataset_config(source, part, classes), **rest})
        inputs = [Path(dataset.image_path(i)) for i in range(len(dataset))]
        if train.get('type') == 'MultiImageMixDataset':
            dataset = MultiImageMixDataset(dataset, train['pipeline'])
        sets.append(_Set(dataset, part, inputs))
    return sets


def without_steps(part: Any, skipped: Collection[str]) -> Any:
    """Copy of the config of a dataset whose pipelines, at any depth, lack the steps of these types."""
    if isinstance(part, dict):
        return type(part)({key: without_steps(value, skipped) for key, value in part.items()})
    if isinstance(part, list | tuple):
        kept = [item for item in part if not (isinstance(item, dict) and item.get('type') in skipped)]
        return type(part)(without_steps(item, skipped) for item in kept)
    return part


def _named(dataset: Any, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Samples, each with a name of its own: that of its image, with a number from the second time on."""
    times: Counter[str] = Counter()
    for index in range(count):
        sample = dataset[index]
        if missing := {'img', 'gt_bboxes', 'gt_labels'} - set(sample):
            raise UserError(f'the training pipeline gives no {", ".join(sorted(missing))}: there is nothing to draw')
        path = Path(sample.get('filename') or f'{index}.png')
        times[path.name] += 1
        repeated = f'_{times[path.name]}' if times[path.name] > 1 else ''
        yield f'{path.stem}{repeated}{path.suffix}', sample


main = functools.partial(run_command, add_arguments, run, 'mmrotate browse', __doc__)
