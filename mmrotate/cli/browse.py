"""``mmrotate browse``: what a training sees, images with their boxes after the pipeline."""

import argparse
import functools
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mmrotate.cli.common import CONFIG_HELP, add_config_options, run_command, whole_number
from mmrotate.core import imshow_det_rbboxes
from mmrotate.core.visualization import has_screen
from mmrotate.engine import files_of_config, load_config, open_dataset
from mmrotate.utils import UserError
from mmrotate.utils.places import check_outputs

# what comes after them is no picture any more
_FORMATTING = ('DefaultFormatBundle', 'Normalize', 'Collect')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, named as in MMRotate 0.3."""
    parser.add_argument('config', help=f'{CONFIG_HELP}; the data are those of data.train')
    text = f'steps of the pipeline to leave out, beside {", ".join(_FORMATTING)}'
    parser.add_argument('--skip-type', nargs='+', default=[], metavar='STEP', help=text)
    text = 'folder for the pictures (default: none where windows open, else work_dirs/CONFIG/browse)'
    parser.add_argument('--output-dir', help=text)
    parser.add_argument('--not-show', action='store_true', help='open no window')
    parser.add_argument('--show-interval', type=float, default=2, help='seconds that a window stays (default: 2)')
    parser.add_argument('--number', type=whole_number(1), help='first images only, this many (default: all)')
    add_config_options(parser)


def run(args: argparse.Namespace) -> None:
    """Show or write the pictures."""
    cfg = load_config(args.config, args.cfg_options)
    shows = not args.not_show and has_screen()
    folder = Path(args.output_dir) if args.output_dir else None
    if folder is None and not shows:
        folder = Path('work_dirs', Path(args.config).stem, 'browse')
    if not (cfg.get('data') or {}).get('train'):
        raise UserError(f'{args.config} has no data.train to browse')
    cfg.data.train = without_steps(cfg.data.train, {*_FORMATTING, *args.skip_type})
    dataset = open_dataset(cfg, 'train')
    if folder is not None:
        check_outputs([], [], [('--output-dir', folder)])
    inputs = {path.resolve() for path in files_of_config(cfg)}
    count = min(len(dataset), args.number or len(dataset))
    for name, sample in tqdm(_named(dataset, count), 'browse', count):
        target = None if folder is None else folder / name
        if target is not None and target.resolve() in inputs:
            raise UserError(f'--output-dir {folder} holds the images themselves: name another folder')
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
    if folder is not None:
        print(f'{count} pictures written: {folder}')


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
