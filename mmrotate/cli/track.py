"""``mmrotate track``: objects of a video under numbers that stay."""

import argparse
import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

import cv2
import numpy as np
from tqdm import tqdm

from mmrotate.apis import init_detector
from mmrotate.apis.video import VideoLog, detect_video
from mmrotate.cli.basics import require_screen, run_command, score, whole_number
from mmrotate.cli.common import CHECKPOINT_HELP, CONFIG_HELP, add_config_options, add_device
from mmrotate.cli.infer_video import add_video_options, encoding, settle_video_options
from mmrotate.core.video import Frame, Video, video_codec
from mmrotate.engine import files_of_config, load_config
from mmrotate.engine.amp import half_precision
from mmrotate.track import TRACKERS, Line, Style, Tracker, Tracks, Zone
from mmrotate.track.output import draw_tracks, entries, mot_lines
from mmrotate.utils import UserError
from mmrotate.utils.files import replacing, write_json
from mmrotate.utils.places import check_outputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('video', help='a video, numbered images (frames/%%05d.png), a camera (0) or a stream')
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    parser.add_argument('--tracker', choices=TRACKERS, default='bytetrack', help='style (default: bytetrack)')
    parser.add_argument('--out-file', help='the video with numbered boxes')
    parser.add_argument('--json', metavar='FILE', help='JSON lines, one a frame, each object with its track_id')
    text = 'text in the columns of MOT Challenge, the rotated box behind them: frame, id, left, top, width, height, '
    text += 'score, class, 1, cx, cy, w, h, theta'
    parser.add_argument('--mot', metavar='FILE', help=text)
    text = 'count who crosses the line from one point to another; repeat it for more'
    parser.add_argument('--line', type=_points(2), action='append', default=[], metavar='X,Y,X,Y', help=text)
    text = 'count who is in a polygon; repeat it for more'
    parser.add_argument('--zone', type=_points(3), action='append', default=[], metavar='X,Y,X,Y,X,Y', help=text)
    parser.add_argument('--counts', metavar='FILE', help='write the counts of lines and zones as JSON')
    parser.add_argument('--show', action='store_true', help='show the frames in a window')
    add_video_options(parser)
    parser.add_argument('--score-thr', type=score, help='score from which a track begins (default: 0.6)')
    parser.add_argument('--keep', type=whole_number(0), help='frames that a lost object is kept (default: 30)')
    parser.add_argument('--batch-size', type=whole_number(1), default=1, help='frames at once (default: 1)')
    parser.add_argument('--half', action='store_true', help='half precision: float16 on CUDA, bfloat16 on the CPU')
    add_device(parser)
    add_config_options(parser)


def run(args: argparse.Namespace) -> None:
    """Detect, track, draw, write and count."""
    require_screen(args.show, '--out-file')
    settle_video_options(args, [args.video])
    given = {'--out-file': args.out_file, '--json': args.json, '--mot': args.mot, '--counts': args.counts}
    places = [(name, Path(path)) for name, path in given.items() if path]
    if not places and not args.show and not (args.line or args.zone):
        raise UserError('nothing would be kept: give --out-file VIDEO, --json FILE, --mot FILE, --line or --show')
    if args.counts and not (args.line or args.zone):
        raise UserError('--counts: nothing is counted, give --line or --zone')
    if args.out_file:
        video_codec(Path(args.out_file))
    cfg = load_config(args.config, args.cfg_options)
    check_outputs(places, [args.video, args.checkpoint, *files_of_config(cfg)])
    model = init_detector(cfg, args.checkpoint, args.device)
    counters: list[Line | Zone] = [*(Line(*points) for points in args.line), *map(Zone, args.zone)]
    with half_precision(next(model.parameters()).device, args.half), Video(args.video, args.fps) as video:
        _track(args, model, video, counters)
    _tell(args, model.CLASSES, counters)


