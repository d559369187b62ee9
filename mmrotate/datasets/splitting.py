"""Large images cut into tiles with labels of their own: what is done with one image."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mmrotate.core.patch import Held, WindowRules
from mmrotate.core.raster import Raster, read_window, write_tiff
from mmrotate.utils import UserError
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.files import replacing, write_atomically

from .formats import AnyNames, Entry, Item, PerImage, PerSet, Record, Split, check_record
from .formats.dota import write_dota
from .formats.frame import stem_of
from .formats.record import naming_file
from .formats.shapes import corners, uncross
from .image_folder import find_images
from .scenes import patch_name
from .sources import Source

IMAGES, LABELS = 'images', 'annfiles'  # folders of the tiles, as 0.3 names them
SUFFIXES = ('.png', '.jpg', '.bmp', '.tif')
CUT = 2  # the difficulty of an object of which a part is cut off
_EIGHT_BITS = ('.jpg', '.bmp')


class SplitError(UserError):
    """An image that cannot be split; the message names it."""


class Job(NamedTuple):
    """An image that is to be split."""

    image: Path
    name: str  # what the names of its tiles begin with
    part: str = ''  # folder of its tiles, in that of all
    labels: Record | Callable[[], Record] | None = None  # None: there are none, and the tiles get none
    source: str = ''  # the label file


@dataclass(frozen=True)
class TileSettings:
    """How tiles are cut and written.

    Args:
        rules: Where the tiles lie and which objects they have.
        padding: What stands where a tile sticks out of its image: a value, or one for each band, in the order BGR.
            None: such tiles end with the image.
        suffix: One of :data:`SUFFIXES`.

    Raises:
        ArgumentError: An unknown suffix.
    """

    rules: WindowRules = field(default_factory=WindowRules)
    padding: Sequence[float] | None = (104, 116, 124)
    suffix: str = '.png'

    def __post_init__(self) -> None:
        if self.suffix not in SUFFIXES:
            raise ArgumentError(f'tiles are written as one of {", ".join(SUFFIXES)}, got {self.suffix!r}')


def jobs_of_source(source: Source) -> Iterator[Job]:
    """The images of data in any format, part by part; where there are several parts each has a folder of its own.

    Raises:
        SplitError: A part has no images. And what the format's reader raises.
    """
    form = source.format
    for part, split in source.splits.items():
        if split.images is None:
            raise SplitError(f'{source.path}: there are labels in {split.labels}, but no images')
        folder = part if len(source.splits) > 1 else ''
        if isinstance(form, PerImage):
            for item in form.items(split):
                read = _Read(form, item, split, source.classes)
                yield Job(split.images / item.image, _name(item.image), folder, read, str(item.labels or ''))
        elif isinstance(form, PerSet):
            for record in form.read(split, source.classes):
                yield Job(split.images / record.image, _name(record.image), folder, record, record.place)


def jobs_of_images(folder: Path) -> Iterator[Job]:
    """The images of a folder, without labels."""
    return (Job(folder / name, stem) for stem, name in find_images(folder).items())


@dataclass(frozen=True)
class _Read:
    """Reads the labels of an image; it can be sent to another process."""

    form: PerImage
    item: Item
    split: Split
    classes: Sequence[str]

    def __call__(self) -> Record:
        return self.form.read_item(self.item, self.split, self.classes, AnyNames(self.classes))


def _name(image: str) -> str:
    return stem_of(image).replace('/', '__')


def split_image(job: Job, settings: TileSettings, out: Path) -> dict[str, int]:
    """Write the tiles of an image into ``out/PART/images`` and their labels into ``out/PART/annfiles``.

    Gives the number of tiles, of objects of the image, of those among them that are in no tile, and whether it is
    georeferenced.

    Raises:
        UserError: The image or its labels cannot be read, a file cannot be written; the message names it.
    """
    record = job.labels() if callable(job.labels) else job.labels
    entries: Sequence[Entry] = ()
    if record is not None:
        with naming_file(record.place):
            entries = check_record(record, AnyNames()).entries
    shapes = np.array([corners(entry.shape) for entry in entries], np.float64).reshape(-1, 8)
    lost = np.ones(len(entries), bool)
    folder = out / job.part
    with Raster(job.image) as image:
        windows = settings.rules.windows(image.width, image.height)
        for window, held in zip(windows, settings.rules.share_out(uncross(shapes), windows), strict=True):
            name = patch_name(job.name, int(window[2] - window[0]), *window[:2].tolist())
            if record is not None:
                lost[held.objects] = False
                text = write_dota(Record(name, list(_moved(entries, shapes, held, window))), ())
                write_atomically(folder / LABELS / f'{name}.txt', text)
            _write_tile(folder / IMAGES / f'{name}{settings.suffix}', image, window.tolist(), settings)
        placed = image.dataset is not None and bool(image.dataset.crs or image.dataset.gcps[1])
    return {'tiles': len(windows), 'objects': len(entries), 'lost': int(lost.sum()), 'placed': int(placed)}


def _moved(entries: Sequence[Entry], shapes: np.ndarray, held: Held, window: np.ndarray) -> Iterator[Entry]:
    """The objects of a tile, in its pixels."""
    moved = shapes[held.objects] - np.tile(window[:2], 4)
    for index, shape, cut in zip(held.objects.tolist(), moved.tolist(), held.cut.tolist(), strict=True):
        entry = entries[index]
        yield entry._replace(shape=shape, difficulty=CUT if cut else entry.difficulty)


def _write_tile(path: Path, image: Raster, window: Sequence[int], settings: TileSettings) -> None:
    pixels = read_window(image, window, settings.padding)
    bands, suffix = pixels.shape[2], settings.suffix
    if suffix == '.tif' and image.dataset is not None:
        with replacing(path) as temporary:
            write_tiff(temporary, pixels, image, *window[:2])
        return
    if bands in (1, 3, 4) and (suffix == '.tif' or pixels.dtype in (np.uint8, np.uint16)):
        if suffix in _EIGHT_BITS and pixels.dtype == np.uint8:
            pixels = pixels[..., :3]  # alpha, which these do not hold, is left out when an image is read too
        if suffix not in _EIGHT_BITS or pixels.dtype == np.uint8:
            write_atomically(path, cv2.imencode(suffix, pixels)[1].tobytes())
            return
    raise SplitError(f'tiles of {bands} bands of {pixels.dtype} cannot be written as {suffix}: take --save-ext .tif')
