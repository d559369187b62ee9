"""``mmrotate COMMAND ...``."""

import argparse
import functools
import importlib
import sys
from collections.abc import Sequence

import mmrotate
from mmrotate.cli.group import run_group

# command -> module in this package, help; each module has ``add_arguments(parser)`` and
# ``run(args)`` and is imported when its command is given, so that the help is quick
COMMANDS = {
    'train': ('train', 'train a detector'),
    'test': ('test', 'run a detector over a dataset: score it, write its results'),
    'infer': ('infer_any', 'detect objects in images'),
    'split': ('split', 'cut large images and their labels into tiles'),
    'merge': ('merge', 'merge results of patches into those of their scenes'),
    'check-submission': ('check_submission', 'say whether a test server takes these files'),
    'track': ('track', 'follow objects through a video'),
    'serve': ('serve', 'answer requests over HTTP'),
    'analyze': ('analyze', 'tables and pictures of logs and results'),
    'list': ('zoo', 'list the configs of the zoo'),
    'download': ('download', 'fetch configs and weights of the zoo'),
    'export': ('export', 'write a detector as ONNX, torch.export or OpenVINO'),
    'publish': ('publish', 'make a checkpoint small, to share it'),
    'upgrade': ('upgrade', 'bring a checkpoint of MMRotate 1.x to the names of today'),
    'print-config': ('print_config', 'print a config with all that its bases bring'),
    'convert': ('convert', 'turn labels of one format into another'),
    'check': ('check', 'what is in data, and what is wrong with it'),
    'browse': ('browse', 'look at images and boxes as a training sees them'),
    'download-dataset': ('download_dataset', 'fetch a dataset'),
    'benchmark': ('benchmark', 'measure images a second'),
    'robustness': ('robustness', 'test a detector on images that are made worse'),
    'robustness-eval': ('robustness_eval', 'print the table of such a test'),
    'anchors': ('anchors', 'find sides of anchors that suit the boxes of a dataset'),
    'flops': ('flops', 'count multiplications and weights'),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command of ``argv`` (default: the process's, after the program's name); gives the exit code."""
    parser = argparse.ArgumentParser('mmrotate', description='Rotated object detection.')
    parser.add_argument('--version', action='version', version=f'mmrotate {mmrotate.__version__}')
    commands = {name: (functools.partial(_run, module), text) for name, (module, text) in COMMANDS.items()}
    return run_group(parser, commands, list(sys.argv[1:] if argv is None else argv))


def _run(module: str, argv: Sequence[str]) -> int:
    return importlib.import_module(f'mmrotate.cli.{module}').main(argv)
