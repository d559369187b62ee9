"""HRSC2016: ships in harbours, annotated by XML files."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mmrotate.core.visualization import HRSC_PALETTE
from mmrotate.registry import DATASETS
from mmrotate.utils.files import near_files

from .base import RotatedDataset
from .formats import ClassNames
from .formats.hrsc import KINDS, NO_KIND, read_hrsc
from .image_folder import IMAGE_SUFFIXES, MissingFilesError, check_folders, find_images
from .metrics import COCO_THRESHOLDS
from .submission import Results


@DATASETS.register_module()
class HRSCDataset(RotatedDataset):
    """HRSC2016 (Liu et al., ICPRAM 2017): one class, or the 31 kinds of ships.

    Args:
        ann_file: text file with the name of an image, without its ending, in each line.
        img_subdir: folder of the images, where ``img_prefix`` is not given.
        ann_subdir: folder of the XML files.
        classwise: a class for each kind of ship; objects of other kinds are left out.
        pipeline, version, kwargs: see :class:`mmrotate.datasets.base.RotatedDataset`.
    """

    CLASSES: tuple[str, ...] = ('ship',)
    HRSC_CLASSES = tuple(KINDS.values())
    PALETTE: Any = HRSC_PALETTE
    IOU_THR = COCO_THRESHOLDS  # the zoo's mAP of HRSC2016

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[dict],
        img_subdir: str = 'JPEGImages',
        ann_subdir: str = 'Annotations',
        classwise: bool = False,
        version: str = 'oc',
        **kwargs: Any,
    ) -> None:
        root = kwargs.get('data_root') or ''
        self.img_subdir, self.ann_subdir = os.path.join(root, img_subdir), os.path.join(root, ann_subdir)
        self.classwise = classwise
        if classwise:
            self.PALETTE = None  # distinct colours
            kwargs['classes'] = kwargs.get('classes') or self.HRSC_CLASSES
        kwargs['img_prefix'] = kwargs.get('img_prefix') or img_subdir
        super().__init__(ann_file, pipeline, version, **kwargs)

    def load_annotations(self, ann_file: str) -> list[dict]:
        """Read the XML file of every image in the list."""
        if not os.path.isfile(ann_file):
            raise MissingFilesError(f'no list of images ann_file={ann_file!r}{near_files(Path(ann_file))}')
        check_folders(img_prefix=self.img_prefix, ann_subdir=self.ann_subdir)
        names = Path(ann_file).read_text(encoding='utf-8-sig').split()
        images = find_images(self.img_prefix)
        paths = {name: os.path.join(self.ann_subdir, f'{name}.xml') for name in names}
        missing = [path for path in paths.values() if not os.path.isfile(path)]
        missing += [os.path.join(self.img_prefix, name) for name in names if name not in images]
        if missing:
            raise MissingFilesError(
                f'{len(missing)} files of {ann_file} are missing, the first: {missing[0]} '
                f'(images end in one of {", ".join(IMAGE_SUFFIXES)})'
            )
        reader = partial(read_hrsc, kinds=self.classwise)
        return self.read_annotations({images[name]: path for name, path in paths.items()}, reader, self._names())

    def evaluate(  # type: ignore[override]  # 0.x had the last two the other way round
        self,
        results: Results,
        metric: str | Sequence[str] = 'mAP',
        logger: Any = None,
        proposal_nums: int | Sequence[int] | None = None,
        iou_thr: float | Sequence[float] | None = None,
        scale_ranges: Sequence[tuple[float, float]] | None = None,
        use_07_metric: bool = True,
        nproc: int = 4,
        iou_thrs: float | Sequence[float] | None = None,
        ratio_ranges: Sequence[tuple[float, float]] | None = None,
        classwise: bool = False,
        metric_items: str | Sequence[str] | None = None,
    ) -> dict[str, float]:
        """Score detections; see :meth:`mmrotate.datasets.base.RotatedDataset.evaluate`."""
        settings = (metric, logger, proposal_nums, iou_thr, scale_ranges, nproc, use_07_metric)
        return super().evaluate(results, *settings, iou_thrs, ratio_ranges, classwise, metric_items)

    def _names(self) -> ClassNames:
        """The kinds of ships, or all as the first class."""
        if not self.classwise:
            return ClassNames({'ship': 0})
        return ClassNames({name: i for i, name in enumerate(self.CLASSES)}, (*self.HRSC_CLASSES, NO_KIND))
