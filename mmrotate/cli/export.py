"""``mmrotate export``: a detector as a file that runs without the toolbox."""

import argparse
import copy
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmrotate.apis import inference_detector, init_detector
from mmrotate.apis.inference import innermost_dataset
from mmrotate.cli.basics import run_command, whole_number
from mmrotate.cli.common import CHECKPOINT_HELP, CONFIG_HELP, add_config_options
from mmrotate.cli.infer_work import image_files
from mmrotate.engine import dataset_config
from mmrotate.export.files import FORMATS, LAST_OPSET, OPSET, check_format, fixed_size, graph_of, size_of, trace, write
from mmrotate.export.quantize import quantize
from mmrotate.export.recipe import recipe_of
from mmrotate.export.runtime import Detector, ModelFileError, read_image
from mmrotate.export.verify import difference, shaken_result
from mmrotate.utils import UserError
from mmrotate.utils.places import check_outputs

# images that calibrate and verify, unless others are given
_SOME = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    parser.add_argument('--format', choices=tuple(FORMATS), default='onnx', help='form of the file (default: onnx)')
    parser.add_argument('--out', required=True, metavar='FILE', help='the file: .onnx, .pt2 or .xml')
    parser.add_argument(
        '--dynamic', action='store_true', help='take any number and size of images (default: one, fixed)'
    )
    parser.add_argument(
        '--shape', type=whole_number(1), nargs='+', metavar='SIDE', help="height and width (default: the config's)"
    )
    parser.add_argument('--half', action='store_true', help='layers in float16')
    parser.add_argument('--int8', action='store_true', help='layers in int8, calibrated on --images')
    group = parser.add_mutually_exclusive_group()
    group.add_argument('--nms', action='store_true', help='suppress inside (the default)')
    group.add_argument('--raw', action='store_true', help='give the candidates before NMS')
    parser.add_argument(
        '--normalize', action='store_true', help='normalise inside: the model takes pixels, BGR, 0 to 255'
    )
    parser.add_argument('--opset', type=whole_number(18, LAST_OPSET), help=f'of ONNX (default: {OPSET})')
    parser.add_argument(
        '--images', nargs='+', help="images or folders for --int8 and --verify (default: the test data's)"
    )
    parser.add_argument(
        '--verify', action='store_true', help='run the file and compare its boxes with those of PyTorch'
    )
    add_config_options(parser)


def run(args: argparse.Namespace) -> None:
    """Export, and compare if asked to."""
    path = check_format(args.format, args.out)
    _check_options(args)
    parts = [path, path.with_suffix('.bin')] if args.format == 'openvino' else [path]
    check_outputs([('--out', part) for part in parts], [args.config, args.checkpoint, *(args.images or ())])
    model = init_detector(args.config, args.checkpoint, 'cpu', args.cfg_options)
    size = fixed_size(model, _shape(args.shape))
    recipe = recipe_of(model, None if args.dynamic else size, args.normalize, not args.raw)
    images = _images(args.images, model) if args.int8 or args.verify else []
    # float16 changes the weights, and --verify asks the detector as it was
    graph = graph_of(copy.deepcopy(model) if args.half else model, args.normalize, not args.raw, args.half, recipe)
    program = trace(graph, size, args.dynamic)
    quantized = functools.partial(quantize, images) if args.int8 else None
    write(program, args.format, path, recipe, args.opset or OPSET, quantized)
    print(f'written: {path}, {size_of(path) / 1e6:.1f} MB')
    if args.verify:
        wanted: Any = inference_detector(model, images)
        # the last bit of float16, else some of float32
        share = 5e-4 if args.half else 1e-6
        print(difference(wanted, Detector(path)(images), lambda i: shaken_result(model, images[i], share)))


def _check_options(args: argparse.Namespace) -> None:
    if args.half and args.int8:
        raise UserError('--half and --int8 exclude each other')
    if args.format == 'torch' and (args.int8 or args.verify or args.opset):
        raise UserError('--int8, --verify and --opset are for onnx and openvino: PyTorch itself runs the other')
    if args.raw and args.verify:
        raise UserError('--verify compares boxes after NMS: leave --raw out')
    if args.images and not (args.int8 or args.verify):
        raise UserError('--images are what --int8 and --verify look at: give one of these, too')


def _shape(sides: Sequence[int] | None) -> Sequence[int] | None:
    if sides is not None and len(sides) > 2:
        raise UserError(f'--shape takes a height and a width, or one number for both, got {sides}')
    return sides if sides is None or len(sides) == 2 else [sides[0], sides[0]]


def _images(given: Sequence[str] | None, model: Any) -> list[str]:
    """Image files that were given, or the first of the config's test data."""
    if given is None:
        folder = innermost_dataset(dataset_config(model.cfg, 'test')).get('img_prefix')
        if not folder or not Path(folder).is_dir():
            raise UserError(f'--int8 and --verify need images, and the test data {folder} is not here: give --images')
        given = [folder]
    files = [str(file) for file in image_files(given)]
    files = files[:_SOME] if len(given) == 1 else files
    try:
        for file in files:  # the first error would come minutes later
            read_image(file)
    except ModelFileError as error:
        raise UserError(str(error)) from error
    return files


main = functools.partial(run_command, add_arguments, run, 'mmrotate export', 'Write a detector as ONNX and the like.')
