"""``mmrotate benchmark``: images a second of a detector, from the batch to the boxes."""

import argparse
import functools
import itertools
import statistics
import time
from typing import Any

import torch
from mmengine.config import Config

from mmrotate.apis import init_detector
from mmrotate.cli.basics import run_command, whole_number
from mmrotate.cli.common import (
    CHECKPOINT_HELP,
    CONFIG_HELP,
    add_config_options,
    add_launch_options,
    chosen_device,
    prepare_loading,
)
from mmrotate.engine import build_test_loader, init_dist, load_config, loader_options, open_dataset, rank_and_size
from mmrotate.engine.amp import half_precision
from mmrotate.engine.batches import to_device
from mmrotate.engine.testing import detect
from mmrotate.utils import UserError
from mmrotate.utils.fuse import fuse_conv_bn

_WARM_UP = 5  # images; the first ones also load libraries and choose kernels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, named as in MMRotate 0.3."""
    parser.add_argument('config', help=f'{CONFIG_HELP}; the images are those of data.test')
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    parser.add_argument('--repeat-num', type=whole_number(1), default=1, help='measure so often (default: 1)')
    text = f'images of each measurement; {_WARM_UP} more come first and are not counted (default: 2000)'
    parser.add_argument('--max-iter', type=whole_number(1), default=2000, help=text)
    parser.add_argument('--log-interval', type=whole_number(1), default=50, help='images between two lines')
    parser.add_argument('--fuse-conv-bn', action='store_true', help='fold batch norms into convolutions')
    parser.add_argument('--use-fp16', action='store_true', help='half precision: float16 on CUDA, bfloat16 on the CPU')
    add_config_options(parser)
    add_launch_options(parser)


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    cfg = load_config(args.config, args.cfg_options)
    prepare_loading(cfg)
    init_dist(args.launcher, **dict(cfg.get('dist_params') or {}))
    if rank_and_size()[1] > 1:
        raise UserError('a speed is that of one process: start the benchmark with one')
    dataset = open_dataset(cfg, 'test', test_mode=True)
    model = init_detector(cfg, args.checkpoint, chosen_device(args) or cfg.get('device'))
    if args.fuse_conv_bn:
        fuse_conv_bn(model)
    speeds = []
    for number in range(args.repeat_num):
        if args.repeat_num > 1:
            print(f'measurement {number + 1} of {args.repeat_num}')
        speeds.append(_measure(args, cfg, model, dataset))
    if len(speeds) > 1:
        mean, spread = statistics.mean(speeds), statistics.pstdev(speeds)
        shown = ', '.join(f'{speed:.1f}' for speed in speeds)
        print(f'Overall fps: {shown}; mean {mean:.1f}, standard deviation {spread:.2f} img / s')


def _measure(args: argparse.Namespace, cfg: Config, model: Any, dataset: Any) -> float:
    """Images a second. Reading and preparing images is not counted, copying them to the device is."""
    device = next(model.parameters()).device
    loader = build_test_loader(dataset, **{**loader_options(cfg, 'test'), 'samples_per_gpu': 1})
    # few images are seen again, so that there are as many measurements as asked for
    batches = itertools.islice(itertools.cycle(loader), _WARM_UP + args.max_iter)
    seconds = 0.0
    for done, batch in enumerate(batches, start=1 - _WARM_UP):
        _wait_for(device)
        start = time.perf_counter()
        with torch.no_grad(), half_precision(device, args.use_fp16):
            detect(model, to_device(batch, device))
        _wait_for(device)
        if done <= 0:
            continue
        seconds += time.perf_counter() - start
        if done % args.log_interval == 0:
            print(f'Done image [{done:<3}/ {args.max_iter}], {_speed(done, seconds)}')
    print(f'Overall {_speed(args.max_iter, seconds)}')
    return args.max_iter / seconds


def _speed(images: int, seconds: float) -> str:
    return f'fps: {images / seconds:.1f} img / s, times per image: {1000 * seconds / images:.1f} ms / img'


def _wait_for(device: torch.device) -> None:
    """Until all that was started is done: a GPU works while the program goes on."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


_DESCRIPTION = 'Measure the images a second of a detector, forward pass and post-processing, one image at a time.'
main = functools.partial(run_command, add_arguments, run, 'mmrotate benchmark', _DESCRIPTION)
