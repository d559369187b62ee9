"""The parts of gpu.py: each takes its arguments (device, tiny, data) and gives the rows of a table."""

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ops as op_speed
import torch
from inference import build
from methods import BASE, SAMPLES, run
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from small import angle_version, load, small_model
from stability import draw_batch
from timing import Stopwatch
from torch import Tensor, nn

from mmrotate import ops
from mmrotate.engine.amp import AmpWrapper

# without a GPU Triton's kernels run in its interpreter; it asks when it is imported
if not torch.cuda.is_available():
    os.environ.setdefault('TRITON_INTERPRET', '1')

ROOT = Path(__file__).resolve().parents[1]
Rows = list[dict[str, Any]]

DETECTORS = (
    'rotated_retinanet/rotated_retinanet_obb_r50_fpn_1x_dota_le90',
    'rotated_fcos/rotated_fcos_r50_fpn_1x_dota_le90',
    'oriented_rcnn/oriented_rcnn_r50_fpn_1x_dota_le90',
    'rotated_rtmdet/rotated_rtmdet_l-3x-dota',
    'o2_rtdetr/o2_rtdetr_r50vd_2xb4_72e_dota',
)
# what is trained on HIT-UAV: config, seed, how it computes
TRAININGS = (
    (BASE, 0, dict(bf16=True)),
    ('hit_uav/rotated_rtmdet_lite0_hit_uav_le90', 0, dict(fp16=dict(loss_scale='dynamic'))),
    ('o2_rtdetr/o2_rtdetr_r18vd_2xb4_72e_dota', 0, dict(bf16=True)),
    (BASE, 1, dict(bf16=True)),
)
PRECISIONS = ('float32', 'float16', 'bfloat16')


