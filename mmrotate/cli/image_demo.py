"""``demo/image_demo.py``: ``mmrotate infer`` with the defaults of the demo of MMRotate 0.3."""

import argparse
import functools
import sys

import torch

from mmrotate.cli import infer
from mmrotate.cli.common import run_command
from mmrotate.core.visualization import has_screen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of the command."""
    infer.add_arguments(parser)
    parser.set_defaults(palette='dota', device='cuda:0')


def run(args: argparse.Namespace) -> None:
    """Show the picture where nothing else is asked for, and do without a GPU where there is none."""
    if args.device.startswith('cuda') and not torch.cuda.is_available():
        print(f'PyTorch sees no CUDA device here: --device {args.device} becomes cpu', file=sys.stderr)
        args.device = 'cpu'
    if not (args.out_file or args.out_dir or args.json or args.show):
        args.show = has_screen()
        if not args.show:
            print('no window can be opened here: --out-file FILE writes the picture', file=sys.stderr)
    infer.run(args)


_DESCRIPTION = 'Detect rotated objects in an image and show or write the picture.'
main = functools.partial(run_command, add_arguments, run, 'image_demo.py', _DESCRIPTION)
