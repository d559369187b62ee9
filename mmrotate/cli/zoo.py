"""``mmrotate list``: the configs of the zoo, with what was published of them and what of it is at hand."""

import argparse
import functools
import json

from mmrotate.cli.basics import run_command
from mmrotate.utils import UserError
from mmrotate.utils.zoo import Row, checkpoint_at_hand, local_config, read_zoo

_COLUMNS = ('method', 'config', 'backbone', 'angle', 'schedule', 'data', 'mAP', 'metric', 'memory_gb', 'fps')
_HEADINGS = [*('GB' if key == 'memory_gb' else key for key in _COLUMNS), 'here', 'checkpoint']


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    text = 'only configs that hold all these words in any column, e.g. kld le90 dota'
    parser.add_argument('--filter', nargs='+', default=[], metavar='WORD', help=text)
    parser.add_argument('--json', action='store_true', help='as JSON, a list of objects, with the files at hand')


def run(args: argparse.Namespace) -> None:
    """Print the table."""
    rows = read_zoo(args.filter)
    if not rows:
        raise UserError(f'no config of the zoo holds {" and ".join(args.filter)}')
    if args.json:
        print(json.dumps([{**row, **_files(row)} for row in rows], indent=1))
        return
    table = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print('  '.join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())
    print(f'{len(rows)} configs; figures as published, HIT-UAV: measured here; docs/model_zoo.md says by whom')
    print('data: ms: patches of three scales, else one; rr: random rotation; mix: mosaics; hbb: upright labels')
    print('here: the weights are shipped with the package, or cached; all others are fetched when they are first used')


def _cells(row: Row) -> list[str]:
    here = '' if checkpoint_at_hand(row) is None else 'cached' if '://' in row['checkpoint'] else 'shipped'
    return ['' if row[key] is None else str(row[key]) for key in _COLUMNS] + [here, row['checkpoint'] or '']


def _files(row: Row) -> dict[str, str | None]:
    checkpoint = checkpoint_at_hand(row)
    return {
        'config_file': str(local_config(row['config'])),
        'checkpoint_file': None if checkpoint is None else str(checkpoint),
    }


main = functools.partial(run_command, add_arguments, run, 'mmrotate list', __doc__)
