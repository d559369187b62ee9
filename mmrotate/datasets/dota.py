"""Datasets with labels in the DOTA format."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmrotate.core.visualization import DOTA_PALETTE, HIT_UAV_PALETTE, SAR_PALETTE
from mmrotate.registry import DATASETS
from mmrotate.utils import get_root_logger

from .base import RotatedDataset
from .dota_labels import pack_labels, read_dota_labels
from .image_folder import IMAGE_SUFFIXES, MissingFilesError, check_folders, find_images, find_labels


@DATASETS.register_module()
class DOTADataset(RotatedDataset):
    """DOTA, and every dataset with one text file of corners per image.

    ``ann_file`` is the folder of the text files (see :mod:`mmrotate.datasets.dota_labels`); ``img_prefix`` holds the
    images, found by their stem. In test mode a folder without text files is one of images without annotations. Boxes
    below about two pixels are dropped and counted in a warning.

    Args:
        ann_file, pipeline, version, kwargs: see :class:`mmrotate.datasets.base.RotatedDataset`; in test mode
            ``ann_file`` may be the folder of the images.
        difficulty: objects with a larger value are ignored: no object to find, and no error to find them, as on DOTA's
            server. (0.x dropped them, which made finding them an error; in training both are the same unless a
            pipeline collects ``gt_bboxes_ignore``.)
    """

    CLASSES: tuple[str, ...] = tuple(
        'plane baseball-diamond bridge ground-track-field small-vehicle large-vehicle ship tennis-court '
        'basketball-court storage-tank soccer-ball-field roundabout harbor swimming-pool helicopter'.split()
    )
    PALETTE: Any = DOTA_PALETTE

    def __init__(
        self, ann_file: str, pipeline: Sequence[dict], version: str = 'oc', difficulty: int = 100, **kwargs: Any
    ) -> None:
        self.difficulty = difficulty
        super().__init__(ann_file, pipeline, version, **kwargs)

    def load_annotations(self, ann_file: str) -> list[dict]:
        """Read every label file, each of which needs an image, or in test mode list the images."""
        check_folders(ann_file=ann_file, img_prefix=self.img_prefix)
        if labels := find_labels(ann_file) if ann_file else {}:
            return self._load_labelled(labels)
        if not self.test_mode:
            raise MissingFilesError(f'no label files (*.txt) in the folder ann_file={ann_file!r}')
        images = find_images(self.img_prefix or ann_file)
        if not images:
            raise MissingFilesError(
                f'no label files (*.txt) in ann_file={ann_file!r}, and no images '
                f'({", ".join(IMAGE_SUFFIXES)}) in img_prefix={self.img_prefix!r}'
            )
        self.has_annotations = False
        ann = pack_labels([], self.version).annotation(self.difficulty)
        return [dict(filename=name, ann=dict(ann)) for name in images.values()]

    def _load_labelled(self, labels: dict[str, Path]) -> list[dict]:
        images = find_images(self.img_prefix)
        class_index = {name: i for i, name in enumerate(self.CLASSES)}
        if 'classes' not in images:
            labels.pop('classes', None)  # the list of names that labelling tools write
        self._check_images(labels, images)
        infos, degenerate = [], {}
        for stem, path in labels.items():
            found = read_dota_labels(path, class_index, self.version)
            degenerate[os.fspath(path)] = found.degenerate
            infos.append(dict(filename=images[stem], ann=found.annotation(self.difficulty)))
        _warn_degenerate({path: count for path, count in degenerate.items() if count})
        return infos

    def _check_images(self, labels: dict[str, Path], images: dict[str, str]) -> None:
        endings = ', '.join(IMAGE_SUFFIXES)
        if not images:
            raise MissingFilesError(
                f'no images ({endings}) in img_prefix={self.img_prefix!r}, but '
                f'{len(labels)} label files in ann_file={self.ann_file!r}'
            )
        if missing := [stem for stem in labels if stem not in images]:
            raise MissingFilesError(
                f'{len(missing)} of {len(labels)} label files have no image, the first: {labels[missing[0]]} '
                f'needs {os.path.join(self.img_prefix, missing[0])} with one of {endings}'
            )
        if unlabelled := len(images) - len(labels):
            get_root_logger().info(f'{unlabelled} images without a label file: left out')


@DATASETS.register_module()
class SARDataset(DOTADataset):
    """Ships in radar images (SSDD, HRSID), with labels in the DOTA format."""

    CLASSES: tuple[str, ...] = ('ship',)
    PALETTE: Any = SAR_PALETTE


@DATASETS.register_module()
class HITUAVDataset(DOTADataset):
    """HIT-UAV: infrared images from drones (Suo et al., Sci. Data 10, 227, 2023)."""

    CLASSES: tuple[str, ...] = ('Person', 'Car', 'Bicycle', 'OtherVehicle')
    PALETTE: Any = HIT_UAV_PALETTE


def _warn_degenerate(counts: dict[str, int]) -> None:
    """One warning for all dropped boxes, with the files they stand in."""
    if not counts:
        return
    shown = [f'{path} ({count})' for path, count in list(counts.items())[:10]]
    more = f' and {len(counts) - 10} more' if len(counts) > 10 else ''
    get_root_logger().warning(
        f'{sum(counts.values())} degenerate boxes in {len(counts)} label files dropped: {", ".join(shown)}{more}'
    )
