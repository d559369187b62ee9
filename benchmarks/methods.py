r"""Does every method learn? Trains small versions of the zoo's methods on infrared images.

``overfit`` trains each on eight crops of real images and tests it on the same: mAP50 should be over
0.9, or else it starts once more for twice as long. ``train`` trains each on the training images of
HIT-UAV with one budget and scores its validation images. The whole budget wants a GPU; a small one,
which shows a method that is broken, takes a CPU some minutes for each:

    nice python benchmarks/methods.py train --epochs 2 --crop 320 256 --base 32 --bf16 --threads 1 \
        --body demo/oriented_rcnn_r18_half_fpn_hit_uav_le90.pth --json hit_uav.json --markdown hit_uav.md

There anchors are half as large, and detectors on a ResNet start from the body of the shipped one.

Both print a table, and write it where ``--markdown`` says. ``--json`` keeps a row for each method; those
that are there are not run again, so what was interrupted goes on.
"""

import argparse
import json
import re
import tempfile
import time
import traceback
from pathlib import Path

import cv2
import torch
from mmengine.config import Config
from small import (
    CONFIGS,
    METHODS,
    angle_version,
    for_small_objects,
    load,
    small_model,
    with_few_proposals,
    with_version,
)

from mmrotate.apis import single_gpu_test, train_detector
from mmrotate.datasets import build_dataset
from mmrotate.engine.testing import build_test_loader
from mmrotate.models import build_detector
from mmrotate.utils import set_random_seed

SAMPLES = Path(__file__).resolve().parents[1] / 'tests/data/hit_uav'
BASE = 'hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90'


def write_crops(folder: Path, size: tuple[int, int] = (80, 64), scale: int = 3) -> None:
    """Of each sample image the part with the most objects, enlarged, in DOTA's layout."""
    for sub in ('images', 'labelTxt'):
        (folder / sub).mkdir(parents=True)
    for path in sorted((SAMPLES / 'images').iterdir()):
        lines = (SAMPLES / 'labelTxt' / f'{path.stem}.txt').read_text().splitlines()
        objects = [(tuple(map(float, line.split()[:8])), line.split()[8:]) for line in lines]
        image = cv2.imread(str(path))
        x, y = _fullest(objects, image.shape[1], image.shape[0], size)
        part = image[y : y + size[1], x : x + size[0]]
        enlarged = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / 'images' / f'{path.stem}.png'), enlarged)
        kept = []
        for corners, rest in objects:
            if _inside(corners, x, y, size):
                moved = [(v - (x, y)[i % 2]) * scale for i, v in enumerate(corners)]
                kept.append(' '.join([*(f'{v:.2f}' for v in moved), *rest]))
        (folder / 'labelTxt' / f'{path.stem}.txt').write_text('\n'.join(kept) + '\n')


def _inside(corners: tuple[float, ...], x: int, y: int, size: tuple[int, int]) -> bool:
    """Whether the centre of an object lies in the window."""
    cx, cy = sum(corners[::2]) / 4, sum(corners[1::2]) / 4
    return x <= cx < x + size[0] and y <= cy < y + size[1]


def _fullest(objects: list, width: int, height: int, size: tuple[int, int]) -> tuple[int, int]:
    """Corner of the window that holds some objects, up to five, and cuts the fewest."""

    def score(x: int, y: int) -> float:
        inside = [corners for corners, _ in objects if _inside(corners, x, y, size)]
        whole = [
            min(c[::2]) >= x and max(c[::2]) < x + size[0] and min(c[1::2]) >= y
            and max(c[1::2]) < y + size[1]
            for c in inside
        ]  # fmt: skip
        return min(sum(whole), 5) - 2 * (len(inside) - sum(whole))

    corners = [(x, y) for y in range(0, height - size[1] + 1, 8) for x in range(0, width - size[0] + 1, 8)]
    return max(corners, key=lambda corner: score(*corner))


def overfit_config(name: str, data: Path, args: argparse.Namespace, epochs: int) -> Config:
    """Train on the crops without any augmentation, test on them."""
    cfg = method_config(name, args)
    cfg.model = with_few_proposals(cfg.model.to_dict(), 300, 64)
    cfg.runner = dict(type='EpochBasedRunner', max_epochs=1)
    for split in ('train', 'val'):
        cfg.data[split].ann_file = str(data / 'labelTxt')
        cfg.data[split].img_prefix = str(data / 'images')
    cfg.data.train.pipeline = [s for s in cfg.data.train.pipeline if s['type'] != 'RRandomFlip']
    steps = [*cfg.data.train.pipeline, cfg.data.val.pipeline[1]]
    for step in steps:
        if 'img_scale' in step:
            step['img_scale'] = (240, 192)
    cfg.data.train = dict(type='RepeatDataset', times=epochs, dataset=cfg.data.train)
    cfg.data.update(samples_per_gpu=8, workers_per_gpu=0)
    cfg.lr_config.update(policy='FlatCosineAnnealing', warmup_iters=20, by_epoch=False)
    cfg.log_config.interval = 50
    return cfg


def train_config(name: str, data: Path, args: argparse.Namespace, epochs: int) -> Config:
    """Train on the training images of HIT-UAV, or on parts of them, test on its validation images."""
    cfg = method_config(name, args)
    cfg.runner = dict(type='EpochBasedRunner', max_epochs=epochs)
    for split in ('train', 'val'):
        cfg.data[split].ann_file = str(args.data / split / 'labelTxt')
        cfg.data[split].img_prefix = str(args.data / split / 'images')
    if args.crop:
        cfg.model = with_few_proposals(for_small_objects(cfg.model.to_dict()), 300, 128)
        width, height = args.crop
        part = dict(type='RRandomCrop', crop_size=(height, width), version=angle_version(name))
        steps = [step.to_dict() for step in cfg.data.train.pipeline]
        cfg.data.train.pipeline = [*steps[:3], part, *steps[3:]]
    cfg.data.workers_per_gpu = args.workers
    return cfg


