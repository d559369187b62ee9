"""``mmrotate print-config``: a config with all that its bases bring."""

import argparse
import functools
from pathlib import Path

from mmrotate.cli.basics import run_command
from mmrotate.cli.common import CONFIG_HELP, add_config_options
from mmrotate.engine import files_of_config, load_config
from mmrotate.utils.files import write_atomically
from mmrotate.utils.places import check_outputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('--save-path', metavar='FILE', help='write it into this file, e.g. a.py')
    add_config_options(parser, '--options')


def run(args: argparse.Namespace) -> None:
    """Print the config as Python that a config file may hold, or write it."""
    cfg = load_config(args.config, args.cfg_options)
    if args.save_path is None:
        print(cfg.pretty_text.rstrip())
        return
    target = Path(args.save_path)
    check_outputs([('--save-path', target)], [args.config, *files_of_config(cfg)])
    write_atomically(target, cfg.pretty_text)
    print(f'written: {target}')


_DESCRIPTION = 'Print a config with all that its bases and --cfg-options bring.'
main = functools.partial(run_command, add_arguments, run, 'mmrotate print-config', _DESCRIPTION)
