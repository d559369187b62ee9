"""``mmrotate COMMAND ...``."""

import argparse
import importlib
import sys
from collections.abc import Sequence

import mmrotate

# command -> module in this package, help; each module has ``add_arguments(parser)`` and
# ``run(args)`` and is imported when its command is given, so that the help is quick
COMMANDS = {
    'train': ('train', 'train a detector'),
    'test': ('test', 'run a detector over a dataset: score it, write its results'),
    'infer': ('infer', 'detect objects in images'),
    'list': ('zoo', 'list the configs of the zoo'),
    'download': ('download', 'fetch configs and weights of the zoo'),
    'publish': ('publish', 'make a checkpoint small, to share it'),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command of ``argv`` (default: the process's, after the program's name); gives the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv and argv[0] in COMMANDS:
        module = importlib.import_module(f'mmrotate.cli.{COMMANDS[argv[0]][0]}')
        return module.main(argv[1:])
    parser = argparse.ArgumentParser('mmrotate', description='Rotated object detection.')
    parser.add_argument('--version', action='version', version=f'mmrotate {mmrotate.__version__}')
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)
    for name, (_, text) in COMMANDS.items():
        commands.add_parser(name, help=text)
    parser.parse_args(argv)
    return 0
