"""Datasets whose labels are one file."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmrotate.utils.files import near_files

from .base import RotatedDataset
from .formats import FORMATS, Labels, PerSet, Split, gather
from .formats.record import naming_file
from .image_folder import MissingFilesError, check_folders


class LabelFileDataset(RotatedDataset):
    """Images and one label file of the :attr:`FORMAT`.

    Args:
        ann_file: the label file.
        img_prefix: the folder that the names of images in it start from.
        pipeline, version, difficulty, kwargs: see :class:`mmrotate.datasets.label_folder.LabelFolderDataset`.
    """

    FORMAT = ''

    def __init__(
        self, ann_file: str, pipeline: Sequence[dict], version: str = 'oc', difficulty: int = 100, **kwargs: Any
    ) -> None:
        self.difficulty = difficulty
        super().__init__(ann_file, pipeline, version, **kwargs)

    def load_annotations(self, ann_file: str) -> list[dict]:
        """Read the file; the images must be there."""
        if not os.path.isfile(ann_file):
            raise MissingFilesError(f'no label file ann_file={ann_file!r}{near_files(Path(ann_file))}')
        check_folders(img_prefix=self.img_prefix)
        row = FORMATS[self.FORMAT]
        assert isinstance(row, PerSet)
        names, found = self.class_names(), {}
        for record in row.read(Split(Path(ann_file), Path(self.img_prefix)), self.CLASSES, names):
            with naming_file(ann_file):
                if record.image in found:
                    raise ValueError(f'several images are called {record.image!r}')
                found[record.image] = gather(record.entries, names, self.version)
        self._check_images(found)
        return self.pack_annotations(found, dict.fromkeys(found, ann_file))

    def _check_images(self, found: dict[str, Labels]) -> None:
        missing = [path for name in found if not os.path.isfile(path := os.path.join(self.img_prefix, name))]
        if missing:
            raise MissingFilesError(
                f'{len(missing)} of {len(found)} images of {self.ann_file} are missing: {missing[0]}'
            )
