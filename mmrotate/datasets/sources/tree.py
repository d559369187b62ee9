"""The folders of a data set: which hold images, which hold other files, and which of them belong together."""

import collections
import os
import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import TypeVar

from ..image_folder import IMAGE_SUFFIXES, walk_folders

_Any = TypeVar('_Any')
_SAMPLE = 50  # label files that look for their images
_FOLDERS_BESIDE = 500  # folders that are looked at around what was given
# a word in the name of a folder or file that names a part: train, train2017, instances_train, trainlabel
_PART = re.compile(r'(trainval|train|val|test)(?:ing|id|idation)?(?:split|img|images?|labels?|annotations?)?r?')


class Tree:
    """The files of a folder and those below it; hidden ones are left out.

    Args:
        root: the folder.
        limit: the largest number of folders that are looked at, None for all.
    """

    def __init__(self, root: Path, limit: int | None = None) -> None:
        self.root = root
        self.images: dict[Path, set[str]] = {}  # the stems of the images in each folder that has some
        self.files: dict[Path, list[str]] = {}  # the names of the other files
        for number, (folder, names) in enumerate(walk_folders(root)):
            if number == limit:
                break
            images = {stem for stem, end in map(os.path.splitext, names) if end.lower() in IMAGE_SUFFIXES}
            if images:
                self.images[folder] = images
            if others := [name for name in names if os.path.splitext(name)[1].lower() not in IMAGE_SUFFIXES]:
                self.files[folder] = others

    def images_for(self, place: Path, stems: Iterable[str]) -> Path | None:
        """The folder with the most images of these stems, among equals the one nearest to ``place`` by its name.

        ``place`` is the folder or the file of their labels.
        """
        wanted = set(spread(list(stems), _SAMPLE))
        hits = {folder: len(wanted & found) for folder, found in self.images.items()}
        best = max(hits.values(), default=0)
        return (
            max((f for f, count in hits.items() if count == best), key=lambda f: nearness(place, f)) if best else None
        )


def around(place: Path) -> Tree:
    """The tree of the folders beside a folder or file: where images are looked for that are not in it."""
    tree = Tree(place.parent, _FOLDERS_BESIDE)
    return tree if tree.images else Tree(place.parent.parent, _FOLDERS_BESIDE)


def nearness(a: Path, b: Path) -> tuple[bool, int, float]:
    """How much two places seem to belong together: the same part, the same folders above, a similar name."""
    common = Path(os.path.commonpath([a.absolute(), b.absolute()]))
    same_part = part_of(a.absolute().relative_to(common)) == part_of(b.absolute().relative_to(common))
    return same_part, len(common.parts), SequenceMatcher(None, a.name, b.name).ratio()


def part_of(path: Path) -> str | None:
    """The part of a data set that a path names by its last word that does: 'train', 'val', 'test' or 'trainval'."""
    for name in reversed(path.parts):
        for word in re.split(r'[^a-z]+', os.path.splitext(name)[0].lower()):
            if match := _PART.fullmatch(word):
                return match[1]
    return None


def count_endings(tree: Tree) -> str:
    """What a tree holds, for a message: ``3 images, 2 files *.txt``."""
    endings = collections.Counter(os.path.splitext(name)[1].lower() for names in tree.files.values() for name in names)
    images = sum(map(len, tree.images.values()))
    return ', '.join([f'{images} images', *(f'{count} files *{end}' for end, count in endings.most_common(5))])


def spread(items: Sequence[_Any], count: int) -> list[_Any]:
    """At most ``count`` of the items, from the first to the last in even steps."""
    return [items[i * len(items) // count] for i in range(count)] if len(items) > count else list(items)
