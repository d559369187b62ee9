"""``mmrotate infer``: detect objects in images."""

import argparse
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from tqdm import tqdm

from mmrotate.apis import init_detector
from mmrotate.apis.inference import ModelSight, Preparation, pipeline_scale
from mmrotate.apis.scenes import stream_scenes
from mmrotate.cli.basics import require_screen, run_command
from mmrotate.cli.common import CHECKPOINT_HELP, CONFIG_HELP, add_config_options, add_device, made_with
from mmrotate.cli.infer_options import add_output_options, add_search, search_of
from mmrotate.cli.infer_outputs import FileOutputs, FolderOutputs
from mmrotate.cli.infer_video import add_video_options, picture_or_video, run_videos, settle_video_options, videos_of
from mmrotate.cli.infer_work import finish, image_files, scenes_and_groups
from mmrotate.engine import files_of_config, init_dist, load_config, stream_predictions
from mmrotate.engine.amp import half_precision
from mmrotate.engine.distributed import LAUNCHERS, began_before, gather_objects, rank_and_size, share_from_first
from mmrotate.engine.queue import SharedQueue
from mmrotate.engine.shortage import naming_shortages
from mmrotate.utils.journal import Tally, file_stamp


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command; those of the 0.x demo are among them."""
    parser.epilog = 'mmrotate infer MODEL.onnx IMAGES runs a file of `mmrotate export`, without PyTorch'
    parser.add_argument('images', nargs='+', help='image files, folders, or patterns like "a/*.png"; or videos')
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    add_output_options(parser, picture_or_video)
    add_search(parser)
    text = 'half precision: float16 on CUDA, bfloat16 on the CPU'
    parser.add_argument('--half', action='store_true', help=text)
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
    settle_video_options(args, args.images, videos=False)
    files = list(image_files(args.images))
    cfg = load_config(args.config, args.cfg_options)
    search = search_of(args, lambda: pipeline_scale(cfg), files)
    outputs = FolderOutputs(args, files, search) if args.out else FileOutputs(args, files, search)
    outputs.check([args.checkpoint, *files_of_config(cfg)])
    init_dist(args.launcher)
    first = rank_and_size()[0] == 0
    model = init_detector(cfg, args.checkpoint, args.device)
    made = made_with(cfg, args.config, args.checkpoint)
    items = [(str(file), file_stamp(file)) for file in files]
    if first:
        outputs.begin(made, model, args.resume or began_before(f'infer {args.out}'))
    # the others begin when the first has
    todo = share_from_first({i for i, item in enumerate(items) if not outputs.is_done(i, item)} if first else None)
    if not first:
        outputs.begin(made, model, True, first=False)
    tally = Tally(len(files), done=len(files) - len(todo))
    scenes, groups = scenes_and_groups(files, search, args.batch_size)
    queue = SharedQueue(len(groups))
    images, sight = _Images(files, cfg), ModelSight(model)

    def results() -> Iterator[tuple[int, Any]]:
        """Number and result, or failure, of the images of this process that are to do, as they come."""
        for group in map(groups.__getitem__, queue):
            if search is not None and group[0] in scenes:
                with naming_shortages():
                    yield from stream_scenes(
                        sight, files, todo.intersection(group), search, args.batch_size, args.score_thr
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
        finish(args, outputs, tally, items)


class _Images:
    """Samples of image files, by the test pipeline of a config."""

    def __init__(self, files: Sequence[Path], cfg: Config) -> None:
        self._files, self._prepare = files, Preparation(cfg)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._prepare(self._files[index])


main = functools.partial(run_command, add_arguments, run, 'mmrotate infer', 'Detect rotated objects in images.')
