"""``mmrotate flops``: how much a detector computes for an image, and how many weights it has."""

import argparse
import functools
from typing import Any

from mmrotate.apis.inference import build_test_model
from mmrotate.cli.basics import run_command, whole_number
from mmrotate.cli.common import CONFIG_HELP, add_config_options, add_device
from mmrotate.engine import load_config, pick_device
from mmrotate.models.complexity import count_operations
from mmrotate.utils import UserError

_RULE = '=' * 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, named as in MMRotate 0.3."""
    parser.add_argument('config', help=CONFIG_HELP)
    text = 'height and width of the image, or its one side (default: 1024 1024)'
    parser.add_argument('--shape', type=whole_number(1), nargs='+', default=[1024, 1024], metavar='PIXELS', help=text)
    text = 'the sides are rounded up to multiples of it, as Pad of a pipeline does; 0: they stay (default: 32)'
    parser.add_argument('--size-divisor', type=whole_number(-1), default=32, metavar='PIXELS', help=text)
    add_device(parser)
    add_config_options(parser)


def run(args: argparse.Namespace) -> None:
    """Count and print."""
    if len(args.shape) > 2:
        raise UserError(f'--shape takes a height and a width, or one number for both, got {args.shape}')
    given = (args.shape[0], args.shape[-1])
    unit = max(args.size_divisor, 1)
    height, width = (-(-side // unit) * unit for side in given)
    if (height, width) != given:
        print(f'--size-divisor {args.size_divisor} makes the shape {given} {(height, width)}')
    cfg = load_config(args.config, args.cfg_options)
    model: Any = build_test_model(cfg).to(pick_device(args.device)).eval()
    if not hasattr(model, 'forward_dummy'):
        raise UserError(f'{type(model).__name__} has no forward_dummy, which the count goes through')
    operations = count_operations(model, model.forward_dummy, (3, height, width))
    print(_RULE)
    print(f'Input shape: (3, {height}, {width})')
    print(f'Flops: {operations / 1e9:.2f} GFLOPs')
    weights = [(weight.numel(), weight.requires_grad) for weight in model.parameters()]
    every, trained = (sum(count for count, learns in weights if learns or not only) / 1e6 for only in (False, True))
    print(f'Params: {every:.2f} M' + (f', of which {trained:.2f} M are trained' if trained < every else ''))
    print(_RULE)
    print(
        'A flop is a multiplication with its addition. Counted are convolutions, matrix products and sampling between '
        'pixels,\nnot activations, norms and NMS; the head of a two-stage detector sees 1000 proposals.'
    )


_DESCRIPTION = 'Count the multiply-adds of a detector for one image, and its weights.'
main = functools.partial(run_command, add_arguments, run, 'mmrotate flops', _DESCRIPTION)
