"""Does every method give its boxes as a file, and what do layers in float16 and int8 cost?

``methods`` makes each method of the zoo narrow, gives it random weights, writes it as ONNX and for OpenVINO, and runs
it on two infrared images; its boxes are held against those of PyTorch, and so is the time that both images take. Of
boxes with equal scores any may come first: they are left out. With ``--dynamic`` the files take any number and size of
images, and are run on three, at two sizes that are not those of the example. Beside it stands what PyTorch's own boxes
change by when the last bit of the image does: a file that rounds otherwise cannot be nearer.

``shipped`` writes the models that come with the project in float32, float16 and int8, and scores all their files on the
validation images of HIT-UAV, beside PyTorch:

    nice python benchmarks/export.py methods --only 'rotated_fcos|s2anet' --threads 1 --json methods.json
    nice python benchmarks/export.py shipped --data data/hit_uav --threads 1 --json shipped.json

``--json`` keeps a row for each method and format; those that are there are not made again, so what was interrupted
goes on. Methods that differ in what they learn alone have the same graph, weights included: it is measured once.
Times are CPU's, which with one thread a busy machine leaves as they are.
Rows and files of a shipped model are of its weights: others begin anew.
"""

import argparse
import contextlib
import copy
import functools
import hashlib
import json
import re
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from small import METHODS, angle_version, load, small_model, with_few_proposals
from torch.export import ExportedProgram

from mmrotate.apis import inference_detector, init_detector
from mmrotate.engine import open_dataset
from mmrotate.export.files import FORMATS, fixed_size, graph_of, size_of, to_openvino, trace, write
from mmrotate.export.quantize import quantize
from mmrotate.export.recipe import recipe_of
from mmrotate.export.runtime import Detector, Recipe, batch_of
from mmrotate.export.verify import difference, shaken_result
from mmrotate.models import build_detector

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / 'tests/data/hit_uav/images'
CLASSES = ['person', 'car', 'bicycle']
# width and height of inputs: no map of the pyramids has a side of 1, which a dynamic file could not have
SCALE = (320, 256)
OTHER_SCALES = ((288, 224), (448, 320))
SHIPPED = sorted(ROOT.glob('demo/*.pth'))
# how near scores are that rounding may make equal, or tell apart
SAME_SCORE = 1e-4
LAYERS = ('float32', 'int8', 'half')


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


def recipes(name: str, dynamic: bool) -> list[Recipe]:
    """How images are prepared: as in the zoo, at a small scale, for the example and for each try."""
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    size = None if dynamic else SCALE[::-1]
    return [
        Recipe(CLASSES, None, angle_version(name), scale, True, mean, std, True, 32, size)
        for scale in (SCALE, *(OTHER_SCALES if dynamic else (SCALE,)))
    ]


def inputs_of(recipe: Recipe, images: Sequence[np.ndarray]) -> tuple[torch.Tensor, list[dict]]:
    """A batch and the facts of its images, as PyTorch takes them."""
    image, shapes, factors = batch_of([recipe.prepare(image) for image in images]).values()
    metas = [dict(img_shape=(*map(int, s), 3), scale_factor=f) for s, f in zip(shapes, factors, strict=True)]
    return torch.from_numpy(image), metas


@torch.no_grad()
def own_boxes(model: Any, recipe: Recipe, images: Sequence[np.ndarray], shake: float = 0) -> list[list[np.ndarray]]:
    """What PyTorch gives, with images in the batches that the file takes.

    ``shake`` changes each value by about such a part of it: 1e-7 is the last bit, as other sums would round it.
    """
    step = 1 if recipe.size else len(images)
    results = []
    for start in range(0, len(images), step):
        image, metas = inputs_of(recipe, images[start : start + step])
        results += model.simple_test(image * (1 + shake * torch.randn_like(image)), metas, rescale=True)
    return results


def timed(run: Callable[[], Any], repeats: int = 3) -> tuple[Any, float]:
    """What it gives, and the CPU time in seconds of its quickest run but the first."""
    found, seconds = run(), []
    for _ in range(repeats):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return found, min(seconds)


