"""``tools/deployment/test_torchserver.py``: are the answers of a server those of the detector?"""

import argparse
import functools
import http.client
import json
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.apis import inference_detector, init_detector
from mmrotate.cli.basics import run_command, score
from mmrotate.cli.common import CHECKPOINT_HELP, CONFIG_HELP, add_device
from mmrotate.cli.image_demo import device_that_is_here
from mmrotate.core.visualization import imshow_det_rbboxes
from mmrotate.utils import UserError
from mmrotate.utils.places import check_outputs

_DESCRIPTION = 'Compare the answer of TorchServe, or of `mmrotate serve`, with the detector itself.'
_CLOSE = 1e-2  # pixels, radians, scores: devices and batches round differently


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, those of MMRotate 0.3 among them."""
    parser.add_argument('img', help='image file')
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    parser.add_argument('model_name', help='name of the model on the server')
    parser.add_argument('--inference-addr', default='127.0.0.1:8080', help='host and port (default: 127.0.0.1:8080)')
    add_device(parser)
    parser.set_defaults(device='cuda:0')
    parser.add_argument('--score-thr', type=score, default=0.5, help='lowest score compared (default: 0.5)')
    parser.add_argument('--out-dir', help='folder for pictures of both: pytorch.png and server.png')


def run(args: argparse.Namespace) -> None:
    """Ask both, and say where they differ."""
    pictures = [Path(args.out_dir, f'{name}.png') for name in ('pytorch', 'server')] if args.out_dir else []
    check_outputs([('--out-dir', file) for file in pictures], [args.img, args.checkpoint])
    model = init_detector(args.config, args.checkpoint, device_that_is_here(args.device))
    own: list[np.ndarray] = inference_detector(model, args.img)  # type: ignore[assignment]
    answer = _ask(args.inference_addr, args.model_name, Path(args.img).read_bytes())
    served = _as_result(answer, model.CLASSES)
    own, served = ([boxes[boxes[:, 5] >= args.score_thr] for boxes in result] for result in (own, served))
    for file, result in zip(pictures, (own, served), strict=False):
        _draw(args.img, result, model, args.score_thr, file)
        print(f'written: {file}')
    print(f'{sum(map(len, own))} detections of the detector, {sum(map(len, served))} of the server')
    difference = 0.0
    for name, mine, theirs in zip(model.CLASSES, own, served, strict=True):
        if len(mine) != len(theirs):
            raise UserError(f'of {name} the detector finds {len(mine)}, the server {len(theirs)}')
        difference = max(difference, _difference(mine, theirs))
    print(f'largest difference of a number: {difference:.2g}')
    if difference > _CLOSE:
        raise UserError(f'the server gives other detections: numbers differ by up to {difference:.3g}')


def _ask(address: str, name: str, data: bytes) -> Any:
    connection = http.client.HTTPConnection(address, timeout=120)
    try:
        connection.request('POST', f'/predictions/{name}', data, {'Content-Type': 'application/octet-stream'})
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f'no server answers at {address}: {error}') from error
    finally:
        connection.close()
    if answer.status != 200:
        raise UserError(f'the server at {address} answers {answer.status}: {text[:500].decode(errors="replace")}')
    return json.loads(text)


def _as_result(answer: Any, classes: tuple[str, ...]) -> list[np.ndarray]:
    rows: dict[str, list[list[float]]] = {name: [] for name in classes}
    for one in answer:
        if one['class_name'] not in rows:
            raise UserError(f'the server finds {one["class_name"]!r}, which is no class of the detector')
        rows[one['class_name']].append([*one['bbox'], one['score']])
    return [np.array(boxes, np.float32).reshape(-1, 6) for boxes in rows.values()]


def _difference(mine: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference of a number between each box (n, 6) and the nearest of the others (n, 6)."""
    if not len(mine):
        return 0.0
    apart = np.abs(mine[:, None] - theirs[None]).max(2)
    return float(max(apart.min(0).max(), apart.min(1).max()))


def _draw(image: str, result: list[np.ndarray], model: Any, score_thr: float, file: Path) -> None:
    labels = np.concatenate([np.full(len(boxes), label) for label, boxes in enumerate(result)])
    imshow_det_rbboxes(
        image, np.concatenate(result), labels, class_names=model.CLASSES, score_thr=score_thr, show=False, out_file=file
    )


main = functools.partial(run_command, add_arguments, run, 'test_torchserver.py', _DESCRIPTION)
