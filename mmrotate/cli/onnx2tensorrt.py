"""``tools/deployment/onnx2tensorrt.py``: an exported file as an engine of TensorRT, with the options of MMDetection."""

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmrotate.cli.basics import run_command, whole_number
from mmrotate.export.runtime import INPUTS, Detector, ModelFileError, Recipe, read_image
from mmrotate.utils import UserError
from mmrotate.utils.files import replacing
from mmrotate.utils.imports import import_package
from mmrotate.utils.places import check_outputs

Size = tuple[int, int]  # height and width


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('config', help='not read: the file knows what it needs of it')
    parser.add_argument('model', help='file of `mmrotate export`: .onnx')
    parser.add_argument('--trt-file', default='tmp.trt', help='the engine (default: tmp.trt)')
    parser.add_argument('--input-img', help='an image, of whose size the engine is, unless --shape is given')
    for name, text in (
        ('--shape', 'height and width of the input (default: those of the model)'),
        ('--min-shape', 'the smallest that it takes (default: --shape)'),
        ('--max-shape', 'the largest that it takes (default: --shape)'),
    ):
        parser.add_argument(name, type=whole_number(1), nargs='+', metavar='SIDE', help=text)
    parser.add_argument(
        '--workspace-size', type=whole_number(1), default=1, help='GiB of the GPU for building (default: 1)'
    )
    for name in ('--show', '--verify'):
        parser.add_argument(name, action='store_true', help='refused: polygraphy compares an engine with its file')
    parser.add_argument('--verbose', action='store_true', help='print what TensorRT says')


def run(args: argparse.Namespace) -> None:
    """Build the engine."""
    if args.show or args.verify:
        name = '--verify' if args.verify else '--show'
        raise UserError(f'{name}: NVIDIA has a tool for it: polygraphy run {args.model} --trt --onnxrt')
    path = Path(args.trt_file)
    check_outputs([('--trt-file', path)], [args.model])
    try:
        recipe = Detector(args.model).recipe
        sizes = _sizes(args, recipe)
    except ModelFileError as error:
        raise UserError(str(error)) from error
    engine = build_engine(args.model, sizes, args.workspace_size, args.verbose)
    with replacing(path) as temporary:
        temporary.write_bytes(engine)
    print(f'written: {path}, {len(engine) / 1e6:.1f} MB')


def build_engine(model: str, sizes: Sequence[Size], gigabytes: int, verbose: bool = False) -> bytes:
    """The engine of an ONNX file for inputs from the first to the last of three ``sizes``, best for the second.

    Raises:
        UserError: TensorRT is missing, or refuses the file; its reasons are told.
    """
    trt = import_package('tensorrt', 'an engine of TensorRT')
    logger = trt.Logger(trt.Logger.VERBOSE if verbose else trt.Logger.WARNING)
    builder = trt.Builder(logger)
    network, config = builder.create_network(0), builder.create_builder_config()
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(model):
        reasons = '; '.join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise UserError(f'TensorRT cannot read {model}: {reasons}')
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, gigabytes << 30)
    given = [network.get_input(i) for i in range(network.num_inputs)]
    if any(-1 in tuple(each.shape) for each in given):
        profile = builder.create_optimization_profile()
        for each in given:
            profile.set_shape(each.name, *(_shape_of(each, size) for size in sizes))
        config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise UserError(f'TensorRT cannot build an engine of {model}: --verbose prints why')
    return bytes(engine)


def _shape_of(given: Any, size: Size) -> tuple[int, ...]:
    """The shape of an input for one image of a size."""
    return (1, 3, *size) if given.name == INPUTS[0] else (1, int(given.shape[1]))


def _sizes(args: argparse.Namespace, recipe: Recipe) -> list[Size]:
    """The smallest, the usual and the largest size of the input."""
    usual = _size('--shape', args.shape) or _own_size(args.input_img, recipe)
    sizes = [_size('--min-shape', args.min_shape) or usual, usual, _size('--max-shape', args.max_shape) or usual]
    if any(not low <= middle <= high for low, middle, high in zip(*sizes, strict=True)):
        raise UserError(f'--min-shape, --shape and --max-shape must not fall, got {", ".join(map(str, sizes))}')
    if recipe.size and {tuple(recipe.size)} != set(sizes):
        height, width = recipe.size
        raise UserError(f'{args.model} takes {height} x {width} only: export it with --dynamic for other shapes')
    if wrong := [size for size in sizes if any(side % recipe.divisor for side in size)]:
        raise UserError(f'sides must be multiples of {recipe.divisor}, got {wrong[0][0]} x {wrong[0][1]}')
    return sizes


def _own_size(image: str | None, recipe: Recipe) -> Size:
    if image is not None:
        height, width = recipe.prepare(read_image(image))[0].shape[1:]
        return height, width
    height, width = recipe.size or (-(-side // recipe.divisor) * recipe.divisor for side in sorted(recipe.scale))
    return height, width


def _size(name: str, sides: Sequence[int] | None) -> Size | None:
    if sides is None:
        return None
    if len(sides) > 2:
        raise UserError(f'{name} takes a height and a width, or one number for both, got {list(sides)}')
    return sides[0], sides[-1]


main = functools.partial(run_command, add_arguments, run, 'onnx2tensorrt.py', 'Make an engine of TensorRT of a file.')
