"""Reading one label file in the DOTA format: :mod:`mmrotate.datasets.formats.dota`."""

from pathlib import Path

from .formats import ClassNames, LabelError, Labels, read_dota, read_labels

__all__ = ['LabelError', 'Labels', 'read_dota_labels']


def read_dota_labels(path: str | Path, class_index: dict[str, int], version: str) -> Labels:
    """Read a label file; ``class_index`` has the label of each class name, ``version`` is that of the boxes' angles."""
    return read_labels(path, read_dota, ClassNames(class_index), version)
