"""What all datasets of rotated boxes share; a subclass says how annotations are found and read."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from mmrotate.utils import UserError, get_root_logger
from mmrotate.utils.files import near_files

from .metrics import evaluate_map, score_names
from .pipelines import BadImageError, Compose
from .pipelines.versions import inherit_version
from .submission import Results, write_task1


class RotatedDataset(Dataset):
    """Images with rotated boxes.

    ``data_infos`` holds per image dict(filename, ann), with ann = dict(bboxes (n, 5) float32, labels (n,) int64,
    bboxes_ignore (k, 5), labels_ignore (k,)), pixels and radians.

    Args:
        ann_file: file or folder of the annotations, relative to ``data_root`` or absolute.
        pipeline: the steps, see :class:`mmrotate.datasets.pipelines.Compose`.
        version: angle version of the boxes: 'oc', 'le90' or 'le135'; also that of the steps whose config names none.
        classes: class names: a sequence, a single name, or the path of a file with one name a line. None: the class
            attribute ``CLASSES``.
        data_root: folder that relative paths start from.
        img_prefix: folder of the images.
        test_mode: samples are made by the test pipeline, without annotations, from all images.
        filter_empty_gt: in training leave out the images without objects.
    """

    CLASSES: tuple[str, ...] = ()
    PALETTE: Any = None
    IOU_THR: float | Sequence[float] = 0.5

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[dict],
        version: str = 'oc',
        classes: str | Sequence[str] | None = None,
        data_root: str | None = None,
        img_prefix: str = '',
        test_mode: bool = False,
        filter_empty_gt: bool = True,
    ) -> None:
        self.ann_file = _join(data_root, ann_file)
        self.img_prefix = _join(data_root, img_prefix)
        self.data_root, self.version = data_root, version
        self.test_mode, self.filter_empty_gt = test_mode, filter_empty_gt
        self.CLASSES = self.get_classes(classes)  # of this instance; they cover the class's own
        self.has_annotations = True
        self.bad_images: dict[str, int] = {}
        self.pipeline = Compose(inherit_version(pipeline, version))
        self.data_infos = self.load_annotations(self.ann_file)
        if not test_mode and filter_empty_gt:
            self._filter_empty()
        self.img_ids = [Path(info['filename']).stem for info in self.data_infos]

    def load_annotations(self, ann_file: str) -> list[dict]:
        """Give ``data_infos``; may set ``has_annotations`` to False.

        Raises:
            MissingFilesError: annotations or images are not there.
            LabelError: annotations cannot be read.
        """
        raise NotImplementedError

    @classmethod
    def get_classes(cls, classes: str | Sequence[str] | None = None) -> tuple[str, ...]:
        """Class names, from what the argument ``classes`` may be."""
        if classes is None:
            if not cls.CLASSES:
                raise ValueError(f'{cls.__name__} has no classes of its own: give classes=[...]')
            return tuple(cls.CLASSES)
        if not isinstance(classes, Sequence):
            raise TypeError(f'classes: a name, a file or a list of names, got {classes!r}')
        names = _class_names(classes) if isinstance(classes, str) else tuple(classes)
        if not names or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f'classes must be one or more names, got {classes!r}')
        if len(set(names)) < len(names):
            raise ValueError(f'classes holds a name twice: {names}')
        return names

    def _filter_empty(self) -> None:
        found = len(self.data_infos)
        self.data_infos = [info for info in self.data_infos if len(info['ann']['labels'])]
        if not self.data_infos:
            raise UserError(
                f'none of the {found} images of {self.ann_file} has an object to train on '
                '(filter_empty_gt=False keeps images without objects)'
            )
        if left_out := found - len(self.data_infos):
            get_root_logger().info(f'{left_out} of {found} images have no objects: left out')

    def __len__(self) -> int:
        return len(self.data_infos)

    def __getitem__(self, index: int) -> dict:
        """Sample ``index``, as the pipeline makes it.

        In training an image that cannot be read is skipped: a warning names it, it is counted in ``bad_images`` (per
        data loader worker), and a random other sample is given.

        Raises:
            BadImageError: test mode, or ten unreadable images in a row.
        """
        if self.test_mode:
            return self.prepare_test_img(index)
        failures: list[str] = []
        while len(failures) < 10:
            try:
                if (sample := self.prepare_train_img(index)) is not None:
                    return sample
                failures.append(f'the pipeline dropped {self.data_infos[index]["filename"]}')
            except BadImageError as error:
                failures.append(str(error))
                self._note_bad_image(index, error)
            index = int(np.random.randint(len(self)))
        raise BadImageError(f'{len(failures)} samples in a row failed, the last: {failures[-1]}')

    def _note_bad_image(self, index: int, error: BadImageError) -> None:
        name = self.data_infos[index]['filename']
        self.bad_images[name] = self.bad_images.get(name, 0) + 1
        if self.bad_images[name] == 1:
            count = len(self.bad_images)
            get_root_logger().warning(f'{error}; another sample is taken ({count} bad images so far)')

    def get_ann_info(self, index: int) -> dict[str, np.ndarray]:
        """Annotation of image ``index``, see the class."""
        return self.data_infos[index]['ann']

    def get_cat_ids(self, index: int) -> list[int]:
        """Label of every object of image ``index``."""
        return self.get_ann_info(index)['labels'].tolist()

    def _results(self, index: int) -> dict:
        return dict(img_info=self.data_infos[index], img_prefix=self.img_prefix, img_fields=[], bbox_fields=[])

    def prepare_train_img(self, index: int) -> dict | None:
        """Training sample ``index``; None if a step of the pipeline drops it."""
        return self.pipeline({**self._results(index), 'ann_info': self.get_ann_info(index)})

    def prepare_test_img(self, index: int) -> dict:
        """Test sample ``index``."""
        if (sample := self.pipeline(self._results(index))) is None:
            raise ValueError(f'the test pipeline dropped {self.data_infos[index]["filename"]}')
        return sample

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
        if not self.has_annotations:
            raise UserError(
                f'{self.ann_file or self.img_prefix} has images without annotations: there is '
                'nothing to score against; write the detections out with --format-only or --out'
            )
        annotations = [self.get_ann_info(i) for i in range(len(self))]
        thresholds = self.IOU_THR if iou_thr is None else iou_thr
        return evaluate_map(results, annotations, self.CLASSES, metric, logger, thresholds, scale_ranges, use_07_metric)

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

    def format_results(
        self, results: Results, submission_dir: str | None = None, nproc: int = 4, with_zip: bool = True
    ) -> tuple[list[str], str]:
        """Write DOTA Task 1 files: :func:`mmrotate.datasets.submission.write_task1`."""
        del nproc  # 0.x name; writing needs no processes
        return write_task1(results, self.img_ids, self.CLASSES, self.version, submission_dir, with_zip)

    def __repr__(self) -> str:
        mode = 'test' if self.test_mode else 'train'
        return f'{type(self).__name__}({len(self)} images, {mode}, classes={list(self.CLASSES)})'


def _join(root: str | None, path: str | None) -> str:
    return os.path.join(root or '', path) if path else ''


def _class_names(text: str) -> tuple[str, ...]:
    """Names from the path of a file, or the single name that ``text`` is."""
    if os.path.isfile(text):
        lines = Path(text).read_text(encoding='utf-8-sig').splitlines()
        return tuple(line.strip() for line in lines if line.strip())
    if '/' in text or text.endswith('.txt'):
        raise FileNotFoundError(f'classes: no file {text}{near_files(Path(text))}')
    return (text,)