def tied(result: Sequence[np.ndarray]) -> np.ndarray:
    """The scores that several boxes of an image have."""
    values, counts = np.unique(np.concatenate(result)[:, 5], return_counts=True)
    return values[counts > 1]


def without(result: Sequence[np.ndarray], scores: np.ndarray) -> list[np.ndarray]:
    """The boxes of an image with other scores than these, by more than files may differ."""
    return [part[(abs(part[:, 5:] - scores) > SAME_SCORE).all(1)] for part in result]


def agreed(wanted: Sequence, found: Sequence, again: Callable[[int], Any] | None = None) -> dict:
    """How results of the same images differ in the boxes of scores that no other has, here or there."""
    ties = [np.concatenate([tied(one), tied(other)]) for one, other in zip(wanted, found, strict=True)]
    lists = ([without(*pair) for pair in zip(results, ties, strict=True)] for results in (wanted, found))
    return difference(*lists, again and (lambda number: without(again(number), ties[number])))._asdict()


def by_format(file: Path, how: Recipe, kinds: Sequence[str]) -> dict[str, Path]:
    """An ONNX file, and what is made of it, by their formats."""
    files = {kind: file.with_suffix(FORMATS[kind][1]) for kind in kinds}
    if 'openvino' in files:
        to_openvino(file, files['openvino'], how)
    return files


