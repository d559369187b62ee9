"""``mmrotate list``: the configs of the zoo, with what was published of them."""

import argparse
import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmrotate.cli.common import run_command
from mmrotate.utils import UserError

# made from the configs by docs/make_model_zoo.py
ZOO_FILE = Path(__file__).with_name('zoo.json')
_COLUMNS = ('method', 'config', 'backbone', 'angle', 'schedule', 'data', 'mAP', 'memory_gb', 'fps', 'checkpoint')
_HEADINGS = ['GB' if key == 'memory_gb' else key for key in _COLUMNS]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    text = 'only configs that hold all these words in any column, e.g. kld le90 dota'
    parser.add_argument('--filter', nargs='+', default=[], metavar='WORD', help=text)
    parser.add_argument('--json', action='store_true', help='as JSON, a list of objects')


def read_zoo(words: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The configs that hold all ``words`` in any column, in upper or lower case.

    Each is a dict with method, paper, config (its path under ``configs/`` without the ending), backbone, angle,
    schedule, data, and where published mAP, memory_gb (of a training with two images a step), fps (one RTX 2080 Ti)
    and checkpoint; None else.
    """
    rows: list[dict[str, Any]] = json.loads(ZOO_FILE.read_text(encoding='utf-8'))
    wanted = [word.lower() for word in words]
    texts = [' '.join(str(row[key]) for key in _COLUMNS).lower() for row in rows]
    return [row for row, text in zip(rows, texts, strict=True) if all(word in text for word in wanted)]


def run(args: argparse.Namespace) -> None:
    """Print the table."""
    rows = read_zoo(args.filter)
    if not rows:
        raise UserError(f'no config of the zoo holds {" and ".join(args.filter)}')
    if args.json:
        print(json.dumps(rows, indent=1))
        return
    table = [_HEADINGS, *(['' if row[key] is None else str(row[key]) for key in _COLUMNS] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print('  '.join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())
    print(f'{len(rows)} configs; figures as published with MMRotate 0.x, see docs/model_zoo.md')


main = functools.partial(run_command, add_arguments, run, 'mmrotate list', __doc__)
