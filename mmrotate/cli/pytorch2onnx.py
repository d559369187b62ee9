"""``tools/deployment/pytorch2onnx.py``: the export to ONNX with the options of 0.x."""

import argparse
import functools

import onnx

from mmrotate.cli import export
from mmrotate.cli.basics import run_command, whole_number
from mmrotate.cli.common import CHECKPOINT_HELP, CONFIG_HELP, add_config_options
from mmrotate.export.files import LAST_OPSET, OPSET


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    parser.add_argument('--output-file', default='tmp.onnx', help='the ONNX file (default: tmp.onnx)')
    parser.add_argument('--input-img', help='an image to verify with, unless --test-img is given')
    parser.add_argument('--test-img', help='an image to verify with')
    parser.add_argument('--shape', type=whole_number(1), nargs='+', help="height and width (default: the config's)")
    parser.add_argument('--opset-version', type=whole_number(18, LAST_OPSET), default=OPSET, help=f'default: {OPSET}')
    parser.add_argument('--dynamic-export', action='store_true', help='take any number and size of images')
    parser.add_argument('--show', action='store_true', help='print the graph')
    parser.add_argument('--verify', action='store_true', help='compare its boxes with those of PyTorch')
    parser.add_argument('--simplify', action='store_true', help='always done: the graph is folded when it is made')
    parser.add_argument('--skip-postprocess', action='store_true', help='give the candidates before NMS')
    add_config_options(parser)


def run(args: argparse.Namespace) -> None:
    """Call ``mmrotate export``."""
    image = args.test_img or args.input_img
    export.run(
        argparse.Namespace(
            config=args.config,
            checkpoint=args.checkpoint,
            format='onnx',
            out=args.output_file,
            dynamic=args.dynamic_export,
            shape=args.shape,
            half=False,
            int8=False,
            raw=args.skip_postprocess,
            normalize=False,
            opset=args.opset_version,
            images=[image] if image and args.verify else None,
            verify=args.verify,
            cfg_options=args.cfg_options,
        )
    )
    if args.show:
        print(onnx.helper.printable_graph(onnx.load(args.output_file).graph))


main = functools.partial(run_command, add_arguments, run, 'pytorch2onnx.py', 'Write a detector as ONNX.')
