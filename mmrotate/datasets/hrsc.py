"""HRSC2016: ships in harbours, annotated by XML files."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from mmrotate.core.visualization import HRSC_CLASSWISE_PALETTE, HRSC_PALETTE
from mmrotate.registry import DATASETS

from .formats import ClassNames, Reader
from .formats.hrsc import KINDS, NO_KIND, read_hrsc
from .listed import ListedDataset
from .metrics import COCO_THRESHOLDS
from .submission import Results


@DATASETS.register_module()
class HRSCDataset(ListedDataset):
    """HRSC2016 (Liu et al., ICPRAM 2017): one class, or the 31 kinds of ships.

    Args:
        ann_file, pipeline, img_subdir, ann_subdir, version, kwargs: see
            :class:`mmrotate.datasets.listed.ListedDataset`.
        classwise: a class for each kind of ship; objects of other kinds are left out.
    """

    FORMAT = 'hrsc'
    HRSC_CLASS = ('ship',)
    HRSC_CLASSES = tuple(KINDS.values())
    HRSC_CLASSES_ID = tuple(f'{number:02}' for number in KINDS)
    CLASSWISE_PALETTE = HRSC_CLASSWISE_PALETTE
    CLASSES: Sequence[str] = HRSC_CLASS
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
        self.classwise = classwise
        if classwise:
            self.PALETTE = self.CLASSWISE_PALETTE
            kwargs['classes'] = kwargs.get('classes') or self.HRSC_CLASSES
        super().__init__(ann_file, pipeline, img_subdir, ann_subdir, version, **kwargs)

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

    def reader(self) -> tuple[Reader, ClassNames]:
        """The kinds of ships, or all as the first class."""
        reader = partial(read_hrsc, kinds=self.classwise)
        if not self.classwise:
            return reader, ClassNames({'ship': 0})
        return reader, ClassNames({name: i for i, name in enumerate(self.CLASSES)}, (*self.HRSC_CLASSES, NO_KIND))
