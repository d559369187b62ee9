"""What a dataset does with results: scores, scenes of patches, files for a test server."""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmrotate.core.bbox.angle import angle_version
from mmrotate.core.evaluation import finite_results
from mmrotate.core.patch import MergeRule
from mmrotate.utils import ArgumentError, UserError

from .metrics import Asked, evaluate_results, score_names
from .scenes import check_sizes, merge_scenes, scenes_of
from .submission import Results, SubmissionError, check_folder, check_names, check_results, check_task, write_task1


class Scored:
    """The part of :class:`mmrotate.datasets.base.RotatedDataset` that results are given to."""

    IOU_THR: float | Sequence[float] = 0.5
    CLASSES: Sequence[str]
    ann_file: str
    img_prefix: str
    version: str
    has_annotations: bool

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def img_ids(self) -> Sequence[str]:
        """Name of each image without its ending."""
        raise NotImplementedError

    def get_ann_info(self, index: int) -> dict[str, np.ndarray]:
        """Annotation of image ``index``."""
        raise NotImplementedError

    def evaluate(
        self,
        results: Results,
        metric: str | Sequence[str] = 'mAP',
        logger: Any = None,
        proposal_nums: int | Sequence[int] | None = None,
        iou_thr: float | Sequence[float] | None = None,
        scale_ranges: Sequence[tuple[float, float]] | None = None,
        nproc: int = 4,
        use_07_metric: bool = True,
        iou_thrs: float | Sequence[float] | None = None,
        ratio_ranges: Sequence[tuple[float, float]] | None = None,
        classwise: bool = False,
        metric_items: str | Sequence[str] | None = None,
        heading: bool | float = False,
    ) -> dict[str, float]:
        """Score detections, in the dataset's order, against the annotations.

        The options are those of :class:`mmrotate.datasets.metrics.Asked`, and the scores those of
        :func:`~mmrotate.datasets.metrics.evaluate_results`. mAP is at the class attribute ``IOU_THR`` where no
        threshold is given. ``nproc`` is a 0.x name without effect.
        """
        del nproc
        self.check_annotated()
        annotations = [self.get_ann_info(i) for i in range(len(self))]
        asked = self._asked(
            metric=metric,
            proposal_nums=proposal_nums,
            iou_thr=iou_thr,
            scale_ranges=scale_ranges,
            use_07_metric=use_07_metric,
            iou_thrs=iou_thrs,
            ratio_ranges=ratio_ranges,
            classwise=classwise,
            metric_items=metric_items,
            heading=heading,
        )
        return evaluate_results(results, annotations, self.CLASSES, asked, logger)

    def _asked(self, **options: Any) -> Asked:
        version = getattr(self, 'version', 'r360')
        if options.get('heading') and not angle_version(version).heading:
            raise ArgumentError(f'heading is for boxes with a front, of the angle version r360; these are {version}')
        return Asked(usual=self.IOU_THR, **options)

    def check_annotated(self) -> None:
        """Raise a UserError if there are no annotations to score against."""
        if not self.has_annotations:
            raise UserError(
                f'{self.ann_file or self.img_prefix} has images without annotations: there is '
                'nothing to score against; write the detections out with --format-only or --out'
            )

    def check_submission(self, **options: Any) -> None:
        """Raise a SubmissionError if :meth:`format_results`, of the same options, could not write its files.

        Of a subclass with a ``format_results`` of its own only the names of the options are checked.
        """
        takes = inspect.signature(self.format_results).parameters
        any_other = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values())
        if not any_other and (unknown := sorted(options.keys() - takes)):
            raise SubmissionError(
                f'{type(self).__name__}.format_results does not know {unknown}; its options: {list(takes)[1:]}'
            )
        if type(self).format_results is Scored.format_results:
            check_names(self.img_ids, self.CLASSES)
            check_folder(options.get('submission_dir'))
            check_task(options.get('task', 1))
            rule = {name: options[name] for name in MergeRule._fields if options.get(name) is not None}
            check_sizes(scenes_of(self.img_ids), MergeRule(**rule), options.get('patch_size'))

    def score_names(self, **options: Any) -> list[str]:
        """Keys of what :meth:`evaluate` would give for its ``options``, known before it runs; others do not matter.

        A subclass with an ``evaluate`` of its own that gives other keys says them here, so that ``save_best`` can be
        checked before a training starts; without it they are not checked.

        Raises:
            UnknownMetricError: an unknown metric; the message lists the known ones.
            ArgumentError: options that cannot be, or that no metric takes.
        """
        known = {name: value for name, value in options.items() if name in Asked.__dataclass_fields__}
        return score_names(self._asked(**known), self.CLASSES)

    def merge_det(
        self,
        results: Results,
        nproc: int = 4,
        iou_thr: float = 0.1,
        class_agnostic: bool = False,
        iof_thr: float | None = None,
        fuse_thr: float | None = None,
        patch_size: float | None = None,
    ) -> tuple[list[str], list[list[np.ndarray]]]:
        """Names of the scenes and their results, from those of patches: see :func:`.scenes.merge_scenes`."""
        check_results(results, len(self.img_ids), self.CLASSES)
        rule = dict(class_agnostic=class_agnostic, iof_thr=iof_thr, fuse_thr=fuse_thr)
        return merge_scenes(finite_results(results), self.img_ids, iou_thr, nproc, patch_size, **rule)

    def format_results(
        self,
        results: Results,
        submission_dir: str | None = None,
        nproc: int = 4,
        with_zip: bool = True,
        task: int = 1,
        iou_thr: float | None = None,
        class_agnostic: bool | None = None,
        iof_thr: float | None = None,
        fuse_thr: float | None = None,
        patch_size: float | None = None,
    ) -> tuple[list[str], str]:
        """Write files for DOTA's server of the scenes that :meth:`merge_det` gives, which takes the last options.

        See :func:`mmrotate.datasets.submission.write_task1` for the others, the files and errors.
        """
        check_names(self.img_ids, self.CLASSES)
        given = dict(
            iou_thr=iou_thr, class_agnostic=class_agnostic, iof_thr=iof_thr, fuse_thr=fuse_thr, patch_size=patch_size
        )
        # a merge_det of a subclass may take none of them
        options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        scenes, merged = self.merge_det(results, nproc, **options)
        return write_task1(merged, scenes, self.CLASSES, self.version, submission_dir, with_zip, task)
