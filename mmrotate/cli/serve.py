"""``mmrotate serve``: answer over HTTP."""

import argparse
import functools
import importlib
import tempfile
from pathlib import Path
from typing import Any

from mmrotate.cli.basics import run_command, whole_number
from mmrotate.cli.common import CHECKPOINT_HELP, CONFIG_HELP, add_config_options, add_device
from mmrotate.cli.model_store import read_store
from mmrotate.utils import UserError
from mmrotate.utils.imports import import_package

_MIB = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('config', nargs='?', help=CONFIG_HELP)
    parser.add_argument('checkpoint', nargs='?', help=CHECKPOINT_HELP)
    parser.add_argument('--name', help="what clients call the model (default: the name of the config's file)")
    text = 'serve this model too (with it CONFIG and CHECKPOINT may be left out); repeat it for more'
    parser.add_argument('--model', action='append', default=[], metavar='NAME=CONFIG,CHECKPOINT', help=text)
    text = 'serve the archives (.mar) of this folder, as mmrotate2torchserve.py writes them'
    parser.add_argument('--model-store', metavar='FOLDER', help=text)
    text = 'address to listen at (default: 127.0.0.1, this machine alone; 0.0.0.0: every network it is in)'
    parser.add_argument('--host', default='127.0.0.1', help=text)
    text = 'one or several; each answers everything (default: 8080; TorchServe has 8080 8081 8082)'
    parser.add_argument('--port', type=whole_number(1, 65535), nargs='+', default=[8080], help=text)
    text = 'processes, each with all models (default: 1)'
    parser.add_argument('--workers', type=whole_number(1), default=1, help=text)
    add_device(parser)
    add_config_options(parser)
    _add_limits(parser)


def _add_limits(parser: argparse.ArgumentParser) -> None:
    """What clients may ask for; the defaults are those of the server."""
    group = parser.add_argument_group('limits', 'what is beyond them is answered with a status and a reason')
    for name, kind, text in (
        ('--batch-size', whole_number(1), 'images that go through the detector at once (8)'),
        ('--max-wait', _number, 'seconds that the first image of a batch waits for others (0.005)'),
        ('--max-queue', whole_number(1), 'images of a model that may wait (64)'),
        ('--max-images', whole_number(1), 'images of one request (16)'),
        ('--max-body', _number, 'MiB of a request (20)'),
        ('--max-pixels', whole_number(1), 'pixels of an image (50000000)'),
        ('--timeout', _number, 'seconds until an image must be answered (60)'),
        ('--upload-timeout', _number, 'seconds that a client may take to send a request (30)'),
        ('--max-connections', whole_number(2), 'clients connected to a process (128)'),
    ):
        group.add_argument(name, type=kind, help=text)
    text = 'fetch images by address from these hosts (default: none; inner networks never)'
    group.add_argument('--allow-host', nargs='+', default=[], metavar='HOST', help=text)


def run(args: argparse.Namespace) -> None:
    """Load the models and serve them until the process is told to stop."""
    models = _models(args)
    if args.workers > 1 and len(args.port) > 1:
        raise UserError(f'{args.workers} workers listen at one port, got {len(args.port)}')
    for package in ('fastapi', 'uvicorn', 'python_multipart'):
        import_package(package, 'mmrotate serve')
    server = importlib.import_module('mmrotate.serve.server')
    setup: dict[str, Any] = dict(host=args.host, ports=tuple(args.port), workers=args.workers, device=args.device)
    if args.max_connections is not None:
        setup['connections'] = args.max_connections
    setup |= dict(options=dict(args.cfg_options or {}), limits=server.Limits(**_limits(args)))
    with tempfile.TemporaryDirectory() as scratch:
        if args.model_store:
            models += read_store(Path(args.model_store), Path(scratch))
        _check_names([name for name, *_ in models])
        server.run(server.Setup(tuple(server.ModelFiles(*model) for model in models), **setup))


def _models(args: argparse.Namespace) -> list[tuple[str, ...]]:
    """Name, config and checkpoint of the models that the options name."""
    models: list[tuple[str, ...]] = list(map(_parse, args.model))
    if args.config is not None:
        if args.checkpoint is None:
            raise UserError(f'{args.config}: its checkpoint is missing: mmrotate serve CONFIG CHECKPOINT')
        models.insert(0, (args.name or Path(args.config).stem, args.config, args.checkpoint))
    if not models and not args.model_store:
        raise UserError('no model: give CONFIG and CHECKPOINT, --model NAME=CONFIG,CHECKPOINT or --model-store FOLDER')
    return models


def _check_names(names: list[str]) -> None:
    if double := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f'two models are called {double[0]}: give each another name')


def _limits(args: argparse.Namespace) -> dict[str, Any]:
    given = {
        'batch': args.batch_size,
        'wait': args.max_wait,
        'queue': args.max_queue,
        'images': args.max_images,
        'body': None if args.max_body is None else round(args.max_body * _MIB),
        'pixels': args.max_pixels,
        'timeout': args.timeout,
        'upload': args.upload_timeout,
        'hosts': tuple(args.allow_host),
    }
    return {name: value for name, value in given.items() if value is not None}


def _parse(text: str) -> tuple[str, str, str]:
    name, equals, files = text.partition('=')
    config, comma, checkpoint = files.partition(',')
    if not (name and equals and config and comma and checkpoint):
        raise UserError(f'--model NAME=CONFIG,CHECKPOINT is needed, got {text!r}')
    return name, config, checkpoint


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float('inf'):
        raise argparse.ArgumentTypeError(f'must be a number above 0, got {text!r}')
    return value


main = functools.partial(run_command, add_arguments, run, 'mmrotate serve', 'Answer requests over HTTP.')
