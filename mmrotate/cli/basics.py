"""What all commands share, those without PyTorch too: options, and errors in one line."""

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from mmrotate.core.visualization import can_write_image, get_palette, has_screen
from mmrotate.utils import UserError

DEBUG_VARIABLE = 'MMROTATE_DEBUG'
INTERRUPTED = 130  # exit code after Ctrl-C, as of every command


def run_command(
    add_arguments: Callable[[argparse.ArgumentParser], None],
    run: Callable[[argparse.Namespace], None],
    prog: str,
    description: str,
    argv: Sequence[str] | None = None,
) -> int:
    """Parse ``argv`` and run; gives the exit code.

    That is 1 after an error that the user can mend, shown in one line, 130 after Ctrl-C, 2 (by SystemExit) for options
    that cannot be.
    """
    parser = _Parser(prog, description=description)
    add_arguments(parser)
    parser.add_argument(
        '--debug', action='store_true', help=f'show the whole traceback of an error (also by {DEBUG_VARIABLE}=1)'
    )
    args = parser.parse_args(argv)
    try:
        run(args)
        if (groups := sys.modules.get('mmrotate.engine.distributed')) is not None:  # else there is none to leave
            groups.leave_dist()
    except (UserError, FileNotFoundError) as error:
        if args.debug or os.environ.get(DEBUG_VARIABLE) == '1':
            raise
        # a FileNotFoundError's own text starts with its number
        text = str(error.args[0]) if len(error.args) == 1 else str(error)
        print(f'error: {text}', file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        print(error.args[0] if error.args else 'interrupted', file=sys.stderr)
        return INTERRUPTED
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f'{self.prog}: error: {message} (all options: {self.prog} --help)\n')


def whole_number(low: int, high: int | None = None) -> Callable[[str], int]:
    """A type of option: whole numbers from ``low`` on, up to ``high`` if given."""
    wanted = f'from {low} on' if high is None else f'from {low} to {high}'

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low or (high is not None and value > high):
            raise argparse.ArgumentTypeError(f'must be a whole number {wanted}, got {text!r}')
        return value

    return convert


def score(text: str) -> float:
    """The value of an option: a score."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:  # NaN is not
        raise argparse.ArgumentTypeError(f'a number from 0 to 1 is needed, got {text!r}')
    return value


def palette(text: str) -> str:
    """The value of an option: a palette or a colour."""
    try:
        get_palette(text, 1)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def picture(text: str) -> str:
    """The value of an option: a file for a picture."""
    if not can_write_image(text):
        raise argparse.ArgumentTypeError(f'a name that ends in .png, .jpg or the like is needed, got {text!r}')
    return text


def require_screen(shows: bool, other: str) -> None:
    """Refuse ``--show`` where no window can be opened; ``other`` is the option to take instead."""
    if shows and not has_screen():
        raise UserError(f'--show: no window can be opened here (no screen): write the pictures by {other}')
