"""``tools/deployment/test.py``: a file of ``mmrotate export`` over the test data of a config."""

import argparse
import functools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmrotate.cli.basics import run_command, score
from mmrotate.cli.common import CONFIG_HELP, add_config_options, prepare_loading
from mmrotate.cli.scoring import (
    add_eval_options,
    add_score_options,
    check_places,
    check_score_arguments,
    check_score_options,
    print_scores,
    write_submission,
)
from mmrotate.core import imshow_det_rbboxes
from mmrotate.engine import files_of_config, load_config, open_dataset
from mmrotate.export.runtime import Detector, ModelFileError
from mmrotate.utils import UserError
from mmrotate.utils.files import replacing

_BACKENDS = {'onnxruntime': '.onnx', 'openvino': '.xml'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('model', help='file of `mmrotate export`')
    parser.add_argument('--out', help='write the results to a .pkl file')
    parser.add_argument('--backend', choices=(*_BACKENDS, 'tensorrt'), help='what runs it (default: by its ending)')
    add_score_options(parser)
    parser.add_argument('--show-dir', help='folder for pictures')
    parser.add_argument('--show-score-thr', type=score, default=0.3, help='lowest score drawn (default: 0.3)')
    add_eval_options(parser)
    add_config_options(parser)


def run(args: argparse.Namespace) -> None:
    """Test."""
    if args.backend == 'tensorrt':
        raise UserError('an engine of TensorRT is run by trtexec or its own Python package: take --backend onnxruntime')
    if args.backend and not args.model.endswith(_BACKENDS[args.backend]):
        raise UserError(f'--backend {args.backend} runs files that end in {_BACKENDS[args.backend]}, got {args.model}')
    if not (args.out or args.eval or args.format_only or args.show_dir):
        raise UserError('nothing would come of this test: give --eval mAP, --out FILE, --format-only or --show-dir')
    check_score_arguments(args)
    cfg = load_config(args.config, args.cfg_options)
    prepare_loading(cfg)
    dataset = open_dataset(cfg, 'test', test_mode=True)
    check_score_options(args, cfg, dataset)
    check_places(args, dataset, [args.model, *files_of_config(cfg)])
    try:
        results = _predict(args, dataset)
    except ModelFileError as error:
        raise UserError(str(error)) from error
    if args.out:
        with replacing(Path(args.out)) as temporary, temporary.open('wb') as out:
            pickle.dump(results, out)
    if args.format_only:
        write_submission(args, dataset, results)
    if args.eval:
        print_scores(args, cfg, dataset, results)


def _predict(args: argparse.Namespace, dataset: Any) -> list:
    detector = Detector(args.model)
    if list(detector.classes) != list(dataset.CLASSES):
        raise UserError(f'{args.model} finds {detector.classes}, the test data has {dataset.CLASSES}')
    results = []
    for i in tqdm(range(len(dataset)), 'test'):
        path = dataset.image_path(i)
        results.append(detector(path))
        if args.show_dir:
            _draw(args, detector, path, results[-1], Path(args.show_dir, dataset.image_name(i)))
    return results


def _draw(args: argparse.Namespace, detector: Detector, image: str, result: list, target: Path) -> None:
    labels = np.repeat(np.arange(len(result)), [len(part) for part in result])
    boxes = np.concatenate(result)
    imshow_det_rbboxes(
        image, boxes, labels, class_names=detector.classes, score_thr=args.show_score_thr, show=False, out_file=target
    )


main = functools.partial(run_command, add_arguments, run, 'test.py', 'Run an exported detector over the test data.')
