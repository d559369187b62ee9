"""What a search of images leaves in a folder: the forms in which detections are written."""

import contextlib
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.core.crops import cut_upright
from mmrotate.core.scene import Scene
from mmrotate.core.visualization import can_write_image, rbox_corners, write_image
from mmrotate.datasets.formats import FORMATS, Entry, PerImage, PerSet, Record
from mmrotate.datasets.submission import check_names, task_lines
from mmrotate.utils.files import replacing, write_atomically

from .geojson import WGS84, Place, authority_of, collection, features, lines
from .results import image_entry, write_entries_json

MANY = 100_000  # detections from which on GeoJSON has a line for each, and no collection around them
PICTURE = 4096  # pixels of the longer side of the picture of a scene that is searched in windows
_PER_IMAGE = {'yolo': 'yolo-obb'}
_PER_SET = {'coco': ('coco', 'coco.json'), 'csv': ('csv', 'detections.csv')}
AT_ONCE = ('pictures', 'crops')  # made when an image is done; the others are made of all at the end


@dataclass(frozen=True)
class Found:
    """The detections of an image.

    Args:
        image: Its path.
        size: Width and height in pixels.
        result: A list over classes of arrays (n, 6): x, y, w, h in pixels, theta in radians, score.
        place: Where on earth it is, if that is asked for.
    """

    image: str
    size: tuple[int, int]
    result: Sequence[np.ndarray]
    place: Place | None = None

    def plain(self) -> dict[str, Any]:
        """The same as plain values."""
        result = [dets.tolist() for dets in self.result]
        return {'image': self.image, 'size': list(self.size), 'result': result, 'place': self.place}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> 'Found':
        """That of which :meth:`plain` made plain values."""
        result = [np.array(dets, np.float32).reshape(-1, 6) for dets in plain['result']]
        return cls(plain['image'], tuple(plain['size']), result, Place(*plain['place']) if plain['place'] else None)

    def record(self, classes: Sequence[str]) -> Record:
        """The image and its detections as label formats take them."""
        entries = [
            Entry('', corners, name, 0, round(float(det[5]), 6))
            for name, dets in zip(classes, self.result, strict=True)
            for corners, det in zip(rbox_corners(dets[:, :5]).reshape(-1, 8).tolist(), dets, strict=True)
        ]
        return Record(Path(self.image).name, entries, self.size)


class Founds:
    """Images and their detections, which are read one by one each time they are gone through."""

    def __init__(self, read: Callable[[], Iterator[Found]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Found]:
        return self._read()


@dataclass(frozen=True)
class _Records:
    founds: Founds
    classes: Sequence[str]

    def __iter__(self) -> Iterator[Record]:
        return (found.record(self.classes) for found in self.founds)


def write_all(
    folder: Path, forms: Sequence[str], founds: Founds, classes: Sequence[str], system: str, count: int
) -> list[Path]:
    """Write those of the forms that hold all images; gives what was written.

    Args:
        folder: Where they go.
        forms: Of :data:`FORMS`.
        founds: The images and their detections.
        classes: Names of the classes.
        system: Of GeoJSON, see :mod:`.geojson`.
        count: Number of all detections.
    """
    return [_WRITERS[form](folder, founds, classes, system, count) for form in forms if form not in AT_ONCE]


def write_picture(model: Any, scene: Scene, result: Sequence[np.ndarray], target: Path | None, **options: Any) -> None:
    """Draw the detections on a scene, which is made smaller where it has more than 4096 pixels on a side."""
    preview = scene.preview(PICTURE)
    factor = preview.shape[1] / scene.width
    scaled = [dets * np.array([factor] * 4 + [1, 1], np.float32) for dets in result]
    model.show_result(preview, scaled, out_file=target, **options)


def picture_name(image: Path) -> str:
    """The name of the picture of an image."""
    keeps = image.suffix.lower() not in ('.tif', '.tiff') and can_write_image(image)
    return image.name if keeps else f'{image.stem}.jpg'


def write_crops(scene: Scene, result: Sequence[np.ndarray], classes: Sequence[str], folder: Path) -> None:
    """Write each detection, cut out upright, as ``CLASS/IMAGE_NUMBER.png``."""
    for name, dets in zip(classes, result, strict=True):
        for number, det in enumerate(dets):
            place = folder / re.sub(r'[^\w .-]', '_', name) / f'{scene.path.stem}_{number:06d}.png'
            write_image(place, cut_upright(scene.pixels, det))


def _json(folder: Path, founds: Founds, classes: Sequence[str], system: str, count: int) -> Path:
    del system, count
    path = folder / 'detections.json'
    write_entries_json(path, (image_entry(found.image, found.result, classes, 0.0) for found in founds), classes)
    return path


def _geojson(folder: Path, founds: Founds, classes: Sequence[str], system: str, count: int) -> Path:
    crs = None
    if system != WGS84:
        crs = next((authority_of(found.place) for found in founds if found.place), None)
    every = (each for f in founds if f.place for each in features(f.image, f.place, f.result, classes, system))
    by_line = count >= MANY and crs is None
    path = folder / ('detections.geojsonl' if by_line else 'detections.geojson')
    _write(path, lines(every) if by_line else collection(every, crs))
    return path


def _dota(folder: Path, founds: Founds, classes: Sequence[str], system: str, count: int) -> Path:
    del system, count
    target = folder / 'dota'
    with contextlib.ExitStack() as stack:
        paths = [stack.enter_context(replacing(target / f'Task1_{name}.txt')) for name in classes]
        files = [stack.enter_context(path.open('w', encoding='utf-8')) for path in paths]
        for found in founds:
            for file, dets in zip(files, found.result, strict=True):
                file.writelines(task_lines(Path(found.image).stem, dets, 'le90'))
    return target


def _per_image(form: str, folder: Path, founds: Founds, classes: Sequence[str], system: str, count: int) -> Path:
    del system, count
    row, target = FORMATS[_PER_IMAGE[form]], folder / form
    assert isinstance(row, PerImage)
    for record in _Records(founds, classes):
        row.write(record, target, classes)
    write_atomically(target / 'classes.txt', ''.join(f'{name}\n' for name in classes))
    return target


def _per_set(form: str, folder: Path, founds: Founds, classes: Sequence[str], system: str, count: int) -> Path:
    del system, count
    name, file = _PER_SET[form]
    row = FORMATS[name]
    assert isinstance(row, PerSet)
    row.write(_Records(founds, classes), folder / file, classes)
    return folder / file


def _write(path: Path, pieces: Iterable[str]) -> None:
    with replacing(path) as temporary, temporary.open('w', encoding='utf-8') as file:
        file.writelines(pieces)


_WRITERS: dict[str, Callable[[Path, Founds, Sequence[str], str, int], Path]] = {
    'json': _json,
    'geojson': _geojson,
    'dota': _dota,
    **{form: functools.partial(_per_image, form) for form in _PER_IMAGE},
    **{form: functools.partial(_per_set, form) for form in _PER_SET},
}
FORMS = (*AT_ONCE, *_WRITERS)


def check_forms(forms: Sequence[str], images: Sequence[Path], classes: Sequence[str] = ()) -> None:
    """Refuse names that the forms cannot hold; a UserError tells the first."""
    if 'dota' in forms:
        check_names([image.stem for image in images], classes)
