"""``mmrotate infer`` on videos, image sequences, cameras and streams."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from tqdm import tqdm

from mmrotate.apis import init_detector
from mmrotate.apis.inference import Result
from mmrotate.apis.video import VideoLog, detect_video, results_of
from mmrotate.cli.basics import picture, require_screen
from mmrotate.cli.infer_options import MERGING, is_given
from mmrotate.core.video import Frame, Video, VideoWriter, can_write_video, is_sequence, is_video, video_codec
from mmrotate.engine import files_of_config, load_config
from mmrotate.engine.amp import half_precision
from mmrotate.utils import UserError
from mmrotate.utils.places import check_outputs

T = TypeVar('T')
# options of images alone
_OF_IMAGES = ('out', 'to', 'crs', 'tile', 'overlap', 'scales', 'flip', *MERGING, 'bands', 'stretch')
_AHEAD = 8  # pictures that wait to be encoded
_SHOWN = 0.001  # seconds


def add_video_options(parser: argparse.ArgumentParser) -> None:
    """Options of videos alone."""
    group = parser.add_argument_group('videos', 'files, numbered images (frames/%%05d.png), cameras (0) and streams')
    group.add_argument('--fps', type=float, help='frames a second of numbered images (default: 25)')
    group.add_argument('--wait-time', type=float, help=f'seconds that --show shows a frame (default: {_SHOWN})')


def settle_video_options(args: argparse.Namespace, sources: Sequence[str], videos: bool = True) -> None:
    """Refuse options that would change nothing for these sources, and fill in the others.

    Raises:
        UserError: One of them is given.
    """
    if args.fps is not None and (other := next((source for source in sources if not is_sequence(source)), None)):
        raise UserError(f'--fps is of numbered images such as frames/%05d.png, and {other} is none of them')
    if args.wait_time is not None and not (videos and args.show):
        raise UserError('--wait-time is how long --show shows a frame of a video')
    args.wait_time = _SHOWN if args.wait_time is None else args.wait_time


def picture_or_video(text: str) -> str:
    """The value of an option: a file for a picture or a video."""
    return text if can_write_video(text) else picture(text)


def videos_of(args: argparse.Namespace) -> bool:
    """Whether the inputs are videos.

    Raises:
        UserError: Some are, some are not; or an option of images is given.
    """
    found = [is_video(name) for name in args.images]
    if not any(found):
        return False
    if not all(found):
        raise UserError(f'{args.images[found.index(False)]} is no video, others are: give them in runs of their own')
    values = {name: getattr(args, name) for name in _OF_IMAGES}
    values['launcher'] = None if args.launcher == 'none' else args.launcher
    if given := next((name for name, value in values.items() if is_given(value)), None):
        option = given.replace('_', '-')
        raise UserError(f'--{option} is for images; videos take --out-file, --out-dir, --json and --show')
    if len(args.images) > 1 and (args.out_file or args.json):
        raise UserError(f'{len(args.images)} videos: --out-dir DIR takes their videos and JSON lines')
    return True


def run_videos(args: argparse.Namespace) -> None:
    """Detect, draw and write, video by video."""
    require_screen(args.show, '--out-file')
    settle_video_options(args, args.images)
    cfg = load_config(args.config, args.cfg_options)
    places = [places_of(args, source) for source in args.images]
    if not args.show and not any(any(pair) for pair in places):
        raise UserError('nothing would be kept: give --out-file VIDEO, --json FILE, --out-dir DIR or --show')
    if args.resume and not all(lines for _, lines in places):
        raise UserError('--resume goes on with the JSON lines of an earlier run: it needs --json or --out-dir')
    inputs = [*map(Path, args.images), Path(args.checkpoint), *files_of_config(cfg)]
    check_outputs([('output', place) for pair in places for place in pair if place], inputs, [])
    model = init_detector(cfg, args.checkpoint, args.device)
    for source, (drawn, lines) in zip(args.images, places, strict=True):
        with half_precision(next(model.parameters()).device, args.half), Video(source, args.fps) as video:
            _one(args, model, video, drawn, lines)


def places_of(args: argparse.Namespace, source: str) -> tuple[Path | None, Path | None]:
    """The video and the JSON lines that are written of a source."""
    drawn = Path(args.out_file) if args.out_file else None
    lines = Path(args.json) if args.json else None
    if args.out_dir:
        name = ''.join(c if c.isalnum() or c in '-_.' else '_' for c in Path(source).name) or 'video'
        stem = Path(name).stem
        drawn, lines = drawn or Path(args.out_dir, f'{stem}.mp4'), lines or Path(args.out_dir, f'{stem}.jsonl')
    if drawn:
        video_codec(drawn)
    return drawn, lines


def _one(args: argparse.Namespace, model: Any, video: Video, drawn: Path | None, lines: Path | None) -> None:
    log = VideoLog(lines, video, model.CLASSES, args.score_thr) if lines else None
    entries = log.known() if log and args.resume else []
    if log:
        log.begin(entries)
    known, found, number = results_of(entries, len(model.CLASSES)), 0, 0

    def draw(frame: Frame, result: Result) -> np.ndarray:
        shown = dict(score_thr=args.score_thr, bbox_color=args.palette, win_name=video.source)
        return model.show_result(frame.image, result, show=args.show, wait_time=args.wait_time, **shown)

    with ExitStack() as stack:
        write = stack.enter_context(encoding(drawn, video, draw)) if drawn else None
        bar = stack.enter_context(tqdm(total=video.count, unit='frame', desc=Path(video.source).name))
        for number, (frame, result) in enumerate(detect_video(model, video, args.batch_size, known), 1):
            if log and number > len(known):
                log.add(frame, log.entries(result))
            if write:
                write(frame, result)
            elif args.show:
                draw(frame, result)
            found += sum(int((boxes[:, 5] >= args.score_thr).sum()) for boxes in result)
            bar.update()
    if log:
        log.end()
    print(f'{found} detections with a score from {args.score_thr} on in {number} frames of {video.source}')
    for place in filter(None, (drawn, lines)):
        print(f'written: {place}')


@contextmanager
def encoding(path: Path, video: Video, draw: Callable[[Frame, T], np.ndarray]) -> Iterator[Callable[[Frame, T], None]]:
    """A function that has a frame drawn and written by a thread, while the caller goes on.

    ``draw`` gets what the function gets: a frame, and what was found in it.
    """
    waiting: list[Future] = []
    with VideoWriter(path, video.fps, video.width, video.height) as writer, ThreadPoolExecutor(1) as thread:

        def write(frame: Frame, what: T) -> None:
            waiting.append(thread.submit(lambda: writer.write(draw(frame, what), frame.seconds)))
            if len(waiting) > _AHEAD:
                waiting.pop(0).result()

        yield write
        for future in waiting:
            future.result()
