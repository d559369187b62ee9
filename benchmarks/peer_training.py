"""How good does an oriented model of Ultralytics become on the same images in the same time?

    python benchmarks/peer_training.py --ultralytics PYTHON --data data/hit_uav --minutes 9

Trains it from scratch, in the Python of an environment of its own, and scores what it finds in the validation images
as everything else is scored here: 11-point average precision. Ours beside it are trained by ``tools/train.py``.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mmrotate.cli.main import main as mmrotate
from mmrotate.datasets import build_dataset

SIDE = Path(__file__).parent / 'peer_sides/nano_training.py'
METRICS = ['AP50', 'AP75', 'AP50:95']


def train(options: argparse.Namespace, folder: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Of each validation image the boxes (n, 7): x, y, w, h, theta, score, class; and the names of the classes."""
    if mmrotate(['convert', str(options.data), str(folder / 'yolo'), '--to', 'yolo-obb']):
        raise SystemExit(f'{options.data} could not be written as Ultralytics reads it')
    description = folder / 'yolo/data.yaml'
    names = yaml.safe_load(description.read_text())['names']
    images = sorted(map(str, (options.data / 'val/images').iterdir()))
    keys = ('model', 'minutes', 'epochs', 'size', 'batch', 'workers', 'device', 'nms')
    settings = {key: getattr(options, key) for key in keys}
    settings |= dict(data=str(description), images=images, out=str(folder / 'out'))
    subprocess.run([options.ultralytics, str(SIDE), json.dumps(settings)], check=True)
    return dict(np.load(folder / 'out/found.npz')), [names[i] for i in range(len(names))]


def score(found: dict[str, np.ndarray], names: Sequence[str], data: Path) -> dict[str, Any]:
    """The metrics of what was found in the images of ``data/val``."""
    labels, images = str(data / 'val/labelTxt'), str(data / 'val/images')
    dataset = build_dataset(
        dict(type='HITUAVDataset', ann_file=labels, img_prefix=images, pipeline=[], version='le90', test_mode=True)
    )
    theirs = [names.index(name) for name in dataset.CLASSES]
    boxes = [found[info['filename']] for info in dataset.data_infos]
    results = [[each[each[:, 6] == label, :6].astype(np.float32) for label in theirs] for each in boxes]
    return dataset.evaluate(results, metric=METRICS)


def main(args: Sequence[str] | None = None) -> None:
    """Train, score and print a row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ultralytics', required=True, help='Python of an environment with ultralytics')
    parser.add_argument('--data', type=Path, default=Path('data/hit_uav'), help='default: data/hit_uav')
    parser.add_argument('--model', default='yolo11n-obb', help='default: yolo11n-obb')
    parser.add_argument('--minutes', type=float, default=9, help='of training (default: 9)')
    parser.add_argument('--epochs', type=int, help='in place of --minutes')
    parser.add_argument('--size', type=int, default=640)
    parser.add_argument('--batch', type=int, default=16)
    parser.add_argument('--workers', type=int, default=3)
    parser.add_argument('--device', default='0', help='cpu or the number of a GPU (default: 0)')
    parser.add_argument('--nms', type=float, default=0.4, help='IoU threshold of its NMS (default: 0.4, as ours)')
    options = parser.parse_args(args)
    with tempfile.TemporaryDirectory() as folder:
        found, names = train(options, Path(folder))
    scores = score(found, names, options.data)
    budget = f'{options.epochs} epoch(s)' if options.epochs else f'{options.minutes:g} minutes'
    print(f'| model | training | {" | ".join(METRICS)} |\n|---|---|---|---|---|')
    print(f'| {options.model} | {budget} | {" | ".join(f"{scores[key]:.3f}" for key in METRICS)} |')


if __name__ == '__main__':
    sys.exit(main())
