"""What finding boxes costs beside plain features: head, decoding and NMS of the zoo's methods.

Of each config: milliseconds of ``extract_feat``, of the head's convolutions (methods of one head),
and of the whole ``simple_test`` of an image of noise, medians of calls taken in turn in one run.
Weights are drawn at random, so the score threshold is set to one that leaves about ``--detections``
boxes.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from small import METHODS, load
from torch import nn

from mmrotate.models import build_detector


def build(name: str) -> nn.Module:
    """The model of a config with random weights, its batch norms as after a training."""
    cfg: Config = load(name).model
    cfg.pop('pretrained', None)
    cfg.backbone.pop('pretrained', None)
    cfg.backbone.init_cfg = None
    torch.manual_seed(0)
    model = build_detector(cfg)
    model.init_weights()
    return model.eval()


def set_threshold(model: nn.Module, value: float) -> None:
    """Score threshold of every head."""
    for module in model.modules():
        cfg = getattr(module, 'test_cfg', None)
        for part in (cfg, (cfg or {}).get('rcnn')):
            if part and 'score_thr' in part:
                part.score_thr = value


def calibrate(model: nn.Module, detect: Callable[[], list], wanted: int, steps: int = 12) -> int:
    """Bisect the threshold until about so many boxes are found; how many there are."""
    low, high, found = 0.0, 1.0, 0
    for _ in range(steps):
        middle = (low + high) / 2
        set_threshold(model, middle)
        found = sum(map(len, detect()[0]))
        if 0.8 * wanted <= found <= 1.2 * wanted:
            break
        low, high = (middle, high) if found > wanted else (low, middle)
    return found


def medians(functions: list[Callable[[], object]], rounds: int, device: str) -> list[float]:
    """Median milliseconds of each function, called in turn."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds + 1):
        for function, kept in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            if device.startswith('cuda'):
                torch.cuda.synchronize()
            kept.append((time.perf_counter() - start) * 1e3)
    return [statistics.median(kept[1:]) for kept in times]  # the first ones warm up


@torch.no_grad()
def measure(name: str, args: argparse.Namespace) -> str:
    """A row of the table."""
    model = build(name).to(args.device)
    img = torch.randn(1, 3, args.size, args.size, device=args.device)
    shape = (args.size, args.size, 3)
    meta = dict(img_shape=shape, pad_shape=shape, ori_shape=shape, scale_factor=np.ones(4, np.float32), flip=False)

    def detect() -> list:
        return model.simple_test(img, [meta])

    found = calibrate(model, detect, args.detections)
    feats = model.extract_feat(img)
    calls: list[Callable[[], object]] = [lambda: model.extract_feat(img), detect]
    single = hasattr(model, 'bbox_head') and not hasattr(model, 'refine_head')
    if single:
        calls.append(lambda: model.bbox_head(feats))
    features, whole, *head = medians(calls, args.rounds, args.device)
    towers = f'{head[0]:.0f}' if head else ''
    boxes = f'{max(whole - features - head[0], 0) / whole:.1%}' if head else ''
    return (
        f'| {name.split("/")[-1]} | {found} | {features:.0f} | {towers} | {whole:.0f} '
        f'| {1 - features / whole:.1%} | {boxes} |'
    )


def main() -> None:
    """Print the table; write it too if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--only', default='', help='only methods whose name contains this')
    parser.add_argument('--size', type=int, default=1024, help='side of the image in pixels')
    parser.add_argument('--detections', type=int, default=300, help='boxes on the image')
    parser.add_argument('--rounds', type=int, default=5, help='calls of each kind')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--markdown', type=Path, help='write the table there')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    lines = [
        '| method | boxes | features, ms | head, ms | whole, ms | beyond features | decoding and NMS |',
        '|---|---|---|---|---|---|---|',
    ]
    print('\n'.join(lines))
    for name in METHODS:
        if args.only in name:
            lines.append(measure(name, args))
            print(lines[-1], flush=True)
    if args.markdown:
        args.markdown.write_text('\n'.join(lines) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