def tests(args: argparse.Namespace) -> Rows:
    """The tests of the Triton kernels, against C++ and PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, 'report.xml')
        chosen = ['-k', 'grid_fits or one_row or empty'] if args.tiny else []
        command = [sys.executable, '-m', 'pytest', '-q', 'tests/ops/triton', f'--junitxml={report}', *chosen]
        subprocess.run(command, cwd=ROOT, check=False)
        suite = ElementTree.parse(report).getroot()[0]
    counts: dict[str, Any] = {key: int(suite.get(key, 0)) for key in ('tests', 'failures', 'errors', 'skipped')}
    if counts['failures'] or counts['errors'] or not counts['tests']:
        raise SystemExit(f'tests/ops/triton: {counts}')
    return [counts]


@contextmanager
def forced(backend: str) -> Iterator[None]:
    """Run the operations in this implementation."""
    os.environ['MMROTATE_OPS_BACKEND'] = backend
    try:
        yield
    finally:
        del os.environ['MMROTATE_OPS_BACKEND']


def agreement(args: argparse.Namespace) -> Rows:
    """Largest differences of Triton's results from those of C++ and PyTorch, forward and backward."""
    torch.manual_seed(0)
    count = 50 if args.tiny else 5000
    boxes, others = (op_speed.draw_boxes(n, 300, 4, 60, 'cpu') for n in (count, count // 5))
    scores = torch.rand(count)
    maps = torch.rand(2, 8, 60, 70)
    rois = torch.cat([torch.randint(0, 2, (count // 5, 1)), others], 1)

    def overlaps(device: str) -> Tensor:
        return ops.box_iou_rotated(boxes.to(device), others.to(device))

    def kept(device: str) -> Tensor:
        return ops.nms_rotated(boxes.to(device), scores.to(device), 0.1)[1]

    def regions(device: str) -> Tensor:
        return ops.roi_align_rotated(maps.to(device), rois.to(device), 7, 0.25, 2)

    def gradient(device: str) -> Tensor:
        leaf = maps.to(device, copy=True).requires_grad_()  # its own: a gradient adds to the last one
        ops.roi_align_rotated(leaf, rois.to(device), 7, 0.25, 2).square().sum().backward()
        return leaf.grad  # type: ignore[return-value]

    def row(name: str, function: Callable[[str], Tensor]) -> dict[str, Any]:
        with forced('triton'):
            there = function(args.device).cpu()
        found: dict[str, Any] = {'operation': name}
        for backend in ('cpp', 'torch'):
            if backend == 'cpp' and ops.backends()['cpu'] != 'cpp':
                found[backend] = 'not built'
                continue
            with forced(backend):
                here = function('cpu')
            same = here.shape == there.shape
            found[backend] = float((here.double() - there.double()).abs().max()) if same else 'other shapes'
        return found

    named = {'overlaps': overlaps, 'NMS (index)': kept, 'RoIAlign': regions, 'RoIAlign, backward': gradient}
    return [row(name, function) for name, function in named.items()]


def operations(args: argparse.Namespace) -> Rows:
    """Milliseconds of the operations and their yardsticks, and the share of the card's copy bandwidth."""
    rate = op_speed.copy_rate(args.device)
    rows: Rows = [{'operation': 'copy', 'GB/s': rate / 1e6}]
    only = 'aligned' if args.tiny else ''
    for cases in (op_speed.iou_cases, op_speed.nms_cases, op_speed.roi_align_cases, op_speed.deform_cases):
        for case in cases(args.device):
            if only in case.name:
                found = op_speed.measure(case, 0.1 if args.tiny else 0.5, args.device, rate)
                rows.append({'operation': found.pop('name'), **found})
                print(op_speed.show({'name': case.name, **found}), flush=True)
    return rows


def speed(args: argparse.Namespace) -> Rows:
    """Images a second and peak memory of five detectors, in three precisions."""
    names = DETECTORS[:1] if args.tiny else DETECTORS
    rows = []
    for name in names:
        for precision in PRECISIONS:
            rows.append(_speed_row(name, precision, args))
            print(rows[-1], flush=True)
    return rows


def _speed_row(name: str, precision: str, args: argparse.Namespace) -> dict[str, Any]:
    size, images, rounds = (64, 1, 1) if args.tiny else (1024, 8, 10)
    device = torch.device(args.device)
    model = build(name).to(device)
    generator = torch.Generator().manual_seed(0)
    batch = draw_batch(angle_version(name), generator, images, size, classes=15)
    batch['img'] = batch['img'].to(device)
    watch = Stopwatch(device)
    with torch.no_grad(), torch.autocast(device.type, getattr(torch, precision), enabled=precision != 'float32'):
        inference = watch.seconds(lambda: model.simple_test(batch['img'], batch['img_metas']), rounds)
    memory = watch.peak_memory()
    step = _training_step(model, name, precision, batch, device)
    training = watch.seconds(step, rounds)
    return {
        'detector': name.split('/')[-1],
        'precision': precision,
        'inference, images/s': images / inference,
        'memory, MiB': memory,
        'training, images/s': images / training,
        'training memory, MiB': watch.peak_memory(),
    }


def _training_step(
    model: nn.Module, name: str, precision: str, batch: dict, device: torch.device
) -> Callable[[], object]:
    """One update of the weights, as the engine makes it."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), 1e-4, 0.9)
    single = precision == 'float32'
    wrapper = OptimWrapper(optimizer) if single else AmpWrapper(device.type, precision, 512.0, optimizer=optimizer)
    truth = {key: [one.to(device) for one in batch[key]] for key in ('gt_bboxes', 'gt_labels')}

    def step() -> None:
        with wrapper.optim_context(model):
            loss, _ = model._parse_losses(model(img=batch['img'], img_metas=batch['img_metas'], **truth))
        wrapper.update_params(loss)

    return step


def _training_config(name: str, tiny: bool) -> Config:
    """The config of a method: one of HIT-UAV, or the small version of another with the data of the shipped model."""
    cfg = load(name)
    if name.startswith('hit_uav/'):
        return cfg
    model, optimizer = small_model(cfg.model.to_dict(), 4, *((16, 32) if tiny else (64, 256))), cfg.optimizer
    cfg = load(BASE)
    cfg.model, cfg.optimizer = model, optimizer
    return cfg


def training(args: argparse.Namespace) -> Rows:
    """Score, seconds and memory of a few epochs of HIT-UAV in mixed precision: the shipped model, RTMDet, O2-RTDETR."""
    rows = []
    for name, seed, how in TRAININGS:
        cfg = _training_config(name, args.tiny)
        for split in ('train', 'val'):
            folder = args.data / split if args.data else SAMPLES
            cfg.data[split].update(ann_file=str(folder / 'labelTxt'), img_prefix=str(folder / 'images'))
        if args.tiny:
            for step in (*cfg.data.train.pipeline, *cfg.data.val.pipeline):
                step.update({'img_scale': (160, 128)} if 'img_scale' in step else {})
        epochs = 1 if args.tiny else 2
        cfg.runner = dict(type='EpochBasedRunner', max_epochs=epochs)
        cfg.lr_config.warmup_iters = 20
        cfg.data.update(samples_per_gpu=2 if args.tiny else 16, workers_per_gpu=0 if args.tiny else 8)
        cfg.update({'bf16': False, **how}, seed=seed, device=args.device)
        watch = Stopwatch(torch.device(args.device))
        with tempfile.TemporaryDirectory() as folder:
            found = run(cfg, Path(folder))
        rows.append({'model': name.split('/')[-1], 'precision': ' '.join(how), 'seed': seed, 'epochs': epochs,
                     'val mAP50': found['mAP50'], 'seconds': found['seconds'],
                     'memory, MiB': watch.peak_memory()})  # fmt: skip
        print(rows[-1], flush=True)
    return rows


PARTS: dict[str, Callable[[argparse.Namespace], Rows]] = {
    'tests': tests,
    'agreement': agreement,
    'ops': operations,
    'speed': speed,
    'training': training,
}
