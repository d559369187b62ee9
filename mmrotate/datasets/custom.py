"""Datasets in the middle format, and the base of a user's own."""

import os
from collections.abc import Sequence
from typing import Any

from mmrotate.registry import DATASETS
from mmrotate.utils.errors import ArgumentError

from .base import RotatedDataset
from .formats import LabelError, files_of, load_middle, read_middle
from .image_folder import MissingFilesError
from .pipelines.backends import open_backend


@DATASETS.register_module()
class CustomDataset(RotatedDataset):
    """A dataset whose annotations are one file, see :mod:`mmrotate.datasets.formats.middle`.

    The labels of the file count the class attribute ``CLASSES``, or where there is none the argument ``classes``; of
    the former, ``classes`` may be a part: objects of the others are left out, and the log counts them. In test mode a
    file without ``ann`` is one of images without annotations.

    A subclass that reads another format overrides ``load_annotations(ann_file)``, which gives a list of dicts as in the
    middle format (its ``bboxes`` float32 of the dataset's version, its labels counting ``self.CLASSES``), and, if they
    are elsewhere, ``get_ann_info(index)``.

    Args:
        ann_file, pipeline, classes, data_root, img_prefix, proposal_file, test_mode, filter_empty_gt, version: see
            :class:`mmrotate.datasets.base.RotatedDataset`.
        seg_prefix: only None: there are no segmentation maps. ``seg_suffix`` says how they end.
        file_client_args: where the images are; only of those on the disk it is checked that they are there.
    """

    difficulty = 0

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[dict],
        classes: str | Sequence[str] | None = None,
        data_root: str | None = None,
        img_prefix: str = '',
        seg_prefix: str | None = None,
        seg_suffix: str = '.png',
        proposal_file: str | None = None,
        test_mode: bool = False,
        filter_empty_gt: bool = True,
        file_client_args: dict | None = None,
        version: str = 'oc',
    ) -> None:
        del seg_suffix
        if seg_prefix is not None:
            raise ArgumentError(f'seg_prefix={seg_prefix!r}: segmentation maps are not supported')
        self._on_disk = open_backend(file_client_args) is None
        settings: dict[str, Any] = dict(test_mode=test_mode, filter_empty_gt=filter_empty_gt)
        settings.update(classes=classes, data_root=data_root, img_prefix=img_prefix, proposal_file=proposal_file)
        super().__init__(ann_file, pipeline, version, **settings)
        for i in range(len(self)):
            if wrong := [label for label in self.get_cat_ids(i) if not 0 <= label < len(self.CLASSES)]:
                raise LabelError(
                    f'{self.image_name(i)}: the label {wrong[0]} is no index of the {len(self.CLASSES)} classes '
                    f'{list(self.CLASSES)}'
                )

    def load_annotations(self, ann_file: str) -> list[dict]:
        """Read the file; images on the disk must be there."""
        infos = load_middle(ann_file)
        files = [name for info in infos for name in files_of(info)]
        missing = [path for name in files if not os.path.isfile(path := os.path.join(self.img_prefix, name))]
        if missing and self._on_disk:
            raise MissingFilesError(f'{len(missing)} of {len(files)} images of {ann_file} are missing: {missing[0]}')
        if self.test_mode and not any('ann' in info for info in infos):
            return infos
        counted, names = self._counted(), self.class_names()
        found = {files_of(info)[0]: read_middle(info, counted, names, self.version, ann_file) for info in infos}
        packed = self.pack_annotations(found, dict.fromkeys(found, ann_file))
        return [{**info, 'ann': each['ann']} for info, each in zip(infos, packed, strict=True)]

    def _counted(self) -> tuple[str, ...]:
        """The classes that the labels of the file count."""
        own = tuple(type(self).CLASSES)
        if own and (unknown := [name for name in self.CLASSES if name not in own]):
            raise ArgumentError(f'classes: {unknown} are no classes of {type(self).__name__}, which has {list(own)}')
        return own or tuple(self.CLASSES)
