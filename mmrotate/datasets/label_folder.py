"""Datasets with a label file for each image, of the same stem, in one folder."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmrotate.utils import get_root_logger

from .base import RotatedDataset
from .formats import FORMATS, ClassNames, PerImage, Split, listed_stems, pack_labels, read_labels
from .image_folder import (
    IMAGE_SUFFIXES,
    OTHER_LABELS,
    MissingFilesError,
    check_folders,
    describe_place,
    find_images,
    find_labels,
)


class LabelFolderDataset(RotatedDataset):
    """Images and label files of the :attr:`FORMAT`, each in a folder.

    ``ann_file`` is the folder of the label files; ``img_prefix`` holds the images, found by their stem. In test mode a
    folder without label files is one of images without annotations. Boxes below about two pixels are dropped and
    counted in a warning.

    Args:
        ann_file, pipeline, version, kwargs: see :class:`mmrotate.datasets.base.RotatedDataset`; in test mode
            ``ann_file`` may be the folder of the images.
        difficulty: objects with a larger value are ignored: no object to find, and no error to find them, as on DOTA's
            server. (0.x dropped them, which made finding them an error; in training both are the same unless a
            pipeline collects ``gt_bboxes_ignore``.)
    """

    FORMAT = 'dota'
    # a text file with the stems of the images that belong to it; None: all
    listed: str | None = None

    def __init__(
        self, ann_file: str, pipeline: Sequence[dict], version: str = 'oc', difficulty: int = 100, **kwargs: Any
    ) -> None:
        self.difficulty = difficulty
        super().__init__(ann_file, pipeline, version, **kwargs)

    @property
    def format(self) -> PerImage:
        """The format of the label files."""
        row = FORMATS[self.FORMAT]
        assert isinstance(row, PerImage)
        return row

    def labels_in(self, folder: str) -> dict[str, str]:
        """The label files of a folder by the stems of their images."""
        return find_labels(folder, self.format.suffix, self.format.prefix)

    def images_in(self, folder: str) -> dict[str, str]:
        """The images of a folder, relative to it, by their stems."""
        return find_images(folder)

    def load_annotations(self, ann_folder: str) -> list[dict]:
        """Read every label file, each of which needs an image, or in test mode list the images."""
        check_folders(ann_file=ann_folder, img_prefix=self.img_prefix)
        suffix = self.format.suffix
        if labels := self.labels_in(ann_folder) if ann_folder else {}:
            return self._load_labelled(labels)
        place = describe_place(ann_folder)
        images = self.images_in(self.img_prefix or ann_folder)
        other_format = any(end in place for end in OTHER_LABELS) and not find_images(ann_folder)
        if not self.test_mode or other_format or (images and os.path.isfile(ann_folder)):
            raise MissingFilesError(f'no label files (*{suffix}) in the folder ann_file={ann_folder!r}{place}')
        if not images:
            raise MissingFilesError(
                f'no label files (*{suffix}) in ann_file={ann_folder!r}, and no images '
                f'({", ".join(IMAGE_SUFFIXES)}) in img_prefix={self.img_prefix!r}'
            )
        return [dict(filename=name) for name in images.values()]

    def _load_labelled(self, labels: dict[str, str]) -> list[dict]:
        images = self.images_in(self.img_prefix)
        names = self.class_names()
        if 'classes' not in images:
            labels.pop('classes', None)  # the list of names that labelling tools write
        if self.listed:
            wanted = listed_stems(Split(Path(self.ann_file), Path(self.img_prefix), Path(self.listed)))
            labels = {stem: labels[stem] for stem in wanted if stem in labels}
            images = {stem: images[stem] for stem in wanted if stem in images}
        labels = self._with_images(labels, images, names)
        files = {images[stem]: path for stem, path in labels.items()}
        infos = self.read_annotations(files, self.format.parse, names)
        if not self.format.absent_is_empty:
            return infos
        nothing = pack_labels([], self.version).annotation(self.difficulty)
        bare = [dict(filename=name, ann=dict(nothing)) for name in images.values() if name not in files]
        return sorted(infos + bare, key=lambda info: info['filename'])

    def _with_images(self, labels: dict[str, str], images: dict[str, str], names: ClassNames) -> dict[str, str]:
        """The label files, each of which needs an image unless it would be left out for being empty."""
        endings = ', '.join(IMAGE_SUFFIXES)
        if not images:
            raise MissingFilesError(
                f'no images ({endings}) in img_prefix={self.img_prefix!r}, but '
                f'{len(labels)} label files in ann_file={self.ann_file!r}'
            )
        missing = [stem for stem in labels if stem not in images]
        if not self.test_mode and self.filter_empty_gt:
            parse = self.format.parse
            empty = {stem for stem in missing if not len(read_labels(labels[stem], parse, names, self.version))}
            missing = [stem for stem in missing if stem not in empty]
            if empty:
                get_root_logger().info(f'{len(empty)} label files without objects and without an image: left out')
                labels = {stem: path for stem, path in labels.items() if stem not in empty}
        if missing:
            raise MissingFilesError(
                f'{len(missing)} of {len(labels)} label files have no image, the first: {labels[missing[0]]} '
                f'needs {os.path.join(self.img_prefix, missing[0])} with one of {endings}'
            )
        if (unlabelled := len(images) - len(labels)) and not self.format.absent_is_empty:
            get_root_logger().info(f'{unlabelled} images without a label file: left out')
        return labels
