"""Datasets of any label format, by its name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmrotate.registry import DATASETS
from mmrotate.utils import ArgumentError

from .formats import FORMATS, PerImage, PerSet, Split
from .label_file import LabelFileDataset
from .label_folder import LabelFolderDataset
from .sources import Source


@DATASETS.register_module()
class AnyFolderDataset(LabelFolderDataset):
    """Images and a label file for each, in any format that has such files; in folders below those given, too.

    Args:
        format: name of the format, see :data:`mmrotate.datasets.formats.FORMATS`.
        listed: a text file with the stems of the images that belong to the dataset; None: all.
        ann_file, pipeline, version, kwargs: see :class:`mmrotate.datasets.label_folder.LabelFolderDataset`; ``classes``
            are needed.
    """

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[dict],
        version: str = 'oc',
        format: str = 'dota',
        listed: str | None = None,
        **kwargs: Any,
    ) -> None:
        _check(type(self).__name__, format, PerImage, kwargs)
        self.FORMAT, self.listed = format, listed
        super().__init__(ann_file, pipeline, version, **kwargs)

    def labels_in(self, folder: str) -> dict[str, str]:
        """The label files of a folder and those below it, by the stems of their images."""
        return {stem: str(path) for stem, path in self.format.files(Split(Path(folder)))[0].items()}

    def images_in(self, folder: str) -> dict[str, str]:
        """The images of a folder and those below it, relative to it, by their stems."""
        return self.format.files(Split(Path(folder), Path(folder)))[1]


@DATASETS.register_module()
class AnyFileDataset(LabelFileDataset):
    """Images whose labels are one file, in any format that has such a file; arguments as of AnyFolderDataset."""

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[dict],
        version: str = 'oc',
        format: str = 'coco',
        listed: str | None = None,
        **kwargs: Any,
    ) -> None:
        _check(type(self).__name__, format, PerSet, kwargs)
        self.FORMAT, self.listed = format, listed
        super().__init__(ann_file, pipeline, version, **kwargs)


def dataset_config(source: Source, part: str, classes: Sequence[str], listed: Path | None = None) -> dict[str, Any]:
    """The config of a dataset of a part of ``source``, without its pipeline; paths are absolute."""
    split = source.splits[part]
    if split.images is None:
        raise ArgumentError(f'{source.path}: {part} has labels in {split.labels}, but no images')
    kind = 'AnyFolderDataset' if isinstance(source.format, PerImage) else 'AnyFileDataset'
    chosen = listed or split.listed
    return dict(
        type=kind,
        format=source.format.name,
        ann_file=str(split.labels.resolve()),
        img_prefix=str(split.images.resolve()),
        classes=list(classes),
        **(dict(listed=str(chosen.resolve())) if chosen else {}),
    )


def _check(name: str, format: str, kind: type, kwargs: dict[str, Any]) -> None:
    fitting = [row.name for row in FORMATS.values() if isinstance(row, kind)]
    if format not in fitting:
        raise ArgumentError(f'{name}: format must be one of {fitting}, got {format!r}')
    if not kwargs.get('classes'):
        raise ArgumentError(f'{name} needs classes: the names of those to read')
