"""Does every method give its boxes as a file? Small versions of the zoo's methods, written as ONNX and for OpenVINO.

Each method is made narrow and given random weights, is written, and is run on two infrared images; its boxes are held
against those of PyTorch, and so is the time that an image takes. Of boxes with equal scores any may come first: they
are left out. With ``--dynamic`` the files take any number and size of images, which takes minutes more to write.

    nice python benchmarks/export.py --only 'rotated_fcos|s2anet' --threads 1
"""

import argparse
import functools
import re
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from small import METHODS, angle_version, load, small_model, with_few_proposals

from mmrotate.export.files import FORMATS, graph_of, to_openvino, trace, write
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
    return model


@torch.no_grad()
def settle(model: Any, image: torch.Tensor) -> None:
    """Fit random layers to these images, so that scores differ but are not all near 0 or 1.

    Batch normalisation gets their statistics, and what a layer of a head gives gets a spread of about 1.
    """

    def spread(layer: Any, _: Any, out: torch.Tensor) -> torch.Tensor:
        hooks.pop(layer).remove()
        wanted = 0.2 if 'reg' in names[layer] else 1.5
        factor = wanted / out.std().clamp(min=1e-3)
        layer.weight *= factor
        return out * factor

    names = {
        layer: name
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear) and re.search('head|align', name)
    }
    for layer, name in names.items():
        torch.nn.init.normal_(layer.weight)
        if 'reg' in name and layer.bias is not None:  # no angle lies where a turn begins anew
            torch.nn.init.normal_(layer.bias, 0, 0.2)
    hooks = {layer: layer.register_forward_hook(spread) for layer in names}
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


def inputs_of(recipe: Recipe, images: Sequence[np.ndarray]) -> tuple[torch.Tensor, list[dict]]:
    """A batch and the facts of its images, as PyTorch takes them."""
    image, shapes, factors = batch_of([recipe.prepare(image) for image in images]).values()
    metas = [dict(img_shape=(*map(int, s), 3), scale_factor=f) for s, f in zip(shapes, factors, strict=True)]
    return torch.from_numpy(image), metas


@torch.no_grad()
def own_boxes(model: Any, recipe: Recipe, images: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    """What PyTorch gives, with images in the batches that the file takes."""
    step = 1 if recipe.size else len(images)
    batches = (inputs_of(recipe, images[i : i + step]) for i in range(0, len(images), step))
    return [result for batch in batches for result in model.simple_test(*batch, rescale=True)]


def timed(run: Callable[[], Any], repeats: int = 3) -> tuple[Any, float]:
    """What it gives, and the seconds of its quickest run but the first."""
    found, seconds = run(), []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return found, min(seconds)


def distinct(result: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The boxes of an image whose scores no other has."""
    values, counts = np.unique(np.concatenate(result)[:, 5], return_counts=True)
    return [part[np.isin(part[:, 5], values[counts == 1])] for part in result]


def written(model: Any, how: Recipe, file: Path, kinds: Sequence[str]) -> dict[str, Path]:
    """The files of a method by their formats."""
    program = trace(graph_of(model), SCALE[::-1], how.size is None)
    write(program, 'onnx', file, how)
    files = {kind: file.with_suffix(FORMATS[kind][1]) for kind in kinds}
    if 'openvino' in files:
        to_openvino(file, files['openvino'], how)
    return files


def measured(name: str, folder: Path, args: argparse.Namespace) -> list[dict]:
    """Rows of the table: how a method's files agree with it, or the error that stopped it."""
    torch.manual_seed(0)
    try:
        model, how = small_detector(name, args.base, args.channels), recipe(name, args.dynamic)
        images = [cv2.imread(str(path)) for path in sorted(SAMPLES.iterdir())[:2]]
        images[1] = images[1][:400]
        settle(model, inputs_of(how, images)[0])
        wanted, own = timed(functools.partial(own_boxes, model, how, images))
        start = time.perf_counter()
        files = written(model, how, folder / 'model.onnx', args.formats)
        seconds = time.perf_counter() - start
        return [
            compared(name, kind, file, wanted, images, args.threads) | dict(own=own, seconds=seconds)
            for kind, file in files.items()
        ]
    except Exception as error:  # the table shall name the others all the same
        traceback.print_exc()
        return [dict(method=name, error=f'{type(error).__name__}: {error}'.splitlines()[0][:200])]


def compared(
    name: str, kind: str, file: Path, wanted: Sequence, images: Sequence[np.ndarray], threads: int | None
) -> dict:
    """A row: a file against what PyTorch gives."""
    detector = Detector(file, threads)
    found, seconds = timed(lambda: detector(images, batch_size=len(images)))
    agreed = difference(list(map(distinct, wanted)), list(map(distinct, found)))
    size = sum(part.stat().st_size for part in {file, file.with_suffix('.bin')} if part.exists())
    return dict(method=name, format=kind, **agreed._asdict(), latency=seconds, size=size / 1e6)


_HEADER = (
    '| method | format | boxes that agree | without a partner | box, px | score | MB '
    '| PyTorch, ms | file, ms | export, s |'
)
_ROW = (
    '| {method} | {format} | {matched} | {alone} | {box:.1e} | {score:.1e} | {size:.1f} | {own:.0f} | {latency:.0f} '
    '| {seconds:.0f} |'
)


def table(rows: Sequence[dict]) -> str:
    """The rows in Markdown; times are those of both images."""
    lines = [_HEADER, '|---' * 10 + '|']
    for row in rows:
        if 'error' in row:
            lines.append(f'| {row["method"]} | {row["error"]} |' + ' |' * 8)
        else:
            lines.append(_ROW.format(**row | {key: 1e3 * row[key] for key in ('own', 'latency')}))
    return '\n'.join(lines) + '\n'


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', default='', help='regular expression of methods')
    parser.add_argument('--formats', nargs='+', choices=('onnx', 'openvino'), default=['onnx', 'openvino'])
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
                rows += (new := measured(name, Path(folder), args))
                print(''.join(table(new).splitlines(keepends=True)[0 if new == rows else 2 :]), end='', flush=True)
                if args.markdown:
                    args.markdown.write_text(table(rows), 'utf-8')


if __name__ == '__main__':
    main()
