"""``demo/image_demo.py``: ``mmrotate infer`` with the defaults of the demo of MMRotate 0.3."""

import argparse
import functools
import sys

import torch

from mmrotate.cli import infer
from mmrotate.cli.basics import run_command
from mmrotate.core.visualization import has_screen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of the command."""
    infer.add_arguments(parser)
    parser.set_defaults(palette='dota', device='cuda:0')


def run(args: argparse.Namespace) -> None:
    """Show the picture where nothing else is asked for, and do without a GPU where there is none."""
    args.device = device_that_is_here(args.device)
    if not (args.out_file or args.out_dir or args.json or args.out or args.show):
        args.show = has_screen()
        if not args.show:
            print('no window can be opened here: --out-file FILE writes the picture', file=sys.stderr)
    infer.run(args)


def device_that_is_here(device: str) -> str:
    """``device``, or the CPU in place of a GPU where there is none."""
    if not device.startswith('cuda') or torch.cuda.is_available():
        return device
    print(f'PyTorch sees no CUDA device here: --device {device} becomes cpu', file=sys.stderr)
    return 'cpu'


_DESCRIPTION = 'Detect rotated objects in an image and show or write the picture.'
main = functools.partial(run_command, add_arguments, run, 'image_demo.py', _DESCRIPTION)
