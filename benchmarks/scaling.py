"""What several processes gain: training steps of one and of more processes on this machine, images a second.

    python benchmarks/scaling.py [CONFIG] --processes 1 2 --steps 10

Each process has random images of its own and one thread. ``ddp`` exchanges gradients, ``fsdp`` spreads the weights.
Efficiency is images a second over those of as many processes without any exchange. On a machine that does other things
the seconds of the processor, which an exchange adds to, say more.
"""

import argparse
import socket
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import distributed as dist
from torch import multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(Path(__file__).parents[1]))

from mmrotate.engine.sharding import shard
from mmrotate.models import build_detector

CONFIG = Path(__file__).parents[1] / 'configs/rotated_retinanet/rotated_retinanet_obb_r50_fpn_1x_dota_le90.py'


def batch_of(size: int, images: int, objects: int) -> dict[str, Any]:
    """Noise with so many boxes an image."""
    low, span = torch.tensor([0.2, 0.2, 0.05, 0.02, 0.0]) * size, torch.tensor([0.6, 0.6, 0.1, 0.05, 0.0]) * size
    shape = (size, size, 3)
    meta = dict(img_shape=shape, pad_shape=shape, ori_shape=shape, scale_factor=1.0, flip=False, filename='noise')
    return dict(
        img=torch.randn(images, 3, size, size),
        img_metas=[dict(meta) for _ in range(images)],
        gt_bboxes=[low + span * torch.rand(objects, 5) for _ in range(images)],
        gt_labels=[torch.zeros(objects, dtype=torch.long) for _ in range(images)],
    )


def wrapped(model: nn.Module, kind: str) -> nn.Module:
    """The detector as processes train it together, or each its own."""
    if kind == 'fsdp':
        shard(model, torch.device('cpu'), True)
    return DistributedDataParallel(model, broadcast_buffers=False) if kind == 'ddp' else model


def seconds(model: nn.Module, batch: dict[str, Any], steps: int) -> tuple[float, float]:
    """Median seconds of a step, of the clock and of the processor, after one that warms up."""
    optimizer = torch.optim.SGD(model.parameters(), 1e-4, momentum=0.9)
    detector: Any = getattr(model, 'module', model)
    times = []
    for _ in range(steps + 1):
        dist.barrier()
        start = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        detector._parse_losses(model(**batch))[0].backward()
        optimizer.step()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    clock, processor = zip(*times[1:], strict=True)
    return statistics.median(clock), statistics.median(processor)


def work(rank: int, size: int, port: int, args: argparse.Namespace) -> None:
    """What each process does; the first prints a row for each way to train."""
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'tcp://127.0.0.1:{port}', rank=rank, world_size=size)
    cfg = Config.fromfile(args.config)
    cfg.model.backbone.init_cfg = None
    batch = batch_of(args.size, args.images, args.objects)
    alone = 0.0
    for kind in ('alone', 'ddp', 'fsdp'):
        took, used = seconds(wrapped(build_detector(cfg.model).train(), kind), batch, args.steps)
        alone = alone or took
        if rank == 0:
            row = (size, kind, f'{size * args.images / took:.3f}', f'{alone / took:.2f}', f'{used:.3f}')
            print('|', *(f'{cell} |' for cell in row), flush=True)
    dist.destroy_process_group()


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, nargs='?', default=CONFIG, help='default: Rotated RetinaNet, ResNet-50')
    parser.add_argument('--processes', type=int, nargs='+', default=[1, 2])
    parser.add_argument('--steps', type=int, default=10)
    parser.add_argument('--images', type=int, default=2, help='of each process in a step')
    parser.add_argument('--size', type=int, default=256)
    parser.add_argument('--objects', type=int, default=20)
    args = parser.parse_args(argv)
    print('| processes | kind | images a second | efficiency | processor seconds a step |\n|---|---|---|---|---|')
    for size in args.processes:
        with socket.socket() as found:
            found.bind(('127.0.0.1', 0))
            port = found.getsockname()[1]
        multiprocessing.spawn(work, (size, port, args), size)


if __name__ == '__main__':
    main()
