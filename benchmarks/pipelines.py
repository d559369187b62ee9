"""What the steps of a pipeline cost, as ratios to decoding the image alone, in the same run.

python -m benchmarks.pipelines [--side 1024] [--objects 100]
"""

import argparse
import copy
import math
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.timing import median_ms
from mmrotate.datasets.pipelines import Compose

NORM = dict(type='Normalize', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
FLIP = dict(type='RRandomFlip', flip_ratio=1.0, version='le90')
# each alone, but for the three that every training of the zoo has
STEPS: dict[str, list[dict[str, Any]]] = {
    'resize to 800, flip, normalise': [dict(type='RResize', img_scale=(800, 800)), FLIP, NORM],
    'flip, normalise': [FLIP, NORM],
    'RResize to 800': [dict(type='RResize', img_scale=(800, 800))],
    'RRandomFlip': [FLIP],
    'Normalize': [NORM],
    'Pad by 32': [dict(type='Pad', size_divisor=32)],
    'PolyRandomRotate': [dict(type='PolyRandomRotate', rotate_ratio=1.0, version='le90')],
    'RandomRotate': [dict(type='RandomRotate', prob=1.0, version='le90')],
    'RandomAffine': [dict(type='RandomAffine', version='le90')],
    'RRandomCrop to 800': [dict(type='RRandomCrop', crop_size=(800, 800), version='le90')],
    'Expand': [dict(type='Expand', prob=1.0, ratio_range=(1.5, 1.5))],
    'PhotoMetricDistortion': [dict(type='PhotoMetricDistortion')],
    'YOLOXHSVRandomAug': [dict(type='YOLOXHSVRandomAug')],
}


def write_image(path: Path, side: int) -> None:
    """A JPEG with about as much detail as an aerial image."""
    noise = np.random.default_rng(0).integers(0, 256, (side // 4, side // 4, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC))


def sample(path: Path, side: int, objects: int) -> dict[str, Any]:
    """The image and some boxes, as the loading steps give them."""
    rng = np.random.default_rng(1)
    low, high = [0, 0, 10, 5, -math.pi / 2], [side, side, 90, 40, math.pi / 2]
    boxes = rng.uniform(low, high, (objects, 5)).astype(np.float32)
    img = cv2.imread(str(path))
    fields = dict(img_fields=['img'], bbox_fields=['gt_bboxes'], img_shape=img.shape, pad_shape=img.shape)
    return dict(img=img, gt_bboxes=boxes, gt_labels=np.zeros(objects, int), ori_shape=img.shape, **fields)


def measure(side: int, objects: int, seconds: float) -> tuple[float, dict[str, float]]:
    """Milliseconds of decoding, and the ratios to it of each of :data:`STEPS`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'image.jpg')
        write_image(path, side)
        data, given = path.read_bytes(), sample(path, side, objects)
    array = np.frombuffer(data, np.uint8)
    decoding = median_ms(lambda: cv2.imdecode(array, cv2.IMREAD_COLOR), seconds=seconds)
    ratios = {}
    for name, steps in STEPS.items():
        pipeline = Compose(copy.deepcopy(steps))
        ratios[name] = median_ms(lambda run=pipeline: run(dict(given)), seconds=seconds) / decoding
    return decoding, ratios


def main() -> None:
    """Print a line for each step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--side', type=int, default=1024, help='pixels of the image (default: 1024)')
    parser.add_argument('--objects', type=int, default=100, help='boxes in it (default: 100)')
    parser.add_argument('--seconds', type=float, default=1.0, help='for each step (default: 1)')
    args = parser.parse_args()
    cv2.setNumThreads(0)  # as in a worker of a data loader
    decoding, ratios = measure(args.side, args.objects, args.seconds)
    print(f'decoding: {decoding:.1f} ms, {1000 / decoding:.0f} images a second and worker')
    for name, ratio in ratios.items():
        print(f'{name}: {ratio:.2f} x')


if __name__ == '__main__':
    main()
