"""Published data sets that are a label format and a list of classes."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmrotate.core.visualization import DIOR_PALETTE
from mmrotate.registry import DATASETS
from mmrotate.utils import get_root_logger
from mmrotate.utils.arguments import ArgumentError

from .formats import ClassNames, coco_classes
from .label_file import LabelFileDataset
from .label_folder import LabelFolderDataset
from .listed import ListedDataset
from .sources import SourceError
from .sources.data_yaml import find_yaml, names_of_yaml

_ABOVE = 3  # folders above labels in which their YAML file may be


@DATASETS.register_module()
class DIORDataset(ListedDataset):
    """DIOR-R (Cheng et al., TGRS 60, 2022): :mod:`mmrotate.datasets.formats.dior`.

    Args:
        ann_file, pipeline, img_subdir, ann_subdir, version, kwargs: see
            :class:`mmrotate.datasets.listed.ListedDataset`. ``ann_subdir`` may be that of the upright boxes too,
            'Annotations/Horizontal Bounding Boxes'.
    """

    FORMAT = 'dior'
    CLASSES: Sequence[str] = tuple(
        'airplane airport baseballfield basketballcourt bridge chimney expressway-service-area '
        'expressway-toll-station dam golffield groundtrackfield harbor overpass ship stadium storagetank '
        'tenniscourt trainstation vehicle windmill'.split()
    )
    PALETTE: Any = DIOR_PALETTE

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[dict],
        img_subdir: str = 'JPEGImages-trainval',
        ann_subdir: str = 'Annotations/Oriented Bounding Boxes',
        version: str = 'oc',
        **kwargs: Any,
    ) -> None:
        super().__init__(ann_file, pipeline, img_subdir, ann_subdir, version, **kwargs)


@DATASETS.register_module()
class FAIR1MDataset(LabelFolderDataset):
    """FAIR1M (Sun et al., ISPRS 184, 2022), ``ann_file`` its XML files: :mod:`mmrotate.datasets.formats.fair1m`."""

    FORMAT = 'fair1m'
    # fmt: off
    CLASSES: Sequence[str] = (
        'Passenger Ship', 'Liquid Cargo Ship', 'Dry Cargo Ship', 'Motorboat', 'Fishing Boat', 'Warship',
        'Engineering Ship', 'other-ship', 'Tugboat', 'Small Car', 'Cargo Truck', 'Van', 'Trailer', 'other-vehicle',
        'Dump Truck', 'Bus', 'Tractor', 'Excavator', 'Truck Tractor', 'Boeing737', 'Boeing747', 'Boeing777',
        'Boeing787', 'other-airplane', 'C919', 'A220', 'A321', 'A330', 'A350', 'ARJ21', 'Tennis Court',
        'Football Field', 'Basketball Court', 'Baseball Field', 'Intersection', 'Bridge', 'Roundabout',
    )
    # fmt: on


@DATASETS.register_module()
class DroneVehicleDataset(LabelFolderDataset):
    """DroneVehicle (Sun et al., TCSVT 32, 2022), one of its kinds of images, ``ann_file`` its XML files:
    :mod:`mmrotate.datasets.formats.dronevehicle`.
    """

    FORMAT = 'dronevehicle'
    CLASSES: Sequence[str] = ('car', 'freight car', 'truck', 'bus', 'van')


@DATASETS.register_module()
class ICDAR2015Dataset(LabelFolderDataset):
    """Text of ICDAR2015 (challenge 4): :mod:`mmrotate.datasets.formats.icdar2015`.

    Text that cannot be read ('###') has the difficulty 1, and is ignored unless ``difficulty`` is at least that.
    """

    FORMAT = 'icdar2015'
    CLASSES: Sequence[str] = ('text',)

    def __init__(
        self, ann_file: str, pipeline: Sequence[dict], version: str = 'oc', difficulty: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(ann_file, pipeline, version, difficulty, **kwargs)


@DATASETS.register_module()
class YOLOOBBDataset(LabelFolderDataset):
    """Labels as Ultralytics has them: :mod:`mmrotate.datasets.formats.yolo`.

    An image without a label file has no objects.

    Args:
        classes: all names of the data set, in the order that the numbers in the files count. None: those of the YAML
            file beside the labels, or up to three folders above them; where it says others, the log does.
        ann_file, pipeline, version, kwargs: see :class:`mmrotate.datasets.label_folder.LabelFolderDataset`.
    """

    FORMAT = 'yolo-obb'

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[dict],
        version: str = 'oc',
        classes: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        yaml, listed = _names_of_yaml(Path(kwargs.get('data_root') or '', ann_file))
        super().__init__(ann_file, pipeline, version, classes=classes or self.CLASSES or listed or None, **kwargs)
        if listed and tuple(self.CLASSES) != listed:
            get_root_logger().warning('classes are %s, but %s lists %s', list(self.CLASSES), yaml, list(listed))

    @classmethod
    def get_classes(cls, classes: str | Sequence[str] | None = None) -> Sequence[str]:
        """Class names, from what the argument ``classes`` may be."""
        if classes is None and not cls.CLASSES:
            raise ArgumentError(f'{cls.__name__} needs classes, or a data.yaml near its labels: names in their order')
        return super().get_classes(classes)


def _names_of_yaml(labels: Path) -> tuple[Path | None, tuple[str, ...]]:
    """The YAML file of a data set near a folder of its labels, and the names that it lists."""
    places = [labels.absolute(), *labels.absolute().parents][: _ABOVE + 1]
    for folder in filter(Path.is_dir, places):
        with contextlib.suppress(SourceError):  # several files, or a list that is none: they are not taken
            if (yaml := find_yaml(folder)) is not None and (names := names_of_yaml(yaml)):
                return yaml, names
    return None, ()


@DATASETS.register_module()
class CocoRotatedDataset(LabelFileDataset):
    """Labels in COCO's JSON: :mod:`mmrotate.datasets.formats.coco`.

    Args:
        classes: those to read; objects of other categories of the file are left out, and counted in the log. None: all
            categories, in the order of the file.
        ann_file, pipeline, version, kwargs: see :class:`mmrotate.datasets.label_file.LabelFileDataset`; crowds have the
            difficulty 1.
    """

    FORMAT = 'coco'

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[dict],
        version: str = 'oc',
        classes: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        self._categories = coco_classes(os.path.join(kwargs.get('data_root') or '', ann_file))
        super().__init__(ann_file, pipeline, version, classes=classes or self.CLASSES or self._categories, **kwargs)

    def class_names(self) -> ClassNames:
        """The classes to read; the other categories of the file are known, to be left out."""
        return ClassNames({name: i for i, name in enumerate(self.CLASSES)}, self._categories)
