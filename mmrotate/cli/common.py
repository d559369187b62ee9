"""What the commands share: options, and errors in one line."""

import argparse
import hashlib
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from mmengine.config import Config, DictAction

from mmrotate.core import get_palette
from mmrotate.core.visualization import can_write_image, has_screen
from mmrotate.engine import loader_options
from mmrotate.engine.distributed import DEVICES, LAUNCHERS, is_device, leave_dist
from mmrotate.utils import UserError, setup_multi_processes
from mmrotate.utils.journal import file_stamp

DEBUG_VARIABLE = 'MMROTATE_DEBUG'
CONFIG_HELP = 'config file, or a name of the zoo, see `mmrotate list`'
CHECKPOINT_HELP = 'checkpoint: a file, an address, or a name of the zoo'
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
        leave_dist()
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


def prepare_loading(cfg: Config) -> None:
    """Before a test opens anything: settings of its loader agree, and its workers do not crowd the processor.

    Raises:
        ArgumentError: One setting stands in two places.
    """
    loader_options(cfg, 'test')
    setup_multi_processes(cfg)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f'{self.prog}: error: {message} (all options: {self.prog} --help)\n')


class _Values(DictAction):
    """``KEY=VALUE`` pairs whose errors are one line."""

    def __call__(self, parser: Any, namespace: Any, values: Any, *rest: Any) -> None:
        for pair in values:
            try:
                super().__call__(parser, namespace, [pair], *rest)
            except (RecursionError, AssertionError, ValueError) as error:
                raise argparse.ArgumentError(
                    self,
                    f'{pair!r} cannot be read: KEY=VALUE is needed, with numbers, words, None, True, False, '
                    'or lists of them such as [a,b] and "[(a,b),(c,d)]"; a part of a list is key.0.name=value',
                ) from error


def whole_number(low: int) -> Callable[[str], int]:
    """A type of option: whole numbers from ``low`` on."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low:
            raise argparse.ArgumentTypeError(f'must be a whole number from {low} on, got {text!r}')
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


def made_with(cfg: Config, config: str, checkpoint: str, **others: Any) -> dict[str, Any]:
    """What results depend on, for a journal."""
    values = repr({key: value for key, value in cfg.items() if key != 'work_dir'})
    return {
        'config': config,
        'values of the config': hashlib.sha256(values.encode()).hexdigest()[:12],
        'checkpoint': checkpoint,
        'size and time of the checkpoint': file_stamp(checkpoint),
        **others,
    }


def add_config_options(parser: argparse.ArgumentParser, *older: str) -> None:
    """``--cfg-options``, and an ``older`` name of it."""
    text = 'put values into the config, e.g. model.backbone.depth=18 data.samples_per_gpu=4; '
    text += 'lists as key=a,b or key="[(a,b),(c,d)]"'
    parser.add_argument('--cfg-options', *older, nargs='+', action=_Values, metavar='KEY=VALUE', help=text)


def add_launch_options(parser: argparse.ArgumentParser) -> None:
    """Options of training or testing in several processes, and of the device."""
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='what started the processes')
    # torchrun sets an environment variable, older launchers gave the option
    parser.add_argument('--local_rank', '--local-rank', type=int, help=argparse.SUPPRESS)
    parser.add_argument('--gpu-id', type=whole_number(0), help='GPU to use (without a launcher)')
    parser.add_argument('--gpu-ids', type=whole_number(0), nargs='+', help='older form: the first one is used')
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """``--device``."""
    parser.add_argument('--device', type=device_name, help='cpu, cuda, cuda:1; default: a GPU if there is one')


def device_name(text: str) -> str:
    """A type of option: names of devices, whether they are here or not."""
    if not is_device(text):
        raise argparse.ArgumentTypeError(f'must be a device such as {DEVICES}, got {text!r}')
    return text


def require_screen(shows: bool, other: str) -> None:
    """Refuse ``--show`` where no window can be opened; ``other`` is the option to take instead."""
    if shows and not has_screen():
        raise UserError(f'--show: no window can be opened here (no screen): write the pictures by {other}')


def chosen_device(args: argparse.Namespace) -> str | None:
    """The device that the options ask for, None for the default."""
    if args.local_rank is not None:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.device is not None:
        return args.device
    number = args.gpu_ids[0] if args.gpu_ids else args.gpu_id
    return None if number is None or args.launcher != 'none' else f'cuda:{number}'
