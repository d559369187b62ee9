"""What a dataset does with results: scores, scenes of patches, files for a test server."""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmrotate.core.evaluation import finite_results
from mmrotate.utils import UserError

from .metrics import evaluate_map, score_names
from .scenes import merge_scenes
from .submission import Results, SubmissionError, check_folder, check_names, check_results, write_task1


class Scored:
    """The part of :class:`mmrotate.datasets.base.RotatedDataset` that results are given to."""

    IOU_THR: float | Sequence[float] = 0.5
    CLASSES: tuple[str, ...]
    ann_file: str
    img_prefix: str
    version: str
    has_annotations: bool
    img_ids: list[str]

    def __len__(self) -> int:
        raise NotImplementedError

    def get_ann_info(self, index: int) -> dict[str, np.ndarray]:
        """Annotation of image ``index``."""
        raise NotImplementedError

    def evaluate(
        self,
        results: Results,
        metric: str | Sequence[str] = 'mAP',
        logger: Any = None,
        proposal_nums: Any = None,
        iou_thr: float | Sequence[float] | None = None,
        scale_ranges: Sequence[tuple[float, float]] | None = None,
        nproc: int = 4,
        use_07_metric: bool = True,
    ) -> dict[str, float]:
        """Score detections, in the dataset's order, against the annotations.

        The arguments are those of :func:`mmrotate.datasets.metrics.evaluate_map`, but ``iou_thr`` None (the default)
        stands for the class attribute ``IOU_THR``. ``proposal_nums`` and ``nproc`` are 0.x names without effect.
        """
        del proposal_nums, nproc
        self.check_annotated()
        annotations = [self.get_ann_info(i) for i in range(len(self))]
        thresholds = self.IOU_THR if iou_thr is None else iou_thr
        return evaluate_map(results, annotations, self.CLASSES, metric, logger, thresholds, scale_ranges, use_07_metric)

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

    def score_names(
        self,
        metric: str | Sequence[str] = 'mAP',
        iou_thr: float | Sequence[float] | None = None,
        scale_ranges: Sequence[tuple[float, float]] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Keys of what :meth:`evaluate` would give for these of its arguments, known before it runs.

        A subclass with an ``evaluate`` of its own that gives other keys says them here, so that ``save_best`` can be
        checked before a training starts; without it they are not checked.

        Raises:
            UnknownMetricError: an unknown metric; the message lists the known ones.
        """
        del kwargs
        return score_names(metric, self.IOU_THR if iou_thr is None else iou_thr, scale_ranges)

    def merge_det(
        self, results: Results, nproc: int = 4, iou_thr: float = 0.1
    ) -> tuple[list[str], list[list[np.ndarray]]]:
        """Names of the scenes and their results, from those of patches: see :func:`.scenes.merge_scenes`.

        ``nproc`` is a 0.x name: one process is fast enough.
        """
        del nproc
        check_results(results, len(self.img_ids), self.CLASSES)
        return merge_scenes(finite_results(results), self.img_ids, iou_thr)

    def format_results(
        self, results: Results, submission_dir: str | None = None, nproc: int = 4, with_zip: bool = True
    ) -> tuple[list[str], str]:
        """Write DOTA Task 1 files of the scenes that :meth:`merge_det` gives.

        See :func:`mmrotate.datasets.submission.write_task1` for the files and errors.
        """
        check_names(self.img_ids, self.CLASSES)
        scenes, merged = self.merge_det(results, nproc)
        return write_task1(merged, scenes, self.CLASSES, self.version, submission_dir, with_zip)
