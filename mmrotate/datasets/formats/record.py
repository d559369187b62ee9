"""The record that every label format is read to, and the checks that all of them share.

A reader knows the layout of a format only: it gives an :class:`Entry` for each object, values as they stand in the
file. Here they become numbers, labels and boxes, or an error with the file and the place in it.
"""

import collections
import functools
import numbers
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmrotate.core.bbox import in_version, obb2poly_np, polys2obb_np
from mmrotate.core.bbox.angle import angle_version
from mmrotate.core.bbox.transforms import MIN_SIDE
from mmrotate.core.earth import Place
from mmrotate.utils import UserError
from mmrotate.utils.arguments import near_name

from ..image_folder import image_size
from .shapes import corners, front_first, uncross

# float32, the type of boxes, holds no finer positions beyond it than whole pixels; no image is that large
MAX_PIXEL = 2.0**24
_LONGEST = 2000  # characters of a message
_CONTROL = re.compile('[\x00-\x1f\x7f-\x9f\u2028\u2029]')


class LabelError(UserError, ValueError):
    """A label file that cannot be read; the message holds its path and the place in it."""


class EntryError(ValueError):
    """What is wrong at one place of a label file."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f'{place}: {message}')


class Entry(NamedTuple):
    """An object as it stands in a file."""

    place: str  # where, for messages: 'line 3'
    # 8 corner values, or 5 of a box (x, y, w, h, angle in radians, clockwise), in pixels: texts or numbers
    shape: Sequence[Any]
    name: str  # of its class
    difficulty: str | int = 0
    score: Any = None  # of a detection, 0 to 1: text or number
    heading: Any = None  # where its front points: radians clockwise from the direction of x


@dataclass
class Picture:
    """What a reader may know of the image that a label file belongs to, besides the file.

    Args:
        name: its path relative to the folder of the images.
        folder: that folder, None where there are no images.
        classes: the names that the numbers of classes in label files stand for.
    """

    name: str = ''
    folder: Path | None = None
    classes: Sequence[str] = ()

    @functools.cached_property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, of which only the header of the file is read; a ValueError if there is none."""
        if self.folder is None or not self.name:
            raise ValueError('the size of the image is needed, and there is no image')
        return image_size(self.folder / self.name)

    def class_name(self, number: str) -> str:
        """The class that a number in a label file stands for."""
        if not number.isdecimal() or int(number) >= len(self.classes):
            known = (
                f'0 to {len(self.classes) - 1}: {list(self.classes)}' if self.classes else 'unknown: no list of names'
            )
            raise ValueError(f'{number!r} is no number of a class; the classes are {known}')
        return self.classes[int(number)]


class Record(NamedTuple):
    """An image and its objects, as they stand in a file or, from :func:`check_record`, as numbers."""

    image: str  # its path relative to the folder of the images
    entries: Sequence[Entry]
    size: tuple[int, int] | None = None  # width and height, if they are known
    place: str = ''  # the label file, for messages
    earth: Place | None = None  # where on earth its pixels are, if it is to be written so


class ClassNames:
    """The classes that are read, and those that are known but left out.

    Args:
        index: label of each class that is read.
        others: further names of the data set; objects of these are left out and counted.
    """

    def __init__(self, index: Mapping[str, int], others: Iterable[str] = ()) -> None:
        self.index, self.others = dict(index), frozenset(others) - set(index)

    # whether any name is a class, so that nothing but its place tells a name from what follows it
    open = False

    def __contains__(self, name: str) -> bool:
        return name in self.index or name in self.others

    def label(self, name: str) -> int | None:
        """Label of a class, None for one that is left out; a ValueError lists the known ones."""
        if name in self.index:
            return self.index[name]
        if name in self.others:
            return None
        known = list(self.index)
        number = ' (a number: is this the YOLO format, with the class in the first column?)' if _is_number(name) else ''
        raise ValueError(f'unknown class {name!r}{number}; {near_name(name, known)}the known classes: {known}')


class AnyNames(ClassNames):
    """Classes of a source that says no list of them: every name is one, and gets the next label."""

    open = True

    def __init__(self, known: Iterable[str] = ()) -> None:
        super().__init__({name: i for i, name in enumerate(known)})

    def __contains__(self, name: str) -> bool:
        return bool(name)

    def label(self, name: str) -> int:
        """Label of a class; a ValueError if it has no name, or one that no line of text can hold."""
        if not name:
            raise ValueError('an object has no name of a class')
        if _CONTROL.search(name):
            raise ValueError(f'the name {name!r} of a class holds a line end or another control character')
        return self.index.setdefault(name, len(self.index))


# bytes of a file, the classes (which tell where a name of several words ends) and the image, to its objects
Reader = Callable[[bytes, ClassNames, Picture], Iterable[Entry]]


