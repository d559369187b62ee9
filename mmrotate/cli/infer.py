"""``mmrotate infer``: detect objects in images."""

import argparse
import functools
import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from tqdm import tqdm

from mmrotate.apis import init_detector
from mmrotate.apis.inference import Preparation
from mmrotate.apis.scenes import Search, stream_scenes
from mmrotate.cli.common import (
    CHECKPOINT_HELP,
    CONFIG_HELP,
    add_config_options,
    add_device,
    palette,
    require_screen,
    run_command,
    score,
    whole_number,
)
from mmrotate.cli.infer_options import add_search, forms, search_of
from mmrotate.cli.infer_outputs import FileOutputs, FolderOutputs, Outputs
from mmrotate.cli.infer_video import add_video_options, picture_or_video, run_videos, videos_of
from mmrotate.core.raster import Raster
from mmrotate.engine import init_dist, load_config, stream_predictions
from mmrotate.engine.amp import half_precision
from mmrotate.engine.distributed import LAUNCHERS, began_before, gather_objects, rank_and_size, share_from_first
from mmrotate.engine.queue import SharedQueue
from mmrotate.utils import UserError
from mmrotate.utils.journal import Tally, file_stamp

_IMAGES = {'.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command; those of the 0.x demo are among them."""
    parser.add_argument('images', nargs='+', help='image files, folders, or patterns like "a/*.png"; or videos')
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    parser.add_argument(
        '--out-file', type=picture_or_video, help='the picture of a single image, the video of a single video'
    )
    parser.add_argument('--out-dir', help='folder for the pictures of all images')
    parser.add_argument('--json', metavar='FILE', help='write all detections into a JSON file')
    parser.add_argument('--out', metavar='DIR', help='folder for the results in the forms of --to')
    parser.add_argument('--to', type=forms, help='forms of the results in --out, by commas (default: json)')
    parser.add_argument('--crs', choices=('wgs84', 'raster'), default='wgs84', help='coordinates of GeoJSON')
    text = 'go on with a run that was interrupted or left images out: skip those that its journal (FILE.journal of '
    text += '--json, else in --out or --out-dir) notes as done and that did not change since'
    parser.add_argument('--resume', action='store_true', help=text)
    parser.add_argument('--show', action='store_true', help='show each picture in a window')
    parser.add_argument('--score-thr', type=score, default=0.3, help='lowest score shown and written (default: 0.3)')
    parser.add_argument('--batch-size', type=whole_number(1), default=1, help='images, or tiles, at once (default: 1)')
    parser.add_argument('--palette', type=palette, help='dota, sar, hrsc, hrsc_classwise, hit_uav, random, or a colour')
    add_search(parser)
    add_video_options(parser)
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='what started the processes')
    add_device(parser)
    add_config_options(parser, '--options')


def run(args: argparse.Namespace) -> None:
    """Detect, draw and write, image by image."""
    if videos_of(args):
        run_videos(args)
        return
    require_screen(args.show, '--out-dir')
    files = list(image_files(args.images))
    cfg = load_config(args.config, args.cfg_options)
    search = search_of(args, cfg, files)
    outputs = FolderOutputs(args, files, search) if args.out else FileOutputs(args, files, search)
    outputs.check(cfg)
    init_dist(args.launcher)
    first = rank_and_size()[0] == 0
    model = init_detector(cfg, args.checkpoint, args.device)
    items = [(str(file), file_stamp(file)) for file in files]
    if first:
        outputs.begin(cfg, model, args.resume or began_before(f'infer {args.out}'))
    # the others begin when the first has
    todo = share_from_first({i for i, item in enumerate(items) if not outputs.is_done(i, item)} if first else None)
    if not first:
        outputs.begin(cfg, model, True)
    tally = Tally(len(files), done=len(files) - len(todo))
    scenes = {i for i, file in enumerate(files) if search is not None and _is_scene(file, search)}
    groups = _groups(len(files), scenes, args.batch_size)
    queue = SharedQueue(len(groups))
    images = _Images(files, cfg)

    def results() -> Iterator[tuple[int, Any]]:
        """Number and result, or failure, of the images of this process that are to do, as they come."""
        for group in map(groups.__getitem__, queue):
            if search is not None and group[0] in scenes:
                yield from stream_scenes(
                    model, files, todo.intersection(group), search, args.batch_size, args.score_thr
                )
            else:
                options = dict(samples_per_gpu=args.batch_size, workers_per_gpu=0)
                yield from stream_predictions(model, images, todo.__contains__, group, **options)

    with half_precision(next(model.parameters()).device, args.half):
        bar = tqdm(results(), total=len(todo), disable=len(files) == 1)
        tally.work(bar, items, outputs.keep, outputs.journal)
    if (tallies := gather_objects(tally)) is not None:
        tally, *others = tallies
        tally.join(others, before=len(files) - len(todo))
        _finish(args, outputs, tally, items)


def _finish(args: argparse.Namespace, outputs: Outputs, tally: Tally, items: Sequence[tuple[str, Any]]) -> None:
    """Write what holds all images, and say how it went."""
    places = outputs.close(tally, items)
    if tally.done:
        print(f'{outputs.found} detections with a score from {args.score_thr} on in {tally.done} image(s)')
        for place in places:
            print(f'written: {place}')
    tally.finish(resumable=outputs.journal is not None)


def _is_scene(file: Path, search: Search) -> bool:
    """Whether a file is read window by window, as those are that are no pictures; one that cannot be read is not."""
    try:
        with Raster(file) as raster:
            deep = raster.dtype != np.uint8 or (raster.dataset is not None and raster.bands not in (1, 3, 4))
            return deep or search.reads_windows((raster.width, raster.height))
    except UserError:
        return False


def _groups(count: int, scenes: set[int], batch_size: int) -> list[list[int]]:
    """Numbers of images that go through the detector together: batches, and scenes one by one."""
    whole = [i for i in range(count) if i not in scenes]
    return [whole[i : i + batch_size] for i in range(0, len(whole), batch_size)] + [[i] for i in sorted(scenes)]


class _Images:
    """Samples of image files, by the test pipeline of a config."""

    def __init__(self, files: Sequence[Path], cfg: Config) -> None:
        self._files, self._prepare = files, Preparation(cfg)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._prepare(self._files[index])


def image_files(given: Sequence[str]) -> Iterator[Path]:
    """The images that are meant; of folders and patterns neither hidden files (macOS leaves ._a.jpg) nor pipes."""
    for name in given:
        path = Path(name)
        if path.is_file():
            yield path
            continue
        try:
            found = list(path.iterdir()) if path.is_dir() else map(Path, glob.glob(name, recursive=True))
        except OSError as error:
            raise UserError(f'cannot read the folder {name}: {error.strerror}') from error
        named = (file for file in found if file.suffix.lower() in _IMAGES and not file.name.startswith('.'))
        images = sorted(file for file in named if file.is_file())
        if not images:
            raise UserError(f'no image at {name} (formats: {", ".join(sorted(_IMAGES))})')
        yield from images


main = functools.partial(run_command, add_arguments, run, 'mmrotate infer', 'Detect rotated objects in images.')
