"""``demo/video_demo.py``, ``demo/video_gpuaccel_demo.py`` and ``demo/webcam_demo.py``: demos of MMDetection 2."""

import argparse
import functools
import sys
from collections.abc import Sequence

from mmrotate.cli import infer
from mmrotate.cli.basics import run_command, score, whole_number
from mmrotate.cli.common import CHECKPOINT_HELP, CONFIG_HELP, add_device
from mmrotate.cli.image_demo import device_that_is_here
from mmrotate.utils import UserError


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    add_device(parser)
    parser.set_defaults(device='cuda:0')


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``video_demo.py``."""
    parser.add_argument('video', help='video file')
    _add_common(parser)
    parser.add_argument('--score-thr', type=score, default=0.3, help='lowest score shown (default: 0.3)')
    parser.add_argument('--out', help='the video that is written')
    parser.add_argument('--show', action='store_true', help='show the frames in a window')
    parser.add_argument('--wait-time', type=float, default=1, help='seconds that a frame is shown (default: 1)')
    parser.add_argument('--nvdecode', action='store_true', help=argparse.SUPPRESS)


def add_webcam_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``webcam_demo.py``."""
    _add_common(parser)
    parser.add_argument('--camera-id', type=whole_number(0), default=0, help='number of the camera (default: 0)')
    parser.add_argument('--score-thr', type=score, default=0.5, help='lowest score shown (default: 0.5)')


def run_video(args: argparse.Namespace) -> None:
    """Detect in a video."""
    if not args.out and not args.show:
        raise UserError('nothing would be seen: give --out FILE (a video) or --show')
    if args.nvdecode:
        print('--nvdecode: frames are decoded by OpenCV on the CPU', file=sys.stderr)
    shown = ['--out-file', args.out] if args.out else []
    shown += ['--show', '--wait-time', str(args.wait_time)] if args.show else []
    _infer([args.video, *_common(args), *shown])


def run_webcam(args: argparse.Namespace) -> None:
    """Detect in what a camera sees."""
    _infer([str(args.camera_id), *_common(args), '--show'])


def _common(args: argparse.Namespace) -> list[str]:
    device = device_that_is_here(args.device)
    return [args.config, args.checkpoint, '--device', device, '--score-thr', str(args.score_thr)]


def _infer(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    infer.add_arguments(parser)
    infer.run(parser.parse_args(argv))


main = functools.partial(
    run_command, add_video_arguments, run_video, 'video_demo.py', 'Detect rotated objects in a video.'
)
webcam_main = functools.partial(
    run_command, add_webcam_arguments, run_webcam, 'webcam_demo.py', 'Detect rotated objects in what a camera sees.'
)