@dataclass
class Labels:
    """Objects of one image."""

    bboxes: np.ndarray  # float32 (n, 5), pixels and radians
    labels: np.ndarray  # int64 (n,), index into the classes
    polygons: np.ndarray  # float32 (n, 8), the corners, in an order around the object
    difficulties: np.ndarray  # int64 (n,)
    degenerate: int = 0  # number of objects left out because their box has no area to speak of
    others: collections.Counter[str] = field(default_factory=collections.Counter)  # left out for their class

    def __len__(self) -> int:
        return len(self.labels)

    def annotation(self, difficulty: int) -> dict[str, np.ndarray]:
        """As the dict that datasets hold; objects above ``difficulty`` are those to ignore."""
        keep = self.difficulties <= difficulty
        every = {'bboxes': self.bboxes, 'labels': self.labels, 'polygons': self.polygons}
        if keep.all():  # the most frequent case, of many images at once
            return every | {f'{key}_ignore': v[:0] for key, v in every.items()}
        return {f'{key}{end}': v[mask] for end, mask in (('', keep), ('_ignore', ~keep)) for key, v in every.items()}


def read_labels(
    path: str | Path, reader: Reader, names: ClassNames, version: str, picture: Picture | None = None
) -> Labels:
    """Read a label file; ``version`` is that of the boxes' angles.

    Raises:
        LabelError: the file is of another layout, or holds a value that is no finite number, too large a one, or an
            unknown class. Boxes without area and objects of classes to leave out are no error: they are counted.
    """
    with naming_file(path):
        return gather(reader(Path(path).read_bytes(), names, picture or Picture()), names, version)


@contextmanager
def naming_file(path: str | Path) -> Iterator[None]:
    """Turn what is wrong with a label file into a LabelError that names it."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        raise LabelError(f'cannot read the label file {path}: {error}') from error
    except EntryError as error:
        raise LabelError(f'{path}, {_short(error)}') from None
    except ValueError as error:
        raise LabelError(f'{path}: {_short(error)}') from None


def _short(error: ValueError) -> str:
    """What is said of a file; it may hold a line of the file, and that a million characters."""
    message = str(error)
    return message if len(message) <= _LONGEST else f'{message[:_LONGEST]} ...'


def check_record(record: Record, names: ClassNames) -> Record:
    """The record with numbers for texts, float64; objects of classes to leave out are left out.

    Raises:
        EntryError: a value that is no finite number or too large, or an unknown class.
    """
    return record._replace(entries=[entry for entry in map(check_entry, record.entries) if _is_asked(entry, names)])


def check_entry(entry: Entry) -> Entry:
    """The entry with numbers for texts.

    Raises:
        EntryError: a value is no finite number, or a too large one.
    """
    try:
        score, heading = _optional(entry.score, 'score'), _optional(entry.heading, 'heading')
        shape, difficulty = _positions(entry.shape), _difficulty(entry.difficulty)
    except ValueError as error:
        raise EntryError(entry.place, str(error)) from None
    return Entry(entry.place, shape, entry.name, difficulty, score, heading)


def _is_asked(entry: Entry, names: ClassNames) -> bool:
    try:
        return names.label(entry.name) is not None
    except ValueError as error:
        raise EntryError(entry.place, str(error)) from None


def with_fronts(entries: Iterable[Entry], version: str) -> Iterable[Entry]:
    """The entries; for a version with a front those with a heading as corners that begin with it."""
    if not angle_version(version).heading:
        return entries
    checked = (entry if entry.heading is None else check_entry(entry) for entry in entries)
    return (e if e.heading is None else e._replace(shape=front_first(e.shape, e.heading)) for e in checked)


def _optional(value: str | float | None, key: str) -> float | None:
    if value is None or _is_number(value):
        return None if value is None else float(value)
    raise ValueError(f'the {key} {value!r} is no finite number')


def gather(entries: Iterable[Entry], names: ClassNames, version: str) -> Labels:
    """The objects of an image, checked.

    Raises:
        EntryError, ValueError: what is wrong with one of them, or with all, see :func:`read_labels`.
    """
    others: collections.Counter[str] = collections.Counter()
    shapes, kinds, difficulties = check_entries(with_fronts(entries, version), names, others)
    boxes, polygons, good = pack_shapes([shapes], version)
    if not good.any():
        check_scale(shapes)
    return Labels(boxes[good], kinds[good], polygons[good], difficulties[good], int((~good).sum()), others)


def pack_labels(objects: Sequence[tuple[Sequence[float], int, int]], version: str) -> Labels:
    """Labels of objects given as shape, label and difficulty; boxes among corners become corners too."""
    shapes, kinds, difficulties = _arrays(objects)
    boxes, polygons, good = pack_shapes([shapes], version)
    return Labels(boxes[good], kinds[good], polygons[good], difficulties[good], degenerate=int((~good).sum()))


def check_entries(
    entries: Iterable[Entry], names: ClassNames, others: collections.Counter[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shapes (n, 8) or (n, 5), float64, labels (n,) and difficulties (n,) of entries.

    Those of other classes are counted in ``others`` instead, by their name.

    Raises:
        EntryError: what is wrong with one of them.
    """
    return _arrays(list(_checked(entries, names, others)))


