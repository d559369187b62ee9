"""``mmrotate publish``: a checkpoint of a training as a small file to share."""

import argparse
import functools
import hashlib
import io
from pathlib import Path

import torch

from mmrotate.cli.basics import run_command
from mmrotate.cli.common import CHECKPOINT_HELP
from mmrotate.utils import load_state
from mmrotate.utils.files import write_atomically
from mmrotate.utils.places import check_outputs
from mmrotate.utils.zoo import local_checkpoint

_HASH_LENGTH = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    text = 'the file to write, whose name gets the first digits of its SHA-256: OUT.pth -> OUT-1a2b3c4d.pth'
    parser.add_argument('out_file', help=text)
    parser.add_argument('--half', action='store_true', help='store weights in float16: half the size')


def run(args: argparse.Namespace) -> None:
    """Keep weights and facts, leave the optimizer out."""
    source, named = local_checkpoint(args.checkpoint), Path(args.out_file)
    check_outputs([('out_file', named)], [source])
    checkpoint = load_state(source)
    # detached from views and memory layouts: a file holds each number once
    state = {key: value.clone().contiguous() for key, value in checkpoint['state_dict'].items()}
    if args.half:
        state = {k: v.half() if v.dtype == torch.float32 else v for k, v in state.items()}
    meta = {k: v for k, v in checkpoint['meta'].items() if k != 'hook_msgs'}
    target, content = with_hash(named, {'meta': meta, 'state_dict': state})
    check_outputs([('out_file', target)], [source])
    write_atomically(target, content)
    sizes = [path.stat().st_size / 2**20 for path in (source, target)]
    print(f'{target}: {sizes[1]:.1f} MB (from {sizes[0]:.1f} MB)')


def with_hash(path: Path, checkpoint: dict) -> tuple[Path, bytes]:
    """Where a published checkpoint goes, ``STEM-HASH.pth``, and its bytes, whose SHA-256 begins with the hash."""
    stream = io.BytesIO()
    torch.save(checkpoint, stream)
    content = stream.getvalue()
    digits = hashlib.sha256(content).hexdigest()[:_HASH_LENGTH]
    stem = path.name.removesuffix('.pth')
    return path.with_name(f'{stem}-{digits}.pth'), content


main = functools.partial(run_command, add_arguments, run, 'mmrotate publish', __doc__)
