"""The options that name one's own data, in the place of that of a config."""

import argparse
from pathlib import Path

from mmengine.config import Config

from mmrotate.apis.own_data import Wishes, own_config, own_test_data
from mmrotate.cli.basics import whole_number
from mmrotate.cli.sources import SOURCE_HELP, add_source_options, open_source
from mmrotate.engine import load_config
from mmrotate.utils import UserError
from mmrotate.utils.places import check_outputs


def add_data_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """``--data`` and what belongs to it."""
    group = parser.add_argument_group('own data')
    group.add_argument('--data', help=f'your own data: {SOURCE_HELP}')
    add_source_options(group, '--data')
    return group


def add_training_data(parser: argparse.ArgumentParser) -> None:
    """The options of a training on one's own data."""
    group = add_data_options(parser)
    group.add_argument('--epochs', type=whole_number(1), metavar='N', help='default: by the number of images')
    text = 'images are resized to fit into it; default: by their size'
    group.add_argument('--img-scale', type=whole_number(32), nargs='+', metavar=('WIDTH', 'HEIGHT'), help=text)
    text = "weights to start from: 'zoo' for those of the config, a file, or 'none'; default: those of the backbone"
    group.add_argument('--pretrained', metavar='WEIGHTS', help=text)


def config_for(args: argparse.Namespace) -> Config:
    """The config to train; with ``--data`` one that is made from it, written into the work folder."""
    if args.data is None:
        for key in ('wanted', 'classes', 'epochs', 'img_scale', 'pretrained'):
            if getattr(args, key):
                option = 'from' if key == 'wanted' else key.replace('_', '-')
                raise UserError(f'--{option} belongs to --data: a config says it by itself (--cfg-options changes it)')
        return load_config(args.config, args.cfg_options)
    cfg, name = load_config(args.config), Path(args.config).stem
    source = open_source(args.data, args)
    args.work_dir = args.work_dir or f'./work_dirs/{name}_{Path(args.data).resolve().stem}'
    check_outputs([], [], [('--work-dir', Path(args.work_dir))])
    Path(args.work_dir).mkdir(parents=True, exist_ok=True)
    wishes = Wishes(args.epochs, _pair(args.img_scale), args.pretrained)
    lines = own_config(args.config, cfg, source, wishes, Path(args.work_dir))
    path = Path(args.work_dir, f'{name}_own.py')
    cfg.dump(path)
    print('\n'.join([*lines, f'config: {path}, which trains the same way by itself']))
    args.config = str(path)
    return load_config(path, args.cfg_options)


def with_test_data(args: argparse.Namespace, cfg: Config) -> None:
    """Let ``cfg`` test on ``--data``, if it was given."""
    if args.data is not None:
        print(own_test_data(cfg, open_source(args.data, args)))


def _pair(sides: list[int] | None) -> tuple[int, int] | None:
    if sides is None:
        return None
    if len(sides) > 2:
        raise UserError(f'--img-scale: one side, or width and height, got {sides}')
    return sides[0], sides[-1]
