"""Finding images in a folder by the stem of their name."""

import os
from pathlib import Path

# of two files with the same stem the one whose ending stands first here is taken
IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp')


def find_images(folder: str | Path) -> dict[str, str]:
    """Images of a folder (not of its subfolders) as {stem: file name}, sorted by stem.

    Endings count in upper and lower case; a folder that does not exist has no images.
    """
    images = [path for path in _files(folder) if path.suffix.lower() in IMAGE_SUFFIXES]
    images.sort(key=lambda path: (IMAGE_SUFFIXES.index(path.suffix.lower()), path.name), reverse=True)
    return dict(sorted({path.stem: path.name for path in images}.items()))


def find_labels(folder: str | Path) -> dict[str, Path]:
    """Text files of a folder as {stem: path}, sorted by stem."""
    return {path.stem: path for path in sorted(_files(folder)) if path.suffix.lower() == '.txt'}


def _files(folder: str | Path) -> list[Path]:
    if not os.path.isdir(folder):
        return []
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.is_file()]