def method_config(name: str, args: argparse.Namespace) -> Config:
    """Data and schedule of the shipped model with the small version of another method."""
    cfg = load(BASE)
    base = Config.fromfile(CONFIGS / f'{BASE}.py')
    version = angle_version(name)
    cfg.data = Config(with_version(base.data.to_dict(), version))._cfg_dict
    cfg.data.train.horizontal = load(name).data.train.get('horizontal', False)
    cfg.model = small_model(load(name).model.to_dict(), 4, args.base, args.channels)
    if args.body and cfg.model.backbone.type == 'ResNet':
        cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(args.body), prefix='backbone.')
    cfg.custom_hooks = [dict(type='NumClassCheckHook')]
    cfg.checkpoint_config = dict(interval=10**6)
    cfg.channels_last, cfg.bf16 = True, args.bf16
    cfg.optimizer.lr, cfg.device, cfg.seed = args.lr, args.device, 0
    return cfg


def run(cfg: Config, folder: Path, metric: str | list[str] = 'mAP') -> dict[str, float]:
    """Train, then score the validation data: mAP50, what else ``metric`` asks for, and seconds."""
    set_random_seed(cfg.seed)
    start = time.perf_counter()
    dataset = build_dataset(cfg.data.train)
    model = build_detector(cfg.model)
    model.init_weights()
    model.CLASSES, model.PALETTE = dataset.CLASSES, dataset.PALETTE
    cfg.work_dir = str(folder)
    model = train_detector(model, dataset, cfg)
    seconds = time.perf_counter() - start
    val = build_dataset(cfg.data.val, dict(test_mode=True))
    loader = build_test_loader(val, samples_per_gpu=1, workers_per_gpu=0)
    scores = val.evaluate(single_gpu_test(model, loader), metric=metric)
    return {**scores, 'mAP50': round(float(scores['mAP']), 4), 'seconds': round(seconds)}


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('mode', choices=['overfit', 'train'])
    parser.add_argument('--only', default='', help='regular expression of methods')
    parser.add_argument('--epochs', type=int, help='default: 600 or 1200 to overfit, 36 to train')
    parser.add_argument('--lr', type=float, help='default: 0.003 to overfit, 0.001 to train')
    parser.add_argument('--base', type=int, default=64, help="maps of the body's first stage")
    parser.add_argument('--channels', type=int, default=64, help='maps of pyramid and heads')
    parser.add_argument('--body', type=Path, help='checkpoint of a detector whose ResNet-18 those with one start from')
    parser.add_argument('--bf16', action='store_true', help='compute in bfloat16')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--data', type=Path, default=Path('data/hit_uav'), help='folder of HIT-UAV')
    parser.add_argument('--crop', type=int, nargs=2, metavar=('WIDTH', 'HEIGHT'), help='train on random parts')
    parser.add_argument('--workers', type=int, default=0, help='processes that read images in `train`')
    parser.add_argument('--threads', type=int, help='of PyTorch and OpenCV')
    parser.add_argument('--json', type=Path, help='keep rows there; methods that it has are not run again')
    parser.add_argument('--markdown', type=Path, help='write the table there')
    return parser.parse_args()


def measured(name: str, folder: Path, args: argparse.Namespace) -> dict:
    """A row of the table: what a method reached and took, or the error that stopped it."""
    overfit = args.mode == 'overfit'
    make = overfit_config if overfit else train_config
    row: dict = dict(method=name)
    try:
        for epochs in (args.epochs,) if args.epochs else (600, 1200) if overfit else (36,):
            row |= dict(epochs=epochs, **run(make(name, folder / 'data', args, epochs), folder / 'work'))
            if row['mAP50'] > 0.9:
                break
    except Exception as error:  # the table shall name the others all the same
        traceback.print_exc()
        row |= dict(error=f'{type(error).__name__}: {error}'[:200])
    return row


def table(rows: list[dict]) -> str:
    """The rows in Markdown."""
    lines = ['| method | mAP50 | epochs | seconds |', '|---|---|---|---|']
    for row in rows:
        found = f'{row["mAP50"]:.3f}' if 'mAP50' in row else row['error'].split(':')[0]
        lines.append(f'| {row["method"]} | {found} | {row.get("epochs", "")} | {row.get("seconds", "")} |')
    return '\n'.join(lines) + '\n'


def main() -> None:
    """Print the table; write it too if asked."""
    args = parse_args()
    args.lr = args.lr or (3e-3 if args.mode == 'overfit' else 1e-3)
    if args.threads:
        torch.set_num_threads(args.threads)
        cv2.setNumThreads(args.threads)
    rows = json.loads(args.json.read_text('utf-8')) if args.json and args.json.is_file() else []
    known = {row['method'] for row in rows if 'error' not in row}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_crops(folder / 'data')
        for name in METHODS:
            if name in known or not re.search(args.only, name):
                continue
            rows = [row for row in rows if row['method'] != name] + [measured(name, folder, args)]
            print(table(rows[-1:]).splitlines()[-1], flush=True)
            if args.json:
                args.json.write_text(json.dumps(rows, indent=1) + '\n', 'utf-8')
            if args.markdown:
                args.markdown.write_text(table(rows), 'utf-8')


if __name__ == '__main__':
    main()