def of_method(name: str, formats: Sequence[str], folder: Path, args: argparse.Namespace) -> Iterator[dict]:
    """Rows of a method of the zoo."""
    torch.manual_seed(0)
    model, (how, *tries) = small_detector(name, args.base, args.channels), recipes(name, args.dynamic)
    images = [cv2.imread(str(path)) for path in sorted(SAMPLES.iterdir())[: 3 if args.dynamic else 2]]
    images[1] = images[1][:400]
    settle(model, inputs_of(how, images)[0])
    program = trace(graph_of(model), SCALE[::-1], args.dynamic)
    graph = digest_of(program)
    if known := [row for row in args.known if row.get('graph') == graph and row['format'] in formats]:
        yield from ({key: value for key, value in row.items() if key != 'method'} for row in known)
        return
    wanted, own = timed(lambda: [result for each in tries for result in own_boxes(model, each, images)])
    shaken = [result for each in tries for result in own_boxes(model, each, images, 1e-7)]
    count = len(images)

    def again(number: int) -> list[np.ndarray]:
        return own_boxes(model, tries[number // count], images, 1e-6)[number % count]

    noise, noise_score = (agreed(wanted, shaken)[key] for key in ('box', 'score'))
    start = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / 'model.onnx'
    write(program, 'onnx', file, how)
    files = by_format(file, how, [each.split(',')[0] for each in formats])
    seconds = time.perf_counter() - start
    for form, file in zip(formats, files.values(), strict=True):
        detector = Detector(file, args.threads)
        found, latency = timed(functools.partial(file_boxes, detector, tries, images))
        yield dict(
            format=form, graph=graph, **agreed(wanted, found, again), noise=noise, noise_score=noise_score
        ) | dict(own=own, latency=latency, seconds=seconds, size=size_of(file) / 1e6)


def digest_of(program: ExportedProgram) -> str:
    """Of the operators and the weights of a graph."""
    digest = hashlib.sha256(str(program.graph).encode())
    for value in (*program.state_dict.values(), *program.constants.values()):
        if isinstance(value, torch.Tensor):
            digest.update(value.detach().numpy().tobytes())
    return digest.hexdigest()[:16]


def file_boxes(detector: Detector, tries: Sequence[Recipe], images: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    """What a file gives for images prepared in each of the ways."""
    results = []
    for detector.recipe in tries:
        results += detector(images, batch_size=len(images))
    return results


def of_shipped(name: str, formats: Sequence[str], folder: Path, args: argparse.Namespace) -> Iterator[dict]:
    """Rows of a shipped model: PyTorch, then each form of its layers in each format."""
    weights = next(path for path in args.weights if name == named(path))
    cfg = load(f'hit_uav/{weights.stem}')
    cfg.data.test.update(ann_file=str(args.data / 'val/labelTxt'), img_prefix=str(args.data / 'val/images'))
    dataset = open_dataset(cfg, 'test', test_mode=True)
    model = init_detector(cfg, weights, 'cpu')
    wanted, own = scored(dataset, lambda image: inference_detector(model, image))
    yield dict(format='pytorch', **own, size=weights.stat().st_size / 1e6)
    for layers in LAYERS:
        # layers in float16 and int8 change boxes: only mAP says by how much
        again = functools.partial(shaken_again, model, dataset) if layers == 'float32' else None
        kinds = [kind for kind in args.formats if f'{kind}, {layers}' in formats]
        if kinds:
            start = time.perf_counter()
            file = shipped_file(model, layers, folder / name, args)
            files = by_format(file, recipe_of(model, fixed_size(model)), kinds)
            seconds = time.perf_counter() - start
            for kind, file in files.items():
                found, scores = scored(dataset, Detector(file, args.threads))
                agree = dict(difference(wanted, found, again)._asdict(), gap=scores['mAP'] - own['mAP'])
                yield dict(format=f'{kind}, {layers}', **agree, **scores, seconds=seconds, size=size_of(file) / 1e6)


def shaken_again(model: Any, dataset: Any, number: int) -> Any:
    """PyTorch's result for an image of a data set, whose last bits change."""
    return shaken_result(model, dataset.image_path(number))


def named(weights: Path) -> str:
    """What rows of these weights are called."""
    return f'{weights.stem} {hashlib.sha256(weights.read_bytes()).hexdigest()[:8]}'


def shipped_file(model: Any, layers: str, folder: Path, args: argparse.Namespace) -> Path:
    """A shipped model as ONNX with its layers in another type, made where it is not there yet."""
    file = folder / f'{layers}.onnx'
    if file.exists():
        return file
    if layers == 'int8':
        training = sorted(map(str, (args.data / 'train/images').iterdir()))
        step = max(1, len(training) // args.calibration)
        quantize(training[::step][: args.calibration], shipped_file(model, 'float32', folder, args), file)
        return file
    folder.mkdir(parents=True, exist_ok=True)
    size, half = fixed_size(model), layers == 'half'
    # float16 changes the weights
    graph = graph_of(copy.deepcopy(model) if half else model, half=half)
    write(trace(graph, size, False), 'onnx', file, recipe_of(model, size))
    return file


def scored(dataset: Any, detect: Callable[[str], Any]) -> tuple[list, dict]:
    """Results on a data set, the mAP50, and the median of the CPU time that an image takes, reading included."""
    detect(dataset.image_path(0))
    results, seconds = [], []
    for i in range(len(dataset)):
        start = time.process_time()
        results.append(detect(dataset.image_path(i)))
        seconds.append(time.process_time() - start)
    scores = dataset.evaluate(results, metric='mAP', logger='silent')
    return results, dict(mAP=float(scores['mAP']), latency=float(np.median(seconds)))


_AGREE = {'boxes that agree': '{matched}', 'alone (near ties)': '{alone} ({ties})', 'box, px': '{box:.1e}'}
_AGREE |= {'score': '{score:.1e}'}
_METHODS = {'method': '', **_AGREE, 'last bit: box, px; score': '{noise:.1e}; {noise_score:.1e}', 'MB': '{size:.1f}'}
_METHODS |= {'PyTorch, ms': '{own:.0f}', 'file, ms': '{latency:.0f}'}
_SHIPPED = {'model': '', 'file': '{format}', 'mAP50': '{mAP:.4f}', 'less PyTorch': '{gap:+.4f}', **_AGREE}
_SHIPPED |= {'MB': '{size:.1f}', 'ms': '{latency:.0f}'}


def table(rows: Sequence[dict], mode: str) -> str:
    """The rows in Markdown; times of methods are those of all images, times of the shipped models those of one.

    A line has all formats of a graph, one after the other, and what is the same for all of them once.
    """
    columns = _SHIPPED if mode == 'shipped' else _METHODS
    lines = [list(columns), ['---'] * len(columns)]
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        kind = row['format'] if mode == 'shipped' else row['format'].partition(', ')[2]
        groups.setdefault((row.get('graph', row['method']), kind), []).append(row)
    for (_, kind), group in groups.items():
        names = [*dict.fromkeys(row['method'].rpartition('/')[2] for row in group), '' if mode == 'shipped' else kind]
        name = ', '.join(filter(None, names))
        group = [row for row in group if row['method'] == group[0]['method']]
        cells = zip(*([_cell(form, row) for form in [*columns.values()][1:]] for row in group), strict=True)
        lines.append([name, *(' / '.join(filter(None, dict.fromkeys(each))) for each in cells)])
    return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


def _cell(form: str, row: dict) -> str:
    """What a row says in a column; of an error it is all in the first."""
    if 'error' in row:
        return f'{row["format"]}: {row["error"]}' if form in ('{matched}', '{format}') else ''
    try:
        return form.format(**row | {key: 1e3 * row[key] for key in ('own', 'latency') if key in row})
    except KeyError:  # PyTorch does not differ from itself
        return ''


def tasks(args: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """Names of the methods, with the formats of each."""
    if args.mode == 'methods':
        formats = [f'{kind}, dynamic' if args.dynamic else kind for kind in args.formats]
        return [(name, formats) for name in METHODS if re.search(args.only, name)]
    formats = ['pytorch', *(f'{kind}, {layers}' for layers in LAYERS for kind in args.formats)]
    return [(named(weights), formats) for weights in args.weights]


def measured(name: str, formats: Sequence[str], folder: Path, args: argparse.Namespace) -> Iterator[dict]:
    """Rows of a method in formats, or the error that stopped them."""
    left = list(formats)
    try:
        for row in (of_method if args.mode == 'methods' else of_shipped)(name, formats, folder, args):
            if row['format'] in left:
                left.remove(row['format'])
                yield dict(method=name, **row)
    except Exception as error:  # the table shall name the others all the same
        traceback.print_exc()
        # ONNX Runtime colours its messages
        message = re.sub(r'\x1b\[[0-9;]*m', '', f'{type(error).__name__}: {error}').splitlines()[0][:200]
        yield from (dict(method=name, format=each, error=message) for each in left)


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('mode', choices=('methods', 'shipped'))
    parser.add_argument('--only', default='', help='regular expression of methods')
    parser.add_argument('--formats', nargs='+', choices=('onnx', 'openvino'), default=['onnx', 'openvino'])
    parser.add_argument('--dynamic', action='store_true', help='files for any number and size of images')
    parser.add_argument('--base', type=int, default=8, help="maps of the body's first stage")
    parser.add_argument('--channels', type=int, default=32, help='maps of pyramid and heads')
    parser.add_argument('--data', type=Path, default=Path('data/hit_uav'), help='folder of HIT-UAV')
    parser.add_argument('--weights', type=Path, nargs='+', default=SHIPPED, help='files called as their configs are')
    parser.add_argument('--calibration', type=int, default=64, help='training images that int8 is fitted to')
    parser.add_argument('--threads', type=int, help='of PyTorch and ONNX Runtime')
    parser.add_argument('--folder', type=Path, help='keep the files there, and take those of the shipped models')
    parser.add_argument('--json', type=Path, help='keep rows there; those that it has are not made again')
    parser.add_argument('--markdown', type=Path, help='write the table there')
    return parser.parse_args()


def main() -> None:
    """Print the table; write it too if asked."""
    args = parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    rows = json.loads(args.json.read_text('utf-8')) if args.json and args.json.is_file() else []
    rows = [row for row in rows if 'error' not in row]
    print(table([], args.mode), end='')
    with contextlib.nullcontext(args.folder) if args.folder else tempfile.TemporaryDirectory() as folder:
        for name, formats in tasks(args):
            known = [row['format'] for row in rows if row['method'] == name]
            left = [each for each in formats if each not in known]
            args.known = [*rows]
            for row in measured(name, left, Path(folder), args) if left else ():
                rows.append(row)
                rows.sort(key=lambda row: METHODS.index(row['method']) if row['method'] in METHODS else 0)
                print(table([row], args.mode).splitlines()[-1], flush=True)
                if args.json:
                    args.json.write_text(json.dumps(rows, indent=1) + '\n', 'utf-8')
                if args.markdown:
                    args.markdown.write_text(table(rows, args.mode), 'utf-8')


if __name__ == '__main__':
    main()
