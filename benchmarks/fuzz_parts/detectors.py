"""Hostile batches for every method of the zoo: losses, gradients and results stay finite.

Boxes of a hundredth of a pixel or longer than the image, on one place, far outside; many or none; a picture of one
colour, or much too bright; weights that make predictions as large as they come; images of different sizes; bfloat16.
"""

import copy
import functools
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.small import METHODS, angle_version, load, small_model, with_few_proposals, with_version
from mmrotate.core.bbox.angle import regularize
from mmrotate.models import build_detector
from mmrotate.models.layers import make_convs_sound
from mmrotate.utils import UserError

NAME = 'detectors'
COUNT = 10 * len(METHODS)
CLASSES = 3
# height and width of a batch
SIZES = ((64, 64), (96, 64), (64, 128), (128, 128))


@functools.cache
def detector(name: str, version: str) -> nn.Module:
    """A small version of a method, as it begins a training."""
    torch.manual_seed(0)
    model = with_few_proposals(small_model(load(name).model.to_dict(), CLASSES, 8, 32), 100, 32)
    built = build_detector(with_version(model, version))
    built.init_weights()
    return built


def draw_boxes(dice: random.Random, size: tuple[int, int], version: str) -> Tensor:
    """Boxes (n, 5) in the form of a version."""
    count = dice.choice((0, 0, 1, 5, 40, 300))
    least, most = dice.choice(((2, 60), (0.01, 1), (100, 1000), (0.01, 1000)))
    beyond = dice.choice((0, 20, 500))
    u = torch.rand(count, 5)
    if dice.random() < 0.2:  # all the same
        u = u[:1].expand(count, 5)
    sides = least * (most / least) ** u[:, 2:4]
    place = u[:, :2] * (torch.tensor(size[::-1]) + 2 * beyond) - beyond
    theta = dice.choice((0.0, 1.0)) * (u[:, 4] - 0.5) * math.pi  # along the axes, too
    return torch.cat([place, torch.stack(regularize(*sides.T, theta, version), 1)], 1)


def draw_batch(dice: random.Random, version: str, size: tuple[int, int]) -> dict[str, Any]:
    """A batch of two or three images, the first of which may be much brighter than the others, or black."""
    count = dice.choice((2, 3))
    img = torch.randn(count, 3, *size)
    img[0] *= dice.choice((1.0, 1.0, 0.0, 100.0))
    metas, smaller = [], dice.random() < 0.3
    for i in range(count):
        own = (32, 48, 3) if smaller and i else (*size, 3)
        img[i, :, own[0] :], img[i, :, :, own[1] :] = 0, 0
        facts: dict[str, Any] = dict(img_shape=own, ori_shape=own, filename=f'{i}.png', flip=False, img_norm_cfg={})
        metas.append(facts | dict(pad_shape=(*size, 3), scale_factor=np.ones(4, np.float32)))
    boxes = [draw_boxes(dice, meta['img_shape'][:2], version) for meta in metas]
    labels = [torch.randint(0, CLASSES, (len(own),)) for own in boxes]
    return dict(img=img, img_metas=metas, gt_bboxes=boxes, gt_labels=labels)


@torch.no_grad()
def exaggerate(model: nn.Module, factor: float) -> None:
    """Multiply what the heads' last layers say."""
    for name, module in model.named_modules():
        inner = any(part in name for part in ('convs', 'fcs', 'shared'))
        if isinstance(module, nn.Conv2d | nn.Linear) and 'head' in name and not inner:
            module.weight.mul_(factor)


def trained(model: nn.Module, batch: dict[str, Any], half: bool) -> str:
    """What is not finite in a step of a training; nothing else."""
    if half:
        make_convs_sound(model)  # as a training does
    with torch.autocast('cpu', torch.bfloat16, enabled=half):
        losses = model.forward_train(**batch)
    total, values = model._parse_losses(losses)
    if bad := {key: value for key, value in values.items() if not math.isfinite(value)}:
        return f'losses {bad}'
    total.backward()
    bare = [key for key, p in model.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
    return f'gradients of {bare[:3]} and {max(len(bare) - 3, 0)} more' if bare else ''


@torch.no_grad()
def tested(model: nn.Module, batch: dict[str, Any]) -> str:
    """What is wrong with the results; nothing else."""
    for result in model.simple_test(batch['img'], batch['img_metas'], rescale=True):
        found = np.concatenate(result)
        if not np.isfinite(found).all() or (found[:, 2:4] < 0).any():
            return 'results that are not finite, or of negative sides'
    return ''


def run_case(index: int, folder: Path) -> str:
    """A step of training and a test of the method whose turn it is, under one of the angle versions."""
    dice = random.Random(index)
    name = METHODS[index % len(METHODS)]
    version = dice.choice((angle_version(name), 'oc', 'le90', 'le135'))
    model = copy.deepcopy(detector(name, version)).train()
    torch.manual_seed(index)
    exaggerate(model, dice.choice((1.0, 1.0, 30.0, 1e4)))
    half = dice.random() < 0.3
    batch = draw_batch(dice, version, dice.choice(SIZES))
    try:
        wrong = trained(model, batch, half) or tested(model.eval(), batch)
    except UserError:
        return 'refused'
    return f'FAULT: {name} {version}: {wrong}' if wrong else 'value'
