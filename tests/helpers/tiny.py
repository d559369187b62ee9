"""A tiny detector, tiny data and a config for tests of engine, APIs and command lines."""

import json
import os
import signal
import socket
import time
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.hooks import Hook
from torch import nn

from mmrotate.apis import init_detector
from mmrotate.cli.train import main as train_command
from mmrotate.engine.distributed import gather_objects
from mmrotate.registry import HOOKS, MODELS
from mmrotate.utils import load_state

CLASSES = ('car', 'ship')


@MODELS.register_module(force=True)
class TinyDetector(nn.Module):
    """Learns the mean box of an image from its pixels; draws random numbers while training."""

    def __init__(self, num_classes=2, width=4, fail_at=None, nan_at=None, spare=False, **kwargs):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, stride=4, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.drop = nn.Dropout(0.5)
        self.bbox_head = nn.Linear(width, 5)
        self.bbox_head.num_classes = num_classes
        self.num_classes = num_classes
        if spare:  # which no loss reaches
            self.spare = nn.Linear(3, 2, bias=False)
        self.fail_at, self.nan_at, self.calls = fail_at, nan_at, 0
        self.CLASSES = None
        self.PALETTE = None

    def init_weights(self):
        # times 100: near the boxes of the data, so that some are found at a low threshold
        self.bbox_head.bias.data = torch.tensor([0.25, 0.2, 0.2, 0.1, 0.0])

    def features(self, img):
        return torch.relu(self.bn(self.conv(img))).mean((2, 3))

    def forward(self, img, img_metas, return_loss=True, rescale=False, **targets):
        if return_loss:
            return self.forward_train(img, **targets)
        return [self.result(box) for box in self.bbox_head(self.features(img[0])).float()]

    def forward_train(self, img, gt_bboxes, gt_labels, gt_bboxes_ignore=None):
        self.calls += 1
        if self.calls == self.fail_at:
            raise ValueError('this batch is bad')
        box = self.bbox_head(self.drop(self.features(img)))
        target = torch.stack([b.mean(0) if len(b) else b.new_zeros(5) for b in gt_bboxes])
        loss = (box - target / 100 + 0.01 * torch.randn_like(target)).abs().mean()
        if self.calls == self.nan_at:
            loss = loss * float('nan')
        return {'loss_bbox': [loss, loss], 'acc': torch.ones(1)}

    def _parse_losses(self, losses):
        loss = sum(part.mean() for part in losses['loss_bbox'])
        value = loss.item()
        return loss, OrderedDict(loss_bbox=value, acc=1.0, loss=value)

    def train_step(self, data, optimizer=None):
        raise AssertionError('the loop calls the model itself')

    val_step = train_step

    def result(self, box):
        x, y, w, h, theta = box.tolist()
        row = [100 * x, 100 * y, abs(100 * w) + 1, abs(100 * h) + 1, theta, 0.9]
        empty = np.zeros((0, 6), np.float32)
        return [np.array([row], np.float32), *[empty] * (self.num_classes - 1)]

    def show_result(self, img, result, out_file=None, **kwargs):
        image = cv2.imread(str(img)) if isinstance(img, str | Path) else img
        if out_file is not None:
            Path(out_file).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(out_file), image)
        return image


@MODELS.register_module(force=True)
class StillDetector(TinyDetector):
    """Draws nothing, and has no batch norm: its gradients add up over the images."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.bn, self.drop = nn.Identity(), nn.Identity()

    def forward_train(self, img, gt_bboxes, gt_labels, gt_bboxes_ignore=None):
        box = self.bbox_head(self.features(img))
        loss = (box - torch.stack([b.mean(0) for b in gt_bboxes]) / 100).square().mean()
        return {'loss_bbox': [loss, loss], 'acc': torch.ones(1)}


def write_data(folder, count=5, size=64):
    """``count`` noise images with a box or two each, in DOTA's layout."""
    rng = np.random.default_rng(0)
    for sub in ('images', 'labelTxt'):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        image = rng.integers(0, 255, (size, size, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / 'images' / f'img{i}.png'), image)
        lines = []
        for name in CLASSES[: 1 + i % 2]:
            x, y = rng.uniform(5, 30, 2)
            lines.append(f'{x} {y} {x + 20} {y} {x + 20} {y + 10} {x} {y + 10} {name} 0')
        (folder / 'labelTxt' / f'img{i}.txt').write_text('\n'.join(lines))


