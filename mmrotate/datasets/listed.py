"""Datasets of which a text file lists the images."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmrotate.utils.files import near_files

from .base import RotatedDataset
from .formats import FORMATS, ClassNames, PerImage, Reader
from .image_folder import IMAGE_SUFFIXES, MissingFilesError, check_folders, find_images


class ListedDataset(RotatedDataset):
    """Images that a list names, and their label files of the :attr:`FORMAT`.

    Args:
        ann_file: text file with the name of an image, without its ending, in each line.
        img_subdir: folder of the images, where ``img_prefix`` is not given.
        ann_subdir: folder of the label files.
        pipeline, version, kwargs: see :class:`mmrotate.datasets.base.RotatedDataset`.
    """

    FORMAT = ''

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[dict],
        img_subdir: str = 'JPEGImages',
        ann_subdir: str = 'Annotations',
        version: str = 'oc',
        **kwargs: Any,
    ) -> None:
        root = kwargs.get('data_root') or ''
        self.img_subdir, self.ann_subdir = os.path.join(root, img_subdir), os.path.join(root, ann_subdir)
        kwargs['img_prefix'] = kwargs.get('img_prefix') or img_subdir
        super().__init__(ann_file, pipeline, version, **kwargs)

    def load_annotations(self, ann_file: str) -> list[dict]:
        """Read the label file of every image in the list."""
        if not os.path.isfile(ann_file):
            raise MissingFilesError(f'no list of images ann_file={ann_file!r}{near_files(Path(ann_file))}')
        check_folders(img_prefix=self.img_prefix, ann_subdir=self.ann_subdir)
        names = Path(ann_file).read_text(encoding='utf-8-sig').split()
        images = find_images(self.img_prefix)
        paths = {name: os.path.join(self.ann_subdir, name + FORMATS[self.FORMAT].suffix) for name in names}
        missing = [path for path in paths.values() if not os.path.isfile(path)]
        missing += [os.path.join(self.img_prefix, name) for name in names if name not in images]
        if missing:
            raise MissingFilesError(
                f'{len(missing)} files of {ann_file} are missing, the first: {missing[0]} '
                f'(images end in one of {", ".join(IMAGE_SUFFIXES)})'
            )
        return self.read_annotations({images[name]: path for name, path in paths.items()}, *self.reader())

    def reader(self) -> tuple[Reader, ClassNames]:
        """What reads a label file, and the classes in it."""
        row = FORMATS[self.FORMAT]
        assert isinstance(row, PerImage)
        return row.parse, self.class_names()
