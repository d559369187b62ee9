"""Where ``mmrotate infer`` puts what it finds: single files and pictures, or a folder in forms of one's choice."""

import argparse
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrotate.apis.products import (
    AT_ONCE,
    Findings,
    Found,
    check_forms,
    picture_name,
    write_all,
    write_crops,
    write_picture,
)
from mmrotate.apis.results import image_entry, write_entries_json
from mmrotate.apis.scenes import Search
from mmrotate.core.earth import WGS84, place_of
from mmrotate.core.evaluation import finite_results
from mmrotate.core.raster import Raster
from mmrotate.core.scene import Scene
from mmrotate.core.visualization import can_write_image
from mmrotate.utils import UserError
from mmrotate.utils.item_files import ItemFiles
from mmrotate.utils.journal import Journal, Stamp, Tally
from mmrotate.utils.lock import remove_leftovers
from mmrotate.utils.places import check_outputs

_AGAIN = ('pictures', 'crops', 'geojson')  # forms that a run cannot take from what one without them noted


class Outputs:
    """What both kinds share. ``found`` counts the detections.

    Args:
        args: The options.
        files: The images.
        search: How they are searched; None: as a whole.
    """

    def __init__(self, args: argparse.Namespace, files: Sequence[Path], search: Search | None) -> None:
        self._args, self._files, self._search = args, files, search
        self._targets: Sequence[Path | None] = [None] * len(files)
        self._model: Any = None
        self.journal: Any = None
        self.found = 0

    def check(self, inputs: Sequence[str | Path]) -> None:
        """Refuse places that would do harm, to the images or other ``inputs``, or cannot be written."""
        folders = [(name, Path(path)) for name, path in self._folders() if path]
        check_outputs(list(self._outputs()), [*self._files, *inputs], folders)

    def begin(self, made_with: Mapping[str, Any], model: Any, resume: bool, first: bool = True) -> None:
        """Open the journal.

        Args:
            made_with: What results depend on besides the options.
            model: What has ``CLASSES`` and ``show_result``.
            resume: Go on with what is there.
            first: Whether this is the first, or only, process.
        """
        self._model, self._first = model, first
        keys = ('score_thr', 'palette', 'out_dir', 'half')
        others = {key: getattr(self._args, key) for key in keys}
        others['search'] = None if self._search is None else dataclasses.asdict(self._search)
        self._open({**made_with, **others}, resume)

    def is_done(self, index: int, item: tuple[str, Stamp]) -> bool:
        """Whether an image is done, and its picture there."""
        target = self._targets[index]
        return self.journal is not None and self.journal.holds(*item) and (target is None or target.is_file())

    def keep(self, index: int, result: Any) -> Any:
        """Write what is of one image; gives the value for the journal."""
        result = [dets[dets[:, 5] >= self._args.score_thr] for dets in finite_results([result])[0]]
        self._model.CLASSES = self._model.CLASSES or [f'class {i}' for i in range(len(result))]
        self.found += sum(map(len, result))
        if self._targets[index] is not None or self._args.show:
            self._draw(index, result)
        return self._value(index, result)

    def close(self, tally: Tally, items: Sequence[tuple[str, Stamp]]) -> list[str]:
        """Write what holds all images; gives the places of all that was written."""
        raise NotImplementedError

    def _folders(self) -> list[tuple[str, str | None]]:
        return [('--out-dir', self._args.out_dir), ('--out', self._args.out)]

    def _outputs(self) -> Iterator[tuple[str, Path]]:
        yield from (('the picture', target) for target in self._targets if target is not None)

    def _open(self, settings: dict[str, Any], resume: bool) -> None:
        raise NotImplementedError

    def _value(self, index: int, result: Any) -> Any:
        raise NotImplementedError

    def _done(self, items: Sequence[tuple[str, Stamp]]) -> list[str]:
        return [name for name, stamp in items if self.journal.holds(name, stamp)]

    def _draw(self, index: int, result: Any) -> None:
        file, target, args = self._files[index], self._targets[index], self._args
        colours = {'bbox_color': args.palette} if args.palette else {}
        options = dict(score_thr=args.score_thr, **colours)
        if self._search is None:
            self._model.show_result(file, result, show=args.show, out_file=target, **options)
            return
        with self._scene(file) as scene:
            write_picture(self._model, scene, result, target, show=args.show, **options)

    def _scene(self, file: Path) -> Scene:
        search = self._search or Search()
        return Scene(file, search.bands, search.stretch)

    def _leave(self, tally: Tally) -> None:
        """The journal stays where something is left to do."""
        self.journal.close() if tally.failures or tally.interrupted else self.journal.remove()