CONFIG = """
custom_imports = dict(imports=['tests.helpers.tiny'], allow_failed_imports=False)
dataset_type = 'DOTADataset'
data_root = {data!r}
img_norm_cfg = dict(mean=[127.0] * 3, std=[60.0] * 3, to_rgb=True)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='RResize', img_scale=(64, 64)),
    dict(type='RRandomFlip', flip_ratio=[0.25, 0.25, 0.25],
         direction=['horizontal', 'vertical', 'diagonal'], version='le90'),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='Pad', size_divisor=32),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_bboxes', 'gt_labels'])]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='MultiScaleFlipAug', img_scale=(64, 64), flip=False, transforms=[
        dict(type='RResize'),
        dict(type='Normalize', **img_norm_cfg),
        dict(type='Pad', size_divisor=32),
        dict(type='DefaultFormatBundle'),
        dict(type='Collect', keys=['img'])])]
data_common = dict(
    type=dataset_type, ann_file='labelTxt', img_prefix='images', data_root=data_root,
    classes=['car', 'ship'], version='le90')
data = dict(
    samples_per_gpu=2, workers_per_gpu=0,
    train=dict(pipeline=train_pipeline, **data_common),
    val=dict(pipeline=test_pipeline, **data_common),
    test=dict(pipeline=test_pipeline, **data_common))
model = dict(type='TinyDetector')
optimizer = dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=0.0001)
optimizer_config = dict(grad_clip=dict(max_norm=35, norm_type=2))
lr_config = dict(policy='step', warmup='linear', warmup_iters=4, warmup_ratio=0.1, step=[2])
runner = dict(type='EpochBasedRunner', max_epochs=3)
checkpoint_config = dict(interval=1)
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
evaluation = dict(interval=1, metric='mAP', iou_thr=0.1)
custom_hooks = [dict(type='NumClassCheckHook')]
dist_params = dict(backend='nccl')
log_level = 'INFO'
load_from = None
resume_from = None
workflow = [('train', 1)]
seed = 7
device = 'cpu'
report = False
"""


def write_config(folder, extra=''):
    """A config for the data of :func:`write_data`, which are made too; gives its path."""
    data = folder / 'data'
    if not data.exists():
        write_data(data)
    path = folder / 'tiny.py'
    path.write_text(CONFIG.format(data=str(data)) + extra)
    return path


def write_weights(config, path):
    """Write a checkpoint of the detector of a config, with its first weights."""
    model = init_detector(config, device='cpu')
    model.init_weights()
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)


class Broken(Exception):
    """What BreakHook raises."""


@HOOKS.register_module(force=True)
class BreakHook(Hook):
    """Ends a training after ``at`` iterations, before or after that iteration's checkpoint."""

    def __init__(self, at):
        self.at = at

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter + 1 == self.at:
            raise Broken


@HOOKS.register_module(force=True)
class SlowHook(Hook):
    """Sleeps in every iteration and before a checkpoint is whole, so that a test has the time to kill the process."""

    def before_train(self, runner):
        sync = os.fsync
        os.fsync = lambda file: (time.sleep(0.3), sync(file))

    def before_train_iter(self, runner, *args, **kwargs):
        time.sleep(0.05)


@HOOKS.register_module(force=True)
class DieHook(Hook):
    """Kills the process of ``rank`` after ``at`` iterations, in the first of several lives: ``marker`` is a file."""

    def __init__(self, at, rank, marker):
        self.at, self.rank, self.marker = at, rank, Path(marker)

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter + 1 == self.at and runner.rank == self.rank and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


@HOOKS.register_module(force=True)
class MeanNoteHook(Hook):
    """Writes a line an epoch: per process the statistics of the normalisation, and the average of the weights."""

    priority = 'LOW'

    def __init__(self, path):
        self.path = Path(path)

    def after_train_epoch(self, runner):
        average = next(hook.ema_model.module for hook in runner.hooks if hasattr(hook, 'ema_model'))
        weight = average.bbox_head.weight.flatten().tolist()
        if parts := gather_objects((runner.detector.bn.running_mean.tolist(), weight)):
            with self.path.open('a') as out:
                print(json.dumps(parts), file=out)


def free_port():
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        return str(found.getsockname()[1])


def train(config, work_dir, *options):
    """Run ``mmrotate train`` in this process; errors come through."""
    argv = [str(config), '--work-dir', str(work_dir), '--debug', *options]
    assert train_command(argv) == 0


def weights(path):
    return load_state(path)['state_dict']


def assert_same_weights(one, other):
    one, other = weights(one), weights(other)
    assert list(one) == list(other)
    different = [key for key in one if not torch.equal(one[key], other[key])]
    assert not different
