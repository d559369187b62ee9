"""``mmrotate publish``: a checkpoint of a training as a small file to share."""

import argparse
import functools
from pathlib import Path

import torch

from mmrotate.cli.common import CHECKPOINT_HELP, run_command
from mmrotate.utils import load_state, save_atomically
from mmrotate.utils.places import check_outputs
from mmrotate.utils.zoo import local_checkpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    parser.add_argument('out_file', help='the file to write')
    parser.add_argument('--half', action='store_true', help='store weights in float16: half the size')


def run(args: argparse.Namespace) -> None:
    """Keep weights and facts, leave the optimizer out."""
    source, target = local_checkpoint(args.checkpoint), Path(args.out_file)
    check_outputs([('out_file', target)], [source])
    checkpoint = load_state(source)
    # detached from views and memory layouts: a file holds each number once
    state = {key: value.clone().contiguous() for key, value in checkpoint['state_dict'].items()}
    if args.half:
        state = {k: v.half() if v.dtype == torch.float32 else v for k, v in state.items()}
    meta = {k: v for k, v in checkpoint['meta'].items() if k != 'hook_msgs'}
    save_atomically({'meta': meta, 'state_dict': state}, target)
    sizes = [path.stat().st_size / 2**20 for path in (source, target)]
    print(f'{target}: {sizes[1]:.1f} MB (from {sizes[0]:.1f} MB)')


main = functools.partial(run_command, add_arguments, run, 'mmrotate publish', __doc__)
