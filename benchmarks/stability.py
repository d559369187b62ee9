"""Do the numbers stay finite? Every config of the zoo for 100 iterations on synthetic images.

``--versions`` trains each under these angle versions instead of its own, ``r360`` too, where its parts allow them. Each
model is trained small (ResNet-18, narrow) with its config's own optimizer, clipping and
warm-up, the learning rate scaled to the batch, in float32 and in bfloat16. A loss or a weight that
is not finite is named, with the iteration.
"""

import argparse
import itertools
import json
import math
import re
import sys
import time
from collections.abc import Iterator

import numpy as np
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from small import CONFIGS, angle_version, load, small_model, with_version
from torch import Tensor, nn

from mmrotate.core.bbox.angle import VERSIONS, regularize
from mmrotate.models import build_detector
from mmrotate.models.layers import make_convs_sound
from mmrotate.utils import get_root_logger

CLASSES, BATCH, SIZE = 3, 2, 128
# maps of the body's first stage, and of pyramid and heads
WIDTHS = (16, 64)


def names() -> Iterator[str]:
    """Configs of the zoo, of those with the same small model and optimizer the first."""
    seen = set()
    for path in sorted(CONFIGS.glob('[a-z]*/*.py')):
        name = f'{path.parent.name}/{path.stem}'
        cfg = load(name)
        model = small_model(cfg.model.to_dict(), CLASSES, *WIDTHS)
        key = json.dumps([model, cfg.optimizer.to_dict()], sort_keys=True)
        if path.parent.name != 'hit_uav' and key not in seen:
            seen.add(key)
            yield name


def draw_batch(
    version: str, generator: torch.Generator, count: int = BATCH, size: int = SIZE, classes: int = CLASSES
) -> dict:
    """Noise, brighter inside of up to eight boxes of each image."""
    images, boxes, labels = [], [], []
    for _ in range(count):
        u = torch.rand(int(torch.randint(0, 9, (1,), generator=generator)), 5, generator=generator)
        long, short = 12 + u[:, 2] * 50, 6 + u[:, 3] * 20
        sides = regularize(long, short, (u[:, 4] - 0.5) * VERSIONS[version].period, version)
        found = torch.stack([u[:, 0] * size, u[:, 1] * size, *sides], 1)
        images.append(torch.randn(3, size, size, generator=generator) + paint(found, size))
        boxes.append(found)
        labels.append(torch.randint(0, classes, (len(found),), generator=generator))
    return as_batch(images, boxes, labels)


def paint(boxes: Tensor, size: int) -> Tensor:
    """A black image (3, size, size), bright inside of boxes (n, 5)."""
    rows = torch.arange(size) + 0.5
    image = torch.zeros(3, size, size)
    for x, y, w, h, angle in boxes.tolist():
        dx, dy = rows[None] - x, rows[:, None] - y
        along = dx * math.cos(angle) + dy * math.sin(angle)
        across = dy * math.cos(angle) - dx * math.sin(angle)
        image += 2.0 * ((along.abs() < w / 2) & (across.abs() < h / 2))
    return image


def as_batch(images: list[Tensor], boxes: list[Tensor], labels: list[Tensor]) -> dict:
    """What a detector trains on, of images (3, size, size) and their objects."""
    shape = (*images[0].shape[1:], 3)
    meta = dict(
        img_shape=shape, pad_shape=shape, ori_shape=shape, filename='noise', flip=False,
        scale_factor=np.ones(4, np.float32),
    )  # fmt: skip
    return dict(img=torch.stack(images), img_metas=[meta] * len(images), gt_bboxes=boxes, gt_labels=labels)


def optimizer_of(cfg: Config, model: nn.Module) -> OptimWrapper:
    """The config's optimizer with its clipping, for this batch on one device."""
    settings = dict(cfg.optimizer.to_dict())
    settings['lr'] *= BATCH / cfg.data.samples_per_gpu
    wrapper = dict(
        type='OptimWrapper',
        paramwise_cfg=settings.pop('paramwise_cfg', None),
        optimizer=settings,
        clip_grad=(cfg.get('optimizer_config') or {}).get('grad_clip'),
    )
    return build_optim_wrapper(model, wrapper)


def warmup(cfg: Config, iteration: int) -> float:
    """Factor of the learning rate under the config's linear warm-up."""
    iters, ratio = cfg.lr_config.get('warmup_iters', 0), cfg.lr_config.get('warmup_ratio', 0.1)
    return 1.0 if iteration >= iters else 1 - (1 - iteration / iters) * (1 - ratio)


def _finite(tensors: Iterator[Tensor]) -> bool:
    return all(bool(t.isfinite().all()) for t in tensors)


def run(name: str, version: str, bf16: bool, iterations: int) -> str:
    """Train; 'finite', or what was not."""
    cfg = load(name)
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    np.random.seed(0)
    model = build_detector(with_version(small_model(cfg.model.to_dict(), CLASSES, *WIDTHS), version))
    model.init_weights()
    model.train()
    if bf16:
        make_convs_sound(model)  # as a training does
    optimizer = optimizer_of(cfg, model)
    rates = [group['lr'] for group in optimizer.param_groups]
    for iteration in range(iterations):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group['lr'] = rate * warmup(cfg, iteration)
        with torch.autocast('cpu', torch.bfloat16, enabled=bf16):
            losses = model.forward_train(**draw_batch(version, generator))
        total, values = model._parse_losses(losses)
        if not all(map(math.isfinite, values.values())):
            bad = {key: value for key, value in values.items() if not math.isfinite(value)}
            return f'iteration {iteration}: {bad}'
        optimizer.update_params(total)
        if not _finite(p.detach() for p in model.parameters()):
            return f'iteration {iteration}: weights that are not finite'
    return f'finite, last loss {float(total.detach()):.3g}'


def line(name: str, version: str, bf16: bool, iterations: int) -> str:
    """What became of a training, and how long it took."""
    start = time.perf_counter()
    try:
        found = run(name, version, bf16, iterations)
    except Exception as error:  # the others shall run all the same
        found = f'{type(error).__name__}: {error}'
    kind = 'bfloat16' if bf16 else 'float32'
    return f'{name} {version} {kind}: {found} ({time.perf_counter() - start:.0f} s)'


def main() -> None:
    """Print a line for each config; exit code 1 if one was not finite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--only', default='', help='regular expression of configs')
    parser.add_argument('--versions', nargs='+', choices=VERSIONS, help="default: the config's own")
    parser.add_argument('--iterations', type=int, default=100)
    args = parser.parse_args()
    get_root_logger()  # which leaves out mmengine's line for each parameter
    bad = 0
    for name in filter(re.compile(args.only).search, names()):
        for version, bf16 in itertools.product(args.versions or [angle_version(name)], (False, True)):
            told = line(name, version, bf16, args.iterations)
            bad += ': finite, last' not in told
            print(told, flush=True)
    sys.exit(bad > 0)


if __name__ == '__main__':
    main()
