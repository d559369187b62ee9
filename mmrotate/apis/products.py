"""What a search of images leaves in a folder: the forms in which detections are written."""

import functools
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.core.crops import cut_upright
from mmrotate.core.earth import WGS84, Place, authority_of, collection, lines
from mmrotate.core.scene import Scene
from mmrotate.core.visualization import can_write_image, rbox_corners, write_image
from mmrotate.datasets.formats import COCO, CSV, YOLO_OBB, Entry, PerSet, Record
from mmrotate.datasets.submission import check_names, write_task
from mmrotate.utils.files import replacing, write_atomically

from .geojson import features
from .results import image_entry, write_entries_json

MANY = 100_000  # detections from which on GeoJSON has a line for each, and no collection around them
PICTURE = 4096  # pixels of the longer side of the picture of a scene that is searched in windows
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


@dataclass(frozen=True)
class Findings:
    """The detections of many images, which are read one by one each time they are gone through.

    Args:
        read: Gives them.
        classes: Names of the classes.
        count: Number of all detections.
        system: Coordinates of GeoJSON, see :mod:`mmrotate.core.earth`.
    """

    read: Callable[[], Iterator[Found]]
    classes: Sequence[str]
    count: int
    system: str = WGS84

    def __iter__(self) -> Iterator[Found]:
        return self.read()


@dataclass(frozen=True)
class _Records:
    findings: Findings

    def __iter__(self) -> Iterator[Record]:
        return (found.record(self.findings.classes) for found in self.findings)


def write_all(folder: Path, forms: Sequence[str], findings: Findings) -> list[Path]:
    """Write those of the forms, of :data:`FORMS`, that hold all images, into ``folder``; gives what was written."""
    return [_WRITERS[form](folder, findings) for form in forms if form not in AT_ONCE]


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
        stem = folder / re.sub(r'[^\w .-]', '_', name) / scene.path.stem
        for number, det in enumerate(dets):
            write_image(f'{stem}_{number:06d}.png', cut_upright(scene.pixels, det))
        for number in itertools.count(len(dets)):  # those of an earlier run that found more
            if not (beyond := Path(f'{stem}_{number:06d}.png')).is_file():
                break
            beyond.unlink()


def _json(folder: Path, findings: Findings) -> Path:
    path = folder / 'detections.json'
    entries = (image_entry(found.image, found.result, findings.classes, 0.0) for found in findings)
    write_entries_json(path, entries, findings.classes)
    return path


def _geojson(folder: Path, findings: Findings) -> Path:
    system, crs = findings.system, None
    if system != WGS84:
        crs = next((authority_of(found.place) for found in findings if found.place), None)
    placed = ((found, found.place) for found in findings if found.place)
    every = (one for f, place in placed for one in features(f.image, place, f.result, findings.classes, system))
    by_line = findings.count >= MANY and crs is None
    path = folder / ('detections.geojsonl' if by_line else 'detections.geojson')
    with replacing(path) as temporary, temporary.open('w', encoding='utf-8') as file:
        file.writelines(lines(every) if by_line else collection(every, crs))
    return path


def _dota(folder: Path, findings: Findings) -> Path:
    results = ((Path(found.image).stem, found.result) for found in findings)
    write_task(results, findings.classes, 'le90', folder / 'dota', with_zip=False)
    return folder / 'dota'


def _yolo(folder: Path, findings: Findings) -> Path:
    for record in _Records(findings):
        YOLO_OBB.write(record, folder / 'yolo', findings.classes)
    write_atomically(folder / 'yolo/classes.txt', ''.join(f'{name}\n' for name in findings.classes))
    return folder / 'yolo'


def _per_set(row: PerSet, name: str, folder: Path, findings: Findings) -> Path:
    row.write(_Records(findings), folder / name, findings.classes)
    return folder / name


_WRITERS: dict[str, Callable[[Path, Findings], Path]] = {
    'json': _json,
    'geojson': _geojson,
    'dota': _dota,
    'yolo': _yolo,
    'coco': functools.partial(_per_set, COCO, 'coco.json'),
    'csv': functools.partial(_per_set, CSV, 'detections.csv'),
}
FORMS = (*AT_ONCE, *_WRITERS)


def check_forms(forms: Sequence[str], images: Sequence[Path], classes: Sequence[str] = ()) -> None:
    """Refuse names that the forms cannot hold; a UserError tells the first."""
    if 'dota' in forms:
        check_names([image.stem for image in images], classes)
