"""Finding images in a folder by the stem of their name."""

import os
from pathlib import Path

# of two files with the same stem the one whose ending stands first here is taken
IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp')


def find_images(folder: str | Path) -> dict[str, str]:
    """Images of a folder (not of its subfolders) as {stem: file name}, sorted by stem.

    Endings count in upper and lower case; a folder that does not exist has no images.
    """
    found: dict[str, str] = {}
    for name in sorted(_files(folder)):
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in IMAGE_SUFFIXES and _rank(name) < _rank(found.get(stem)):
            found[stem] = name
    return dict(sorted(found.items()))


def find_labels(folder: str | Path) -> dict[str, Path]:
    """Text files of a folder as {stem: path}, sorted by stem."""
    names = sorted(name for name in _files(folder) if name.lower().endswith('.txt'))
    return {os.path.splitext(name)[0]: Path(folder) / name for name in names}


def _rank(name: str | None) -> int:
    if name is None:
        return len(IMAGE_SUFFIXES)
    return IMAGE_SUFFIXES.index(os.path.splitext(name)[1].lower())


def _files(folder: str | Path) -> list[str]:
    if not os.path.isdir(folder):
        return []
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.is_file()]