class FileOutputs(Outputs):
    """Pictures, by ``--out-file`` or ``--out-dir``, and all detections in a JSON file."""

    def __init__(self, args: argparse.Namespace, files: Sequence[Path], search: Search | None) -> None:
        super().__init__(args, files, search)
        if args.to:
            raise UserError('--to says in which forms results go into a folder: give --out DIR too')
        if args.crs:
            raise UserError('--crs is of GeoJSON: give --out DIR --to geojson too')
        if args.launcher != 'none':
            raise UserError('--launcher: several processes need one folder for their results: --out DIR')
        self._targets = _pictures(args, files)
        folder = Path(args.out_dir, 'infer.journal') if args.out_dir else None
        self._place = Path(f'{args.json}.journal') if args.json else folder
        if args.resume and self._place is None:
            raise UserError('--resume goes on with what an earlier run wrote: it needs --out, --json or --out-dir')

    def close(self, tally: Tally, items: Sequence[tuple[str, Stamp]]) -> list[str]:
        """See :meth:`Outputs.close`."""
        args = self._args
        if self.journal is not None:
            done = self._done(items)
            self.found = sum(len(self.journal[name]['detections']) for name in done)
            if args.json and done:
                write_entries_json(args.json, (self.journal[name] for name in done), self._model.CLASSES or ())
            self._leave(tally)
        return [place for place in (args.out_file, args.out_dir, args.json) if place]

    def _outputs(self) -> Iterator[tuple[str, Path]]:
        if self._args.json:
            yield '--json', Path(self._args.json)
        if self._place:
            yield 'the journal', self._place
        option = '--out-file' if self._args.out_file else 'the picture'
        yield from ((option, target) for target in self._targets if target is not None)

    def _open(self, settings: dict[str, Any], resume: bool) -> None:
        self.journal = Journal(self._place, settings, resume) if self._place else None

    def _value(self, index: int, result: Any) -> Any:
        return image_entry(self._files[index], result, self._model.CLASSES, self._args.score_thr)


class FolderOutputs(Outputs):
    """The forms of ``--to`` in the folder ``--out``, whose part ``.done`` holds a file for each image that is done."""

    def __init__(self, args: argparse.Namespace, files: Sequence[Path], search: Search | None) -> None:
        super().__init__(args, files, search)
        if other := [f'--{name.replace("_", "-")}' for name in ('out_file', 'out_dir', 'json') if getattr(args, name)]:
            raise UserError(f'--out and {other[0]} both say where results go: --out DIR --to json,pictures has both')
        self._folder, self._forms = Path(args.out), args.to or ('json',)
        stems = [file.stem for file in files]
        if twice := next((stem for stem in stems if stems.count(stem) > 1), None):
            raise UserError(f'two images are called {twice}, and so would be their results: take one at a time')
        check_forms(self._forms, files)
        if args.crs and 'geojson' not in self._forms:
            raise UserError(f'--crs is of GeoJSON: give --to {",".join((*self._forms, "geojson"))}')
        if 'geojson' in self._forms:
            self._check_places()
        if 'pictures' in self._forms:
            self._targets = [self._folder / 'pictures' / picture_name(file) for file in files]

    def close(self, tally: Tally, items: Sequence[tuple[str, Stamp]]) -> list[str]:
        """See :meth:`Outputs.close`."""
        done = self._done(items)

        def read() -> Iterator[Found]:
            return (Found.of(self.journal[name]) for name in done)

        counts = [(len(found.result), sum(map(len, found.result))) for found in read()]
        self.found = sum(count for _, count in counts)
        classes = self._model.CLASSES or [f'class {i}' for i in range(max((number for number, _ in counts), default=0))]
        check_forms(self._forms, [], classes)
        findings = Findings(read, classes, self.found, self._args.crs or WGS84)
        written = write_all(self._folder, self._forms, findings) if done else []
        self._leave(tally)
        return [*map(str, written), *(str(self._folder / form) for form in self._forms if form in AT_ONCE)]

    def _open(self, settings: dict[str, Any], resume: bool) -> None:
        if self._first:
            for folder in (self._folder, *(path for path in self._folder.rglob('*') if path.is_dir())):
                remove_leftovers(folder)
        again = [form for form in _AGAIN if form in self._forms]
        self.journal = ItemFiles(self._folder / '.done', {**settings, 'to': again}, resume)

    def _value(self, index: int, result: Any) -> Any:
        file = self._files[index]
        if 'crops' in self._forms:
            with self._scene(file) as scene:
                write_crops(scene, result, self._model.CLASSES, self._folder / 'crops')
        with Raster(file) as raster:
            size = raster.width, raster.height
        return Found(str(file), size, result, place_of(file) if 'geojson' in self._forms else None).plain()

    def _check_places(self) -> None:
        systems = {place_of(file).crs for file in self._files}
        if self._args.crs == 'raster' and len(systems) > 1:
            raise UserError('--crs raster: the images are in several systems, one file has one: take --crs wgs84')


def _pictures(args: argparse.Namespace, files: Sequence[Path]) -> list[Path | None]:
    """Where each picture goes; no two at one place."""
    if args.out_file and len(files) > 1:
        raise UserError(f'--out-file is for a single image, got {len(files)}: use --out-dir')
    if args.out_file and not can_write_image(args.out_file):
        raise UserError(f'--out-file {args.out_file} is a video, but {files[0]} is an image')
    if args.out_file and args.out_dir:
        raise UserError('--out-file and --out-dir say twice where the picture goes: give one of them')
    if not args.out_dir:
        return [Path(args.out_file) if args.out_file else None] * len(files)
    targets = [Path(args.out_dir, file.name) for file in files]
    if len(set(targets)) < len(targets):
        raise UserError('two images have the same name: use --out-dir for one folder at a time')
    if unknown := [str(target) for target in targets if not can_write_image(target)]:
        raise UserError(f'--out-dir: pictures have the names of their images, and {unknown[0]} names no format')
    return list(targets)
