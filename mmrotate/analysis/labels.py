"""What the labels of a dataset are like: their classes, sizes, shapes, directions and places."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmrotate.core.evaluation import all_objects
from mmrotate.datasets.image_folder import image_size
from mmrotate.utils import UserError
from mmrotate.utils.files import replacing

from .breakdown import DEGREES, Table, range_names
from .turns import aspect_ratios, directions, has_direction

_SIZED = 2000  # images whose size is read at most: a look into each file takes its time
# ranges of the table and of captions; the pictures have finer ones
SIDES = (0.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, math.inf)
ASPECTS = (1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 8.0, math.inf)


class LabelTable(NamedTuple):
    """The n objects of a dataset."""

    classes: list[str]
    images: int  # number of images
    image: np.ndarray  # (n,) index of the image
    label: np.ndarray  # (n,) index of the class
    box: np.ndarray  # (n, 5) pixels and radians
    ignored: np.ndarray  # (n,) mask of the difficult ones
    place: np.ndarray  # (n, 2) centre as a part of width and height; NaN where the size of the image was not read

    @property
    def sides(self) -> np.ndarray:
        """Side in pixels of a square as large as each object (n,)."""
        return np.sqrt(np.abs(self.box[:, 2] * self.box[:, 3]))

    @property
    def aspects(self) -> np.ndarray:
        """Long over short side of each object (n,)."""
        return aspect_ratios(self.box)

    @property
    def degrees(self) -> np.ndarray:
        """Direction of the long side, 0 to 180 degrees, of the objects that have one (at most n)."""
        return directions(self.box[has_direction(self.box)])


def gather_labels(dataset: Any, sized: int = _SIZED) -> LabelTable:
    """The objects of a dataset, or of those that a wrapper holds.

    Args:
        dataset: It has ``leaves``, as those of the package.
        sized: Of so many images at most, evenly spread, the size is read, for the places of their objects.
    """
    annotations, paths = [], []
    for leaf in dataset.leaves:
        annotations += [all_objects(leaf.get_ann_info(i)) for i in range(len(leaf))]
        paths += [leaf.image_path(i) for i in range(len(leaf))]
    counts = [len(boxes) for boxes, _, _ in annotations]
    image = np.repeat(np.arange(len(annotations)), counts)
    boxes, labels, ignored = (np.concatenate(part) for part in zip(*annotations, strict=True))
    sizes = np.full((len(paths), 2), np.nan)
    for i in np.unique(np.linspace(0, len(paths) - 1, min(sized, len(paths))).astype(int)):
        sizes[i] = _size_of(paths[i])
    place = boxes[:, :2] / sizes[image]
    return LabelTable(list(dataset.CLASSES), len(annotations), image, labels, boxes, ignored, place)


def _size_of(path: str) -> tuple[float, float]:
    """Width and height of an image; NaN where it is not understood: a training says so when it reads it."""
    try:
        return image_size(path)
    except (UserError, OSError):
        return math.nan, math.nan


def save_labels(path: Path, table: LabelTable) -> None:
    """Write a table as ``.npz``."""
    with replacing(path) as temporary, temporary.open('wb') as file:
        np.savez_compressed(file, allow_pickle=False, **{**table._asdict(), 'classes': np.array(table.classes, str)})


def load_labels(path: Path) -> LabelTable:
    """Read what :func:`save_labels` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return LabelTable(**{**arrays, 'classes': arrays['classes'].tolist(), 'images': int(arrays['images'])})


def labels_by_class(table: LabelTable) -> Table:
    """Of each class: objects (those to ignore apart), images that hold one, and how large and long they are."""
    rows: list[list[Any]] = []
    for label, name in enumerate(table.classes):
        own = table.label == label
        low, middle, high = _percentiles(table.sides[own], (10, 50, 90))
        (aspect,) = _percentiles(table.aspects[own], (50,))
        numbers = [int((own & ~table.ignored).sum()), int((own & table.ignored).sum())]
        rows.append([name, *numbers, len(np.unique(table.image[own])), low, middle, high, aspect])
    head = ['class name', 'objects', 'to ignore', 'images', 'side 10%', 'side median', 'side 90%', 'aspect median']
    return Table(head, rows)


def label_ranges(table: LabelTable) -> Table:
    """How many objects lie in each range of sides (pixels), of long over short sides, and of directions (degrees)."""
    measures = (('side', SIDES, table.sides), ('long / short side', ASPECTS, table.aspects))
    rows: list[list[Any]] = []
    for name, limits, values in (*measures, ('direction', DEGREES, table.degrees)):
        groups = (np.digitize(values, limits) - 1).clip(0, len(limits) - 2)
        counts = np.bincount(groups, minlength=len(limits) - 1)
        rows += [[name, title, int(count)] for title, count in zip(range_names(limits), counts, strict=True)]
    return Table(['measure', 'range', 'objects'], rows)


def describe_labels(table: LabelTable) -> str:
    """A few sentences on what the numbers say."""
    count = len(table.label)
    if not count:
        return f'{table.images:,} images without any object.'
    low, middle, high = _percentiles(table.sides, (10, 50, 90))
    numbers = np.bincount(table.label, minlength=len(table.classes))
    most, least = int(numbers.argmax()), int(numbers.argmin())
    sentences = [
        f'{count:,} objects in {table.images:,} images, {count / table.images:.1f} an image.',
        f'Eight of ten have a side of {low:.0f} to {high:.0f} pixels (that of a square as large), the median is '
        f'{middle:.0f}; {(table.sides < 16).mean():.0%} are below 16.',
        f'{(table.aspects >= 3).mean():.0%} are at least three times as long as wide.',
    ]
    if len(numbers) > 1:
        sentences.append(
            f'{table.classes[most]} is the most frequent class ({numbers[most] / count:.0%}), {table.classes[least]} '
            f'the rarest ({numbers[least]:,} objects).'
        )
    return ' '.join(sentences)


def _percentiles(values: np.ndarray, which: tuple[int, ...]) -> list[float | None]:
    return [float(value) for value in np.percentile(values, which)] if len(values) else [None] * len(which)