def _arrays(objects: Sequence[tuple[Sequence[float], int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not objects:
        return np.zeros((0, 8)), np.zeros(0, np.int64), np.zeros(0, np.int64)
    if len({len(shape) for shape, *_ in objects}) > 1:
        objects = [(corners(shape), label, difficulty) for shape, label, difficulty in objects]
    shapes, labels, difficulties = zip(*objects, strict=True)
    return np.array(shapes, np.float64), np.array(labels, np.int64), np.array(difficulties, np.int64)


def pack_shapes(shapes: Sequence[np.ndarray], version: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes (n, 5) and polygons (n, 8), float32, of the shapes of some files, and which of them (n,) are objects.

    Each of ``shapes`` is (n, 8) or (n, 5); boxes of other files do not matter to those of one.
    """
    if all(each.shape[1] == 8 for each in shapes):
        return _pack_corners(shapes, version)
    is_box = np.repeat([each.shape[1] == 5 for each in shapes], [len(each) for each in shapes])
    boxes, polygons = np.empty((len(is_box), 5), np.float32), np.empty((len(is_box), 8), np.float32)
    good = np.empty(len(is_box), bool)
    if not is_box.all():
        of_corners = _pack_corners([each for each in shapes if each.shape[1] == 8], version)
        boxes[~is_box], polygons[~is_box], good[~is_box] = of_corners
    boxes[is_box] = in_version(np.concatenate([each for each in shapes if each.shape[1] == 5]), version)
    good[is_box] = (boxes[is_box, 2:4] >= MIN_SIDE).all(1)
    polygons[is_box] = obb2poly_np(boxes[is_box], version)
    return boxes, polygons, good


def _pack_corners(shapes: Sequence[np.ndarray], version: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    polygons = uncross(np.concatenate(shapes, dtype=np.float32))
    boxes, good = polys2obb_np(polygons, version)
    return boxes.astype(np.float32), polygons, good


def _checked(
    entries: Iterable[Entry], names: ClassNames, others: collections.Counter[str]
) -> Iterator[tuple[list[float], int, int]]:
    """Shape, label and difficulty of each entry; those of other classes are counted by name instead."""
    for entry in entries:
        try:
            shape, difficulty = _positions(entry.shape), _difficulty(entry.difficulty)
            label = names.label(entry.name)
        except ValueError as error:
            raise EntryError(entry.place, str(error)) from None
        if label is None:
            others[entry.name] += 1
        else:
            yield shape, label, difficulty


def _positions(values: Sequence[str | float]) -> list[float]:
    try:
        found = list(map(float, values))
        # a sum that is no number, or too large, has its reason in one of them; it is the quicker question
        if sum(map(abs, found)) <= MAX_PIXEL and '_' not in ''.join(map(str, values)):
            return found
    except (TypeError, ValueError, OverflowError):
        found = []
    for value in values:
        if not _is_number(value):
            kind = 'corner' if len(values) == 8 else 'box'
            raise ValueError(f'the {kind} value {value!r} is no finite number of at most {MAX_PIXEL:.0f} pixels')
    return found


def _difficulty(value: Any) -> int:
    if not isinstance(value, list | dict) and (found := _whole(value)) is not None:  # JSON has them
        return found
    raise ValueError(f'the difficulty must be an integer, got {value!r}')


@functools.lru_cache(maxsize=256, typed=True)
def _whole(value: Any) -> int | None:
    # '1.0' is what tools write that hold all columns as floats
    return int(float(value)) if _is_number(value) and float(value).is_integer() else None


def _is_number(value: object) -> bool:
    """Whether a text or a number is a position: no ``1_000`` of Python, not too large."""
    if not isinstance(value, (str, numbers.Real)) or '_' in str(value):
        return False
    try:
        return abs(float(value)) <= MAX_PIXEL
    except (ValueError, OverflowError):
        return False


def check_scale(shapes: np.ndarray) -> None:
    """Refuse a file none of whose objects has a size because their places are fractions of the image."""
    places = shapes[:, :4] if shapes.shape[1] == 5 else shapes
    # corners of turned boxes may lie somewhat outside of the image
    if places.size and -1 <= places.min() and places.max() <= 2 and (places % 1 > 0).any():
        raise ValueError(
            'all places lie between 0 and 1: they look normalised, fractions of the image (as in YOLO files); needed '
            'are pixels: multiply x by the width and y by the height of the image'
        )
