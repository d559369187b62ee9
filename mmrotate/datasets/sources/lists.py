"""Lists in data: of the images of a part (ImageSets/Main/train.txt), and of the classes (classes.txt)."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..formats import Split
from ..formats.frame import image_stem
from .tree import Tree, part_of

_CLASS_FILES = ('classes.txt', 'obj.names', 'names.txt')
_LINES = 20  # of a list that are looked at


def split_by_lists(whole: Split, stems: Sequence[str], tree: Tree) -> dict[str, Split]:
    """The parts of a folder of labels that lists in the tree name; the images of each are found by its stems."""
    known, parts = set(stems), {}
    for folder, names in tree.files.items():
        for name in names:
            part = part_of(Path(name))
            if part is None or os.path.splitext(name)[1].lower() not in ('.txt', '.lst') or part in parts:
                continue
            listed = _stems(folder / name)
            if listed and known.issuperset(listed):
                images = tree.images_for(whole.labels, listed) or whole.images
                parts[part] = Split(whole.labels, images, folder / name)
    if {'train', 'val'} <= parts.keys():
        parts.pop('trainval', None)  # both of them once more
    return parts


def listed_classes(root: Path, splits: Mapping[str, Split]) -> tuple[str, ...]:
    """The classes that a file beside the labels, above them or in the root lists, one a line; else none."""
    folders = [split.labels if split.labels.is_dir() else split.labels.parent for split in splits.values()]
    for folder in (*folders, *(folder.parent for folder in folders), root):
        for name in _CLASS_FILES:
            if (path := folder / name).is_file():
                lines = path.read_text('utf-8-sig', 'replace').splitlines()
                return tuple(line.strip() for line in lines if line.strip())
    return ()


def _stems(path: Path) -> list[str]:
    """The first lines of a list, without folders and endings."""
    try:
        with path.open(encoding='utf-8-sig') as file:
            lines = [line.strip() for line, _ in zip(file, range(_LINES), strict=False)]
    except (OSError, UnicodeDecodeError):
        return []
    return [image_stem(os.path.basename(line)) for line in lines if line]
