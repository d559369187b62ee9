"""``mmrotate upgrade``: a checkpoint of MMRotate 1.x under the names of today."""

import argparse
import functools
from pathlib import Path

from mmrotate.apis.inference import build_test_model
from mmrotate.cli.basics import run_command
from mmrotate.compat.checkpoints_v1 import renamed_meta, renamed_weights
from mmrotate.engine import load_config
from mmrotate.utils import UserError, load_state, load_weights, save_atomically
from mmrotate.utils.places import check_outputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('in_file', help='checkpoint of MMRotate 1.x')
    parser.add_argument('out_file', help='the file to write')
    parser.add_argument('--config', help='config of today: its detector must take the weights, what differs is listed')


def run(args: argparse.Namespace) -> None:
    """Rename weights and facts; optimizer and history, which no training of today goes on from, are left out."""
    source, target = Path(args.in_file), Path(args.out_file)
    check_outputs([('out_file', target)], [source, *filter(None, [args.config])])
    checkpoint = load_state(source)
    weights, meta = renamed_weights(checkpoint['state_dict']), renamed_meta(checkpoint['meta'])
    if set(weights) == set(checkpoint['state_dict']) and meta == checkpoint['meta']:
        raise UserError(f'{source} is none of MMRotate 1.x, or has the names of today: nothing to upgrade')
    if args.config:
        load_weights(build_test_model(load_config(args.config)), weights, source=str(source))
    save_atomically({'meta': meta, 'state_dict': weights}, target)
    renamed = len(set(weights) - set(checkpoint['state_dict']))
    classes = meta.get('CLASSES')
    print(f'{target}: {len(weights)} weights, {renamed} of them renamed; classes: {classes or "not known"}')


_DESCRIPTION = 'Bring a checkpoint of MMRotate 1.x to the names of today.'
main = functools.partial(run_command, add_arguments, run, 'mmrotate upgrade', _DESCRIPTION)
