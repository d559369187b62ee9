"""``mmrotate anchors``: sides of anchors that suit the boxes of a dataset."""

import argparse
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from PIL import Image
from tqdm import tqdm

from mmrotate.apis.results import write_json
from mmrotate.cli.basics import run_command, whole_number
from mmrotate.cli.common import CONFIG_HELP, add_config_options, add_device
from mmrotate.core.anchor import build_prior_generator
from mmrotate.core.anchor.fitting import fit_by_evolution, fit_by_k_means, mean_best_iou
from mmrotate.datasets.pipelines.image import rescaled_size
from mmrotate.engine import files_of_config, load_config, open_dataset, pick_device
from mmrotate.utils import UserError
from mmrotate.utils.places import check_outputs

_ALGORITHMS = {'k-means': fit_by_k_means, 'differential_evolution': fit_by_evolution}
_MOST_BOXES = 20000  # more take longer and say the same
_RESULT = 'anchor_optimize_result.json'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, named as in MMDetection 2."""
    parser.add_argument('config', help=f'{CONFIG_HELP}; the boxes are those of data.train')
    text = 'how to look for them (default: differential_evolution)'
    parser.add_argument('--algorithm', choices=_ALGORITHMS, default='differential_evolution', help=text)
    text = 'width and height that images are resized to, their shape kept (default: they stay as they are)'
    parser.add_argument('--input-shape', type=whole_number(1), nargs=2, metavar=('WIDTH', 'HEIGHT'), help=text)
    parser.add_argument('--num-anchors', type=whole_number(1), default=9, help='how many to find (default: 9)')
    parser.add_argument('--iters', type=whole_number(1), default=1000, help='steps at most (default: 1000)')
    parser.add_argument('--seed', type=whole_number(0), default=0, help='of the random start (default: 0)')
    text = f'folder for {_RESULT} (default: work_dirs/CONFIG/anchors)'
    parser.add_argument('--output-dir', help=text)
    add_device(parser)
    add_config_options(parser)


def run(args: argparse.Namespace) -> None:
    """Find anchors, print and write them."""
    cfg = load_config(args.config, args.cfg_options)
    out = Path(args.output_dir or Path('work_dirs', Path(args.config).stem, 'anchors'), _RESULT)
    check_outputs([('--output-dir', out)], files_of_config(cfg))
    device = pick_device(args.device)
    boxes = torch.from_numpy(np.concatenate(list(_sides(open_dataset(cfg, 'train'), args.input_shape)))).to(device)
    if len(boxes) < args.num_anchors:
        raise UserError(f'data.train has {len(boxes)} boxes: too few for --num-anchors {args.num_anchors}')
    random = torch.Generator().manual_seed(args.seed)
    print(
        f'{len(boxes)} boxes'
        + (f', of which {_MOST_BOXES} drawn at random are used' if len(boxes) > _MOST_BOXES else '')
    )
    if len(boxes) > _MOST_BOXES:
        boxes = boxes[torch.randperm(len(boxes), generator=random)[:_MOST_BOXES].to(device)]
    with tqdm(total=args.iters, desc=args.algorithm) as bar:

        def told(step: int, value: float) -> None:
            bar.update()
            bar.set_postfix_str(f'mean IoU {value:.4f}', refresh=False)

        anchors = _ALGORITHMS[args.algorithm](boxes, args.num_anchors, args.iters, random, told)
    print(f'{"width":>8}{"height":>8}{"size":>8}{"ratio":>8}')
    for width, height in anchors.tolist():
        print(f'{width:8.1f}{height:8.1f}{(width * height) ** 0.5:8.1f}{height / width:8.3f}')
    print('of an anchor generator, size = base_sizes (or strides) * scales, and ratio = ratios')
    print(f'mean IoU of the boxes with their best anchor, sides only: {mean_best_iou(boxes, anchors):.4f}')
    for name, own in _configured(cfg):
        print(f'the {len(own)} anchors of {name} in the config have {mean_best_iou(boxes, own.to(device)):.4f}')
    write_json(out, [[round(side, 2) for side in pair] for pair in anchors.tolist()])
    print(f'written: {out}')


def _sides(dataset: Any, shape: list[int] | None) -> Iterator[np.ndarray]:
    """Width and height (n, 2) in pixels of the boxes of each image."""
    yield np.zeros((0, 2), np.float32)
    for index in range(len(dataset)):
        sides = dataset.get_ann_info(index)['bboxes'][:, 2:4]
        if shape is not None:
            with Image.open(dataset.image_path(index)) as image:  # reads its size alone
                sides = sides * (rescaled_size(image.size, (shape[0], shape[1]))[0] / image.size[0])
        yield sides.astype(np.float32)


def _configured(cfg: Config) -> Iterator[tuple[str, torch.Tensor]]:
    """Heads of the config's model that have anchors, with the sides (k, 2) of those."""
    for name, head in (cfg.get('model') or {}).items():
        settings = head.get('anchor_generator') if isinstance(head, dict) else None
        if settings and settings.get('ratios'):
            anchors = torch.cat(build_prior_generator(settings).base_anchors)
            yield f'model.{name}', anchors[:, 2:] - anchors[:, :2]


_DESCRIPTION = 'Find sides of anchors that suit the boxes of a dataset, whatever their angles.'
main = functools.partial(run_command, add_arguments, run, 'mmrotate anchors', _DESCRIPTION)