def _track(args: argparse.Namespace, model: Any, video: Video, counters: Sequence[Line | Zone]) -> None:
    tracker, classes = Tracker(_style(args)), model.CLASSES
    log = VideoLog(Path(args.json), video, classes, 0.0) if args.json else None
    if log:
        log.begin()
    numbers: set[int] = set()
    before = -1

    def draw(frame: Frame, tracks: Tracks) -> np.ndarray:
        shown = dict(show=args.show, wait_time=args.wait_time, win_name=video.source)
        return draw_tracks(_with_places(frame.image, counters), tracks, classes, **shown)

    with ExitStack() as stack:
        mot = stack.enter_context(_text(Path(args.mot))) if args.mot else None
        write = stack.enter_context(encoding(Path(args.out_file), video, draw)) if args.out_file else None
        bar = stack.enter_context(tqdm(total=video.count, unit='frame', desc=Path(video.source).name))
        for frame, result in detect_video(model, video, args.batch_size):
            tracks = tracker.update(result, frame.image, frame.number - before)
            before = frame.number
            numbers.update(tracks.ids.tolist())
            for counter in counters:
                counter.update(tracks)
            if log:
                log.add(frame, entries(tracks, classes))
            if mot:
                mot.writelines(mot_lines(frame.number + 1, tracks))
            if write:
                write(frame, tracks)
            elif args.show:
                draw(frame, tracks)
            bar.update()
    if log:
        log.end()
    print(f'{len(numbers)} objects in {before + 1} frames of {video.source}')


def _style(args: argparse.Namespace) -> Style:
    given = {'new': args.score_thr, 'keep': args.keep}
    return dataclasses.replace(
        TRACKERS[args.tracker], **{key: value for key, value in given.items() if value is not None}
    )


def _with_places(image: np.ndarray, counters: Sequence[Line | Zone]) -> np.ndarray:
    """The frame with the lines and zones in which is counted."""
    canvas = image.copy() if counters else image
    for counter in counters:
        ends = np.stack([counter.start, counter.end]) if isinstance(counter, Line) else counter.corners
        points = ends.round().astype(np.int32)
        cv2.polylines(canvas, [points], isinstance(counter, Zone), (255, 255, 255), 2, cv2.LINE_AA)
    return canvas


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    with replacing(path) as temporary, temporary.open('w', encoding='utf-8') as file:
        yield file


def _tell(args: argparse.Namespace, classes: Sequence[str], counters: Sequence[Line | Zone]) -> None:
    """Print the counts and the places of the files."""
    counts = [_counts(counter, classes) for counter in counters]
    for one in counts:
        print(', '.join(f'{key} {value}' for key, value in one.items()))
    if args.counts:
        write_json(Path(args.counts), counts)
    for place in filter(None, (args.out_file, args.json, args.mot, args.counts)):
        print(f'written: {place}')


def _counts(counter: Line | Zone, classes: Sequence[str]) -> dict[str, Any]:
    def by_class(counts: Counter[int]) -> dict[str, int]:
        return {classes[label]: count for label, count in sorted(counts.items())}

    if isinstance(counter, Line):
        ends = [counter.start.tolist(), counter.end.tolist()]
        return {'line': ends, 'to the right': by_class(counter.right), 'to the left': by_class(counter.left)}
    return {'zone': counter.corners.tolist(), 'ever': by_class(counter.ever), 'at most at once': counter.most}


def _points(least: int) -> Callable[[str], Any]:
    """A type of option: the two points of a line, or the three or more corners of a zone."""

    def convert(text: str) -> Any:
        try:
            values = [float(part) for part in text.split(',')]
            if not np.isfinite(values).all() or len(values) % 2 or len(values) < 2 * least:
                raise ValueError
            points = [(values[i], values[i + 1]) for i in range(0, len(values), 2)]
            if least == 2 and len(points) > 2:
                raise ValueError
            return points if least == 2 else np.array(points)
        except ValueError:
            count = '4' if least == 2 else 'an even number, 6 or more, of'
            raise argparse.ArgumentTypeError(f'{count} coordinates x,y,... are needed, got {text!r}') from None

    return convert


main = functools.partial(run_command, add_arguments, run, 'mmrotate track', 'Follow rotated objects through a video.')
