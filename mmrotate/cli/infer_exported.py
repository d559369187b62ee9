"""``mmrotate infer MODEL.onnx IMAGES``: detect objects by an exported file, without PyTorch."""

import argparse
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
from tqdm import tqdm

from mmrotate.apis.scenes import stream_scenes
from mmrotate.cli.basics import picture, require_screen, run_command
from mmrotate.cli.infer_options import add_output_options, add_search, search_of
from mmrotate.cli.infer_outputs import FileOutputs, FolderOutputs
from mmrotate.cli.infer_work import finish, image_files, scenes_and_groups
from mmrotate.core.images import read_image
from mmrotate.core.video import is_video
from mmrotate.core.visualization import imshow_det_rbboxes
from mmrotate.export.runtime import Detector, ModelFileError
from mmrotate.utils import UserError
from mmrotate.utils.journal import Failure, Tally, file_stamp

# options of checkpoints, and what to do instead
_OF_CHECKPOINTS = {
    '--device': 'it runs where its library is built for: onnxruntime-gpu takes the GPU',
    '--half': 'export it with --half',
    '--launcher': 'start a process for each part of the images',
    '--cfg-options': 'the config was read when it was exported',
    '--options': 'the config was read when it was exported',
    '--fps': 'it is of videos, which take a config and a checkpoint',
    '--wait-time': 'it is of videos, which take a config and a checkpoint',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, and those of checkpoints, which say why they are none here."""
    parser.add_argument('model', help='file of `mmrotate export`: .onnx or .xml')
    parser.add_argument('images', nargs='+', help='image files, folders, or patterns like "a/*.png"')
    add_output_options(parser, picture)
    add_search(parser)
    for name, why in _OF_CHECKPOINTS.items():
        parser.add_argument(name, nargs='*', action=_Refused, help=argparse.SUPPRESS, metavar=why)
    parser.set_defaults(launcher='none', half=False)


def run(args: argparse.Namespace) -> None:
    """Detect, draw and write, image by image."""
    require_screen(args.show, '--out-dir')
    if videos := [name for name in args.images if is_video(name)]:
        raise UserError(f'{videos[0]} is a video: it takes a config and a checkpoint, not {args.model}')
    files = list(image_files(args.images))
    try:
        detector = Detector(args.model)
    except ModelFileError as error:
        raise UserError(str(error)) from error
    width, height = detector.recipe.scale
    search = search_of(args, lambda: (width, height), files)
    outputs = FolderOutputs(args, files, search) if args.out else FileOutputs(args, files, search)
    outputs.check([args.model])
    outputs.begin({'model': args.model, 'size and time of the model': file_stamp(args.model)}, _Drawn(detector),
                  args.resume)  # fmt: skip
    items = [(str(file), file_stamp(file)) for file in files]
    todo = {i for i, item in enumerate(items) if not outputs.is_done(i, item)}
    tally = Tally(len(files), done=len(files) - len(todo))
    scenes, groups = scenes_and_groups(files, search, 1 if detector.recipe.size else args.batch_size)

    def results() -> Iterator[tuple[int, Any]]:
        for group in groups:
            if search is not None and group[0] in scenes:
                yield from stream_scenes(
                    detector, files, todo.intersection(group), search, args.batch_size, args.score_thr
                )
            elif wanted := todo.intersection(group):
                yield from ((i, result) for i, result in _batch(detector, files, group) if i in wanted)

    bar = tqdm(results(), total=len(todo), disable=len(files) == 1)
    tally.work(bar, items, outputs.keep, outputs.journal)
    finish(args, outputs, tally, items)


def _batch(detector: Detector, files: Sequence[Path], group: Sequence[int]) -> Iterator[tuple[int, Any]]:
    """Number and result, or failure, of the images of a batch."""
    samples: dict[int, Any] = {}
    for number in group:
        try:
            samples[number] = detector.prepare(read_image(files[number]))
        except UserError as error:
            yield number, Failure(error)
    if samples:
        yield from zip(samples, detector.detect(list(samples.values())), strict=True)


class _Drawn:
    """An exported detector as what draws its results."""

    def __init__(self, detector: Detector) -> None:
        self.CLASSES, self.PALETTE = tuple(detector.classes), detector.recipe.palette
        self._direction: Literal['front'] | bool = 'front' if detector.recipe.angle_version == 'r360' else True

    def show_result(self, image: Any, result: Sequence[np.ndarray], bbox_color: Any = None, **options: Any) -> None:
        """Draw the boxes of an image, see :func:`mmrotate.core.visualization.imshow_det_rbboxes`."""
        labels = np.repeat(np.arange(len(result)), [len(dets) for dets in result])
        colours = self.PALETTE if bbox_color is None else bbox_color
        imshow_det_rbboxes(
            image,
            np.concatenate(result),
            labels,
            bbox_color=colours,
            class_names=self.CLASSES,
            show_direction=self._direction,
            **options,
        )


class _Refused(argparse.Action):
    """An option that is of checkpoints."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> NoReturn:
        raise argparse.ArgumentError(self, f'is not for an exported file: {self.metavar}')


_DESCRIPTION = 'Detect rotated objects in images by an exported detector.'
main = functools.partial(run_command, add_arguments, run, 'mmrotate infer', _DESCRIPTION)
