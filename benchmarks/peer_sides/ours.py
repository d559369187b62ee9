"""This package's detectors, engine and suppression."""

import tempfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from answering import Seconds, answer, as_trained, clocks, damped, nms_boxes, objects, since, step
from mmengine.hooks import Hook
from torch import nn

from mmrotate.apis import inference_detector, init_detector, without_pretrained
from mmrotate.datasets import build_dataloader
from mmrotate.engine import build_runner, load_config, open_dataset
from mmrotate.engine.amp import half_precision
from mmrotate.engine.ema import MovingAverage
from mmrotate.models import build_detector
from mmrotate.ops import nms_rotated
from mmrotate.registry import HOOKS
from mmrotate.utils.fuse import Speedups, channels_last

ROOT = Path(__file__).parents[2]
CONFIGS = {
    'oriented_rcnn': 'oriented_rcnn/oriented_rcnn_r50_fpn_1x_dota_le90.py',
    'retinanet': 'rotated_retinanet/rotated_retinanet_obb_r50_fpn_1x_dota_le90.py',
    'fcos': 'rotated_fcos/rotated_fcos_r50_fpn_1x_dota_le90.py',
    'rtmdet': 'rotated_rtmdet/rotated_rtmdet_tiny-3x-dota.py',
}
SHIPPED = 'oriented_rcnn_r18_half_fpn_hit_uav_le90'
FAST = 'rotated_rtmdet_nano_hit_uav_le90'
WARM_UP, MEASURED = 5, 40  # iterations of the engine


def _model(method: str) -> Any:
    cfg = load_config(ROOT / 'configs' / CONFIGS[method])
    model: Any = build_detector(without_pretrained(cfg.model))
    model.init_weights()
    for module in model.modules():
        for part in filter(None, (getattr(module, 'test_cfg', None), getattr(module, 'test_cfg', None) or {})):
            for settings in (part, part.get('rcnn') or {}):
                if 'score_thr' in settings:
                    settings['score_thr'] = 0.9
    return damped(model)


def _facts(size: int) -> dict[str, Any]:
    shape = (size, size, 3)
    return dict(img_shape=shape, pad_shape=shape, ori_shape=shape, scale_factor=np.ones(4, np.float32), flip=False)


def infer(settings: dict, method: str) -> Callable[[], Any]:
    """A detection in an image of noise."""
    size, model = settings['size'], _model(method).eval()
    model.speedups = Speedups()
    image, facts = torch.rand(1, 3, size, size), [_facts(size)]
    return torch.no_grad()(lambda: model(return_loss=False, img=[image], img_metas=[facts]))


def train(settings: dict, method: str, count: int, precision: str = 'float32') -> Callable[[], Any]:
    """A training step on two images with so many objects each; in ``'bfloat16'`` also ``channels_last``."""
    size, half = settings['size'] // 2, precision == 'bfloat16'
    model = as_trained(_model(method))
    if half:
        channels_last(model)
    boxes, labels = objects(count, size)
    batch = dict(img=torch.rand(2, 3, size, size), img_metas=[_facts(size)] * 2)
    batch.update(gt_bboxes=[boxes] * 2, gt_labels=[labels] * 2)

    def loss() -> torch.Tensor:
        with half_precision(torch.device('cpu'), half):
            return model.train_step(batch)['loss']

    return step(model, loss)


def nms(settings: dict, kind: str, labels: int) -> Callable[[], Any]:
    """Suppression at 0.7 of 10,000 boxes in so many classes."""
    boxes, scores, draws = nms_boxes(kind)
    of_class = None if labels == 1 else (draws * labels).long()
    return lambda: nms_rotated(boxes, scores, 0.7, of_class)


def small(settings: dict, kind: str = 'usual') -> Callable[[], Any]:
    """A whole call of the shipped detector, or of the fast one; ``'plain'`` without what makes it faster."""
    name = FAST if kind == 'fast' else SHIPPED
    model = init_detector(ROOT / f'configs/hit_uav/{name}.py', ROOT / f'demo/{name}.pth', 'cpu')
    if kind == 'plain':
        model.speedups = None
    image = np.random.RandomState(0).randint(0, 256, (512, 640, 3), np.uint8)
    return lambda: inference_detector(model, image)


@HOOKS.register_module()
class Clock(Hook):
    """Notes when the warm-up of a training is over, and how long the rest took."""

    start: ClassVar[Seconds]
    taken: ClassVar[Seconds]

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Begin after the warm-up."""
        if runner.iter == WARM_UP:
            Clock.start = clocks()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """End with the last iteration."""
        if runner.iter + 1 == WARM_UP + MEASURED:
            Clock.taken = since(Clock.start)


def engine(settings: dict, kind: str) -> Callable[[], Seconds]:
    """Iterations of a small detector with a moving average: by the engine, or by a bare loop."""
    data = ROOT / 'tests/data/hit_uav'
    cfg = load_config(
        ROOT / f'configs/hit_uav/{SHIPPED}.py',
        {
            'data.train.ann_file': str(data / 'labelTxt'), 'data.train.img_prefix': str(data / 'images'),
            'data.workers_per_gpu': 0, 'data.samples_per_gpu': 1, 'bf16': False, 'channels_last': False,
            'model.backbone.base_channels': 8, 'model.neck.in_channels': [8, 16, 32, 64],
        },
    )  # fmt: skip
    cfg.runner = dict(type='IterBasedRunner', max_iters=WARM_UP + MEASURED)
    cfg.custom_hooks = [dict(type='EMAHook', momentum=0.002), dict(type='Clock')]
    cfg.checkpoint_config, cfg.report = dict(interval=10_000, save_last=False), False
    cfg.data.train = dict(type='RepeatDataset', times=100, dataset=cfg.data.train)
    cfg.work_dir = tempfile.mkdtemp()
    return lambda: (_by_engine if kind == 'runner' else _by_hand)(cfg.copy())


def _by_engine(cfg: Any) -> Seconds:
    build_runner(build_detector(cfg.model), [open_dataset(cfg, 'train')], cfg).train()
    return Clock.taken


def _by_hand(cfg: Any) -> Seconds:
    model: Any = build_detector(cfg.model).train()
    average = MovingAverage(model, lambda step: 0.002)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.05)
    loader = build_dataloader(open_dataset(cfg, 'train'), 1, 0, dist=False, seed=0)
    for index, batch in zip(range(WARM_UP + MEASURED), cycle(loader), strict=False):
        if index == WARM_UP:
            start = clocks()
        optimizer.zero_grad()
        model.train_step(batch)['loss'].backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        average.update_parameters(model)
    return since(start)


if __name__ == '__main__':
    answer(dict(infer=infer, train=train, nms=nms, small=small, engine=engine))
