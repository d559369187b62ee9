"""What the sides share: images, objects, and answering which case takes how long."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

CLASSES = 15
Build = Callable[..., Callable[[], Any]]


class Seconds(NamedTuple):
    """What a case measured by itself, in place of the time of the call."""

    wall: float
    processor: float


def clocks() -> Seconds:
    """The time by both clocks."""
    return Seconds(time.perf_counter(), time.process_time())


def since(start: Seconds) -> Seconds:
    """What has passed by both clocks."""
    now = clocks()
    return Seconds(now.wall - start.wall, now.processor - start.processor)


def answer(builders: dict[str, Build]) -> None:
    """Time a call of each case that a line of the input names: a builder and its arguments."""
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings['threads'])
    torch.manual_seed(0)
    answers, sys.stdout = sys.stdout, sys.stderr  # what packages print is no answer
    known: dict[str, Callable[[], Any]] = {}
    for line in sys.stdin:
        if line not in known:
            name, *rest = json.loads(line)
            known[line] = builders[name](settings, *rest)
            known[line]()
        start = clocks()
        own = known[line]()
        taken = own if isinstance(own, Seconds) else since(start)
        print(json.dumps(taken), file=answers, flush=True)


def objects(count: int, size: int) -> tuple[Tensor, Tensor]:
    """Rotated boxes (count, 5), x, y, w, h, theta, inside an image, and labels (count,)."""
    generator = torch.Generator().manual_seed(count)
    places, sides, turns = (torch.rand(count, k, generator=generator) for k in (2, 2, 1))
    boxes = torch.cat([20 + places * (size - 40), 6 + sides * 24, (turns - 0.5) * 3], 1)
    return boxes, torch.randint(CLASSES, (count,), generator=generator)


def upright(boxes: Tensor) -> Tensor:
    """Left, top, right, bottom (n, 4) of rotated boxes' own sides."""
    return torch.cat([boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2], 1)


def nms_boxes(kind: str, count: int = 10_000) -> tuple[Tensor, Tensor, Tensor]:
    """Rotated boxes, scores and random numbers for labels."""
    generator = torch.Generator().manual_seed(0)
    width = {'spread': 4000.0, 'crowded': 200.0, 'point': 0.0}[kind]
    draws = (torch.rand(count, k, generator=generator) for k in (2, 2, 1))
    places, sides, turns = draws
    boxes = torch.cat([100 + places * width, 8 + sides * 40, turns * 3], 1)
    return boxes, torch.linspace(1, 0, count), torch.rand(count, generator=generator)


def damped(model: nn.Module) -> nn.Module:
    """The model with residual branches of a fifth: random weights would blow up."""
    for name, module in model.named_modules():
        if name.endswith('bn3') and getattr(module, 'weight', None) is not None:
            with torch.no_grad():
                module.weight.fill_(0.2)
    return model


def as_trained(model: nn.Module) -> nn.Module:
    """In training mode as the methods have it: norms of the body and its first stage stand still."""
    model.train()
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
        if name.endswith(('conv1', 'bn1', 'layer1')) and not any(f'layer{k}' in name for k in (2, 3, 4)):
            module.requires_grad_(False)
    return model


def step(model: nn.Module, losses: Callable[[], Tensor]) -> Callable[[], None]:
    """A training step."""
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 1e-5, 0.9)

    def run() -> None:
        optimizer.zero_grad()
        losses().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 35)
        optimizer.step()

    return run
