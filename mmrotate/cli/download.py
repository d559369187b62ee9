"""``mmrotate download``: configs of the zoo and their weights, fetched once, checked and kept."""

import argparse
import functools
from pathlib import Path

from mmrotate.cli.basics import run_command
from mmrotate.engine import load_config
from mmrotate.utils import UserError
from mmrotate.utils.download import CACHE_VARIABLE, MIRROR_VARIABLE
from mmrotate.utils.files import copy_atomically, write_atomically
from mmrotate.utils.places import check_outputs
from mmrotate.utils.zoo import local_checkpoint, local_config, zoo_row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('names', nargs='+', metavar='NAME', help='names of the zoo, see `mmrotate list`')
    text = 'also put the whole config as NAME.py and the weights into this folder; else they are in the cache alone '
    text += f'({CACHE_VARIABLE}), where all commands find them by name. {MIRROR_VARIABLE}: another host to ask'
    parser.add_argument('--dest', type=Path, metavar='DIR', help=text)


def run(args: argparse.Namespace) -> None:
    """Fetch them one by one, once all names are known to be right."""
    names = [zoo_row(name)['config'] for name in args.names]
    if args.dest is not None:
        check_outputs([], [], [('--dest', args.dest)])
    for name in names:
        config, checkpoint = local_config(name), local_checkpoint(name)
        if args.dest is not None:
            config, checkpoint = _put(config, checkpoint, args.dest)
        print(f'config: {config}\ncheckpoint: {checkpoint}')


def _put(config: Path, checkpoint: Path, folder: Path) -> tuple[Path, Path]:
    """Write both into ``folder``, the config with its bases in it; one that was changed there is not overwritten."""
    own_config, own_checkpoint = folder / config.name, folder / checkpoint.name
    text = load_config(config).pretty_text
    if own_config.exists() and own_config.read_text(encoding='utf-8') != text:
        raise UserError(f'{own_config} is there with other values: delete it, or name another --dest')
    write_atomically(own_config, text)
    copy_atomically(checkpoint, own_checkpoint)
    return own_config, own_checkpoint


main = functools.partial(run_command, add_arguments, run, 'mmrotate download', __doc__)
