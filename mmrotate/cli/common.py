"""What the commands share that work on configs: options."""

import argparse
import hashlib
import os
from typing import Any

from mmengine.config import Config, DictAction

from mmrotate.cli.basics import whole_number
from mmrotate.engine import loader_options
from mmrotate.engine.distributed import DEVICES, LAUNCHERS, is_device
from mmrotate.utils import setup_multi_processes
from mmrotate.utils.journal import file_stamp

CONFIG_HELP = 'config file, or a name of the zoo, see `mmrotate list`'
CHECKPOINT_HELP = 'checkpoint: a file, an address, or a name of the zoo'


def prepare_loading(cfg: Config) -> None:
    """Before a test opens anything: settings of its loader agree, and its workers do not crowd the processor.

    Raises:
        ArgumentError: One setting stands in two places.
    """
    loader_options(cfg, 'test')
    setup_multi_processes(cfg)


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


def chosen_device(args: argparse.Namespace) -> str | None:
    """The device that the options ask for, None for the default."""
    if args.local_rank is not None:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.device is not None:
        return args.device
    number = args.gpu_ids[0] if args.gpu_ids else args.gpu_id
    return None if number is None or args.launcher != 'none' else f'cuda:{number}'
