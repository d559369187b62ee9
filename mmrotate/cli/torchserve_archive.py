"""``tools/deployment/mmrotate2torchserve.py``: a config and a checkpoint as an archive (.mar) of TorchServe."""

import argparse
import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mmrotate.cli.basics import run_command
from mmrotate.cli.common import CHECKPOINT_HELP, CONFIG_HELP
from mmrotate.engine import load_config
from mmrotate.utils import UserError
from mmrotate.utils.places import check_outputs
from mmrotate.utils.zoo import local_checkpoint, shipped

HANDLER = 'tools/deployment/mmrotate_handler.py'
_DESCRIPTION = 'Make an archive (.mar) for TorchServe, or for `mmrotate serve --model-store`.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, those of MMRotate 0.3."""
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    parser.add_argument('--output-folder', required=True, help='the model store: where NAME.mar is written')
    parser.add_argument('--model-name', help="name of the model (default: that of the checkpoint's file)")
    parser.add_argument('--model-version', default='1.0', help='its version (default: 1.0)')
    parser.add_argument('-f', '--force', action='store_true', help='write over an archive of this name')


def run(args: argparse.Namespace) -> None:
    """Write the archive."""
    program = Path(sys.executable).with_name('torch-model-archiver')
    found = str(program) if program.is_file() else shutil.which(program.name)
    if found is None:
        raise UserError('torch-model-archiver is not installed: pip install torch-model-archiver')
    checkpoint = local_checkpoint(args.checkpoint)
    if not checkpoint.is_file():
        raise FileNotFoundError(f'the checkpoint {checkpoint} does not exist')
    name = args.model_name or checkpoint.stem
    folder, handler = Path(args.output_folder), str(shipped(HANDLER))
    target = folder / f'{name}.mar'
    if target.exists() and not args.force:
        raise UserError(f'{target} is there: -f writes over it')
    check_outputs([('--output-folder', target)], [checkpoint])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        config = Path(temporary, 'config.py')
        config.write_text(load_config(args.config).pretty_text, encoding='utf-8')
        command = [found, '--model-name', name, '--version', args.model_version, '--export-path', str(folder)]
        command += ['--serialized-file', str(checkpoint), '--extra-files', str(config), '--handler', handler]
        made = subprocess.run([*command, '--force'], capture_output=True, text=True, check=False)
    if made.returncode or not target.is_file():
        raise UserError(f'torch-model-archiver failed: {(made.stderr or made.stdout).strip()}')
    print(f'written: {target}')


main = functools.partial(run_command, add_arguments, run, 'mmrotate2torchserve.py', _DESCRIPTION)
