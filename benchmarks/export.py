"""Does every method give its boxes as a file? Small versions of the zoo's methods, written as ONNX.

Each method is made narrow and given random weights, is written, and is run by ONNX Runtime on two infrared
images; its boxes are held against those of PyTorch. Of boxes with equal scores any may come first: they are left
out. With ``--dynamic`` the files take any number and size of images, which takes minutes more to write.

    nice python benchmarks/export.py --only 'rotated_fcos|s2anet' --threads 1
"""

import argparse
import re
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from small import METHODS, angle_version, load, small_model, with_few_proposals

from mmrotate.export.files import graph_of, trace, write
from mmrotate.export.runtime import Detector, Recipe, batch_of
from mmrotate.export.verify import difference
from mmrotate.models import build_detector

SAMPLES = Path(__file__).resolve().parents[1] / 'tests/data/hit_uav/images'
CLASSES = ['person', 'car', 'bicycle']
# width and height of inputs: no map of the pyramids has a side of 1, which a dynamic file could not have
SCALE = (320, 256)


def small_detector(name: str, base: int, channels: int) -> Any:
    """A method of the zoo in small, with weights that give different scores to all boxes."""
    cfg = with_few_proposals(small_model(load(name).model.to_dict(), len(CLASSES), base, channels), 100, 64)
    settings = cfg['test_cfg'].get('rcnn', cfg['test_cfg'])
    settings['score_thr'] = 0.005
    model = build_detector(cfg)
    model.init_weights()
    for key, values in model.named_parameters():
        if ('head' in key or 'align' in key) and 'reg' not in key and values.dim() > 1:
            torch.nn.init.normal_(values, 0, 0.1 if values.dim() > 2 else 0.02)
    return model


@torch.no_grad()
def settle(model: Any, image: torch.Tensor) -> None:
    """Give batch normalisation the statistics of these images: of random layers in a row, no score would stand out."""
    for layer in model.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.momentum = 1.0
    model.train()
    model.forward_dummy(image)
    model.eval()


def recipe(name: str, dynamic: bool) -> Recipe:
    """How images are prepared: as in the zoo, at a small scale."""
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    return Recipe(
        CLASSES, None, angle_version(name), SCALE, True, mean, std, True, 32, None if dynamic else SCALE[::-1]
    )


def own_boxes(model: Any, recipe: Recipe, images: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    """What PyTorch gives for a batch, once the model is settled on it."""
    image, shapes, factors = batch_of([recipe.prepare(image) for image in images]).values()
    metas = [dict(img_shape=(*map(int, s), 3), scale_factor=f) for s, f in zip(shapes, factors, strict=True)]
    settle(model, torch.from_numpy(image))
    with torch.no_grad():
        return model.simple_test(torch.from_numpy(image), metas, rescale=True)


def distinct(result: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The boxes of an image whose scores no other has."""
    values, counts = np.unique(np.concatenate(result)[:, 5], return_counts=True)
    return [part[np.isin(part[:, 5], values[counts == 1])] for part in result]


def measured(name: str, file: Path, args: argparse.Namespace) -> dict:
    """A row of the table: how a method's file agrees with it, or the error that stopped it."""
    torch.manual_seed(0)
    row: dict = dict(method=name)
    try:
        model, how = small_detector(name, args.base, args.channels), recipe(name, args.dynamic)
        images = [cv2.imread(str(path)) for path in sorted(SAMPLES.iterdir())[:2]]
        images[1] = images[1][:400]
        wanted = own_boxes(model, how, images)
        start = time.perf_counter()
        program = trace(graph_of(model), SCALE[::-1], args.dynamic)
        write(program, 'onnx', file, how)
        seconds = time.perf_counter() - start
        found = Detector(file, args.threads)(images, batch_size=2)
        agreed = difference(list(map(distinct, wanted)), list(map(distinct, found)))
        row |= agreed._asdict() | dict(seconds=round(seconds), size=file.stat().st_size / 1e6)
    except Exception as error:  # the table shall name the others all the same
        traceback.print_exc()
        row |= dict(error=f'{type(error).__name__}: {error}'.splitlines()[0][:200])
    return row


def table(rows: Sequence[dict]) -> str:
    """The rows in Markdown."""
    lines = ['| method | boxes that agree | without a partner | box, px | score | seconds | MB |', '|---' * 7 + '|']
    for row in rows:
        if 'error' in row:
            lines.append(f'| {row["method"]} | {row["error"]} | | | | | |')
        else:
            lines.append(
                '| {method} | {matched} | {alone} | {box:.1e} | {score:.1e} | {seconds} | {size:.1f} |'.format(**row)
            )
    return '\n'.join(lines) + '\n'


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', default='', help='regular expression of methods')
    parser.add_argument('--dynamic', action='store_true', help='files for any number and size of images')
    parser.add_argument('--base', type=int, default=8, help="maps of the body's first stage")
    parser.add_argument('--channels', type=int, default=32, help='maps of pyramid and heads')
    parser.add_argument('--threads', type=int, help='of PyTorch and ONNX Runtime')
    parser.add_argument('--markdown', type=Path, help='write the table there')
    return parser.parse_args()


def main() -> None:
    """Print the table; write it too if asked."""
    args = parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in METHODS:
            if re.search(args.only, name):
                rows.append(measured(name, Path(folder) / 'model.onnx', args))
                print(''.join(table(rows[-1:]).splitlines(keepends=True)[0 if len(rows) == 1 else 2 :]), end='')
                if args.markdown:
                    args.markdown.write_text(table(rows), 'utf-8')


if __name__ == '__main__':
    main()
