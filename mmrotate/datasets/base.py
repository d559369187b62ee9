"""What all datasets of rotated boxes share; a subclass says how annotations are found and read."""

import collections
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from mmrotate.core.bbox import obb2hbb, obb2xyxy
from mmrotate.utils import ArgumentError, UserError, get_root_logger
from mmrotate.utils.files import near_files

from .formats import ClassNames, Labels, Reader, load_data, pack_labels, read_table
from .pipelines import BadImageError, Compose
from .pipelines.versions import inherit_version
from .scored import Scored
from .submission import Results


class RotatedDataset(Scored, Dataset):
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
        proposal_file: pickle or JSON file with an array (n, 5) or, with scores, (n, 6) for each image of the
            annotations, in their order, for the step LoadProposals.
        horizontal: train on the upright boxes around the labelled ones, as if there were no others: for methods that
            learn from such labels. Not in test mode: results are compared with what was labelled.
    """

    CLASSES: Sequence[str] = ()
    PALETTE: Any = None
    # objects above it are to be ignored
    difficulty: int = 100

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
        proposal_file: str | None = None,
        horizontal: bool = False,
    ) -> None:
        if horizontal and test_mode:
            raise ArgumentError('horizontal=True is for training: a test compares results with what was labelled')
        self.ann_file = _join(data_root, ann_file)
        self.img_prefix = _join(data_root, img_prefix)
        self.data_root, self.version = data_root, version
        self.test_mode, self.filter_empty_gt, self.horizontal = test_mode, filter_empty_gt, horizontal
        self.CLASSES = self.get_classes(classes)  # of this instance; they cover the class's own
        self.has_annotations = True
        self.bad_images: dict[str, int] = {}
        self.outside: dict[str, int] = {}
        self.set_pipeline(pipeline)
        self.data_infos = self.load_annotations(self.ann_file)
        self._fill_annotations()
        if proposal_file is not None:
            self._add_proposals(_join(data_root, proposal_file))
        if not test_mode and filter_empty_gt:
            self._filter_empty()

    @cached_property
    def img_ids(self) -> list[str]:
        """Name of each image without its ending."""
        return [os.path.splitext(os.path.basename(self.image_name(i)))[0] for i in range(len(self))]

    def set_pipeline(self, pipeline: Sequence[dict]) -> None:
        """Make samples by these steps from now on (in worker processes: from their next start on)."""
        self.pipeline = Compose(inherit_version(pipeline, self.version))

    def load_annotations(self, ann_file: str) -> list[dict]:
        """Give ``data_infos``, in test mode without ``ann`` if there are no annotations at all.

        Raises:
            MissingFilesError: annotations or images are not there.
            LabelError: annotations cannot be read.
        """
        raise NotImplementedError

    @property
    def own_classes(self) -> tuple[str, ...]:
        """The classes of the data set, of which the argument ``classes`` may be a part."""
        return tuple(type(self).CLASSES)

    def class_names(self) -> ClassNames:
        """The classes to read; of a data set's own classes the others are known, to be left out."""
        own = self.own_classes
        index = {name: i for i, name in enumerate(self.CLASSES)}
        return ClassNames(index, own if set(index) <= set(own) else ())

    def read_annotations(self, files: Mapping[str, str | Path], reader: Reader, names: ClassNames) -> list[dict]:
        """``data_infos`` from label files, given by the name of their image; what is left out is said once.

        Raises:
            LabelError: a file cannot be read, see :func:`mmrotate.datasets.formats.read_labels`.
        """
        table = read_table(files, reader, names, self.version, Path(self.img_prefix), self.CLASSES)
        if table.degenerate.any():
            _warn_degenerate(dict(zip(map(str, files.values()), table.degenerate.tolist(), strict=True)))
        _tell_others(table.left_out().values())
        annotations = table.annotations(self.difficulty)
        return [{'filename': name, 'ann': ann} for name, ann in zip(files, annotations, strict=True)]

    def pack_annotations(self, found: Mapping[str, Labels], places: Mapping[str, str | Path]) -> list[dict]:
        """``data_infos`` from labels by the name of their image, and their files; what is left out is said."""
        degenerate: collections.Counter[str] = collections.Counter()
        for name, labels in found.items():
            degenerate[os.fspath(places[name])] += labels.degenerate
        _warn_degenerate(degenerate)
        _tell_others(labels.others for labels in found.values())
        return [dict(filename=name, ann=labels.annotation(self.difficulty)) for name, labels in found.items()]

    @classmethod
    def get_classes(cls, classes: str | Sequence[str] | None = None) -> Sequence[str]:
        """Class names, from what the argument ``classes`` may be: a list stays one, all else gives a tuple."""
        if classes is None:
            if not cls.CLASSES:
                raise ArgumentError(f'{cls.__name__} has no classes of its own: give classes=[...]')
            return tuple(cls.CLASSES)
        if not isinstance(classes, Sequence):
            raise TypeError(f'classes: a name, a file or a list of names, got {classes!r}')
        names = _class_names(classes) if isinstance(classes, str) else tuple(classes)
        if not names or not all(isinstance(name, str) and name for name in names):
            raise ArgumentError(f'classes must be one or more names, got {classes!r}')
        if len(set(names)) < len(names):
            raise ArgumentError(f'classes holds a name twice: {names}')
        return list(names) if isinstance(classes, list) else names

    def _filter_empty(self) -> None:
        found = len(self.data_infos)
        self.data_infos = [info for i, info in enumerate(self.data_infos) if self.get_cat_ids(i)]
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
                failures.append(f'the pipeline dropped {self.image_name(index)}')
            except BadImageError as error:
                failures.append(str(error))
                self._note_bad_image(index, error)
            index = int(np.random.randint(len(self)))
        raise BadImageError(f'{len(failures)} samples in a row failed, the last: {failures[-1]}')

    def _note_bad_image(self, index: int, error: BadImageError) -> None:
        name = self.image_name(index)
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

    def get_cat2imgs(self) -> dict[int, list[int]]:
        """Indices of the images that hold each class, by its label."""
        return images_of_classes(self)

    def image_name(self, index: int) -> str:
        """Name of image ``index`` in files of results; no other image of the dataset has it."""
        given = self.data_infos[index]['filename']
        return given if isinstance(given, str) else given[0]  # of several files with a channel each

    def image_path(self, index: int) -> str:
        """File of image ``index``."""
        return os.path.join(self.img_prefix, self.image_name(index))

    @property
    def leaves(self) -> list['RotatedDataset']:
        """The single datasets that this one is made of: itself; a wrapper's are those it wraps."""
        return [self]

    def of_leaves(self, results: Results) -> list[tuple['RotatedDataset', Results]]:
        """Each of the :attr:`leaves` with its part of ``results``."""
        return [(self, results)]

    def _fill_annotations(self) -> None:
        """In a test images may be without ``ann``: they get one without objects."""
        if not self.test_mode or not self.data_infos or any('ann' in info for info in self.data_infos):
            return
        try:
            self.get_ann_info(0)  # a subclass may have them elsewhere
        except KeyError:
            self.has_annotations = False
            nothing = pack_labels([], self.version).annotation(self.difficulty)
            self.data_infos = [{**info, 'ann': dict(nothing)} for info in self.data_infos]

    def load_proposals(self, proposal_file: str) -> list:
        """Arrays of proposals, one for each image of the annotations."""
        return load_data(proposal_file)

    def _add_proposals(self, proposal_file: str) -> None:
        proposals = self.load_proposals(proposal_file)
        if len(proposals) != len(self.data_infos):
            raise UserError(f'{proposal_file} has proposals for {len(proposals)} images, not {len(self.data_infos)}')
        self.data_infos = [{**i, 'proposals': p} for i, p in zip(self.data_infos, proposals, strict=True)]

    def _results(self, index: int) -> dict:
        info = self.data_infos[index]
        proposals = {'proposals': info['proposals']} if 'proposals' in info else {}
        return dict(img_info=info, img_prefix=self.img_prefix, img_fields=[], bbox_fields=[], **proposals)

    def prepare_train_img(self, index: int) -> dict | None:
        """Training sample ``index``; None if a step of the pipeline drops it."""
        labels = self.get_ann_info(index)
        if self.horizontal:
            boxes = {name: obb2hbb(labels[name], self.version) for name in ('bboxes', 'bboxes_ignore')}
            labels = {**labels, **boxes}
        return self._run_pipeline(index, {**self._results(index), 'ann_info': labels})

    def prepare_test_img(self, index: int) -> dict:
        """Test sample ``index``."""
        if (sample := self._run_pipeline(index, self._results(index))) is None:
            raise ValueError(f'the test pipeline dropped {self.image_name(index)}')
        return sample

    def _run_pipeline(self, index: int, results: dict) -> dict | None:
        sample = self.pipeline(results)
        if 'ori_shape' in results:  # the size of an image is known once it is loaded
            self._note_outside(index, results['ori_shape'])
        return sample

    def _note_outside(self, index: int, shape: Sequence[int]) -> None:
        """Count the boxes that lie wholly outside of their image; the 1st, 10th, 100th ... such image is told."""
        name, boxes = self.image_name(index), self.get_ann_info(index)['bboxes']
        if name in self.outside or not len(boxes):
            return
        left, top, right, bottom = obb2xyxy(boxes, self.version).T
        outside = (right <= 0) | (bottom <= 0) | (left >= shape[1]) | (top >= shape[0])
        if not outside.any():
            return
        self.outside[name] = int(outside.sum())
        if math.log10(count := len(self.outside)).is_integer():
            get_root_logger().warning(
                f'{sum(self.outside.values())} boxes in {count} images so far lie wholly outside of their image, the '
                f'latest in {name}'
            )

    def __repr__(self) -> str:
        mode = 'test' if self.test_mode else 'train'
        return f'{type(self).__name__}({len(self)} images, {mode}, classes={list(self.CLASSES)})'


def images_of_classes(dataset: Any) -> dict[int, list[int]]:
    """Indices of the images of a dataset that hold each class, by its label."""
    images: dict[int, list[int]] = {label: [] for label in range(len(dataset.CLASSES))}
    for i in range(len(dataset)):
        for label in set(dataset.get_cat_ids(i)):
            images[label].append(i)
    return images


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


def _warn_degenerate(counts: Mapping[str, int]) -> None:
    """One warning for all dropped boxes, with the files they stand in."""
    counts = {path: count for path, count in counts.items() if count}
    if not counts:
        return
    shown = [f'{path} ({count})' for path, count in list(counts.items())[:10]]
    more = f' and {len(counts) - 10} more' if len(counts) > 10 else ''
    get_root_logger().warning(
        f'{sum(counts.values())} degenerate boxes in {len(counts)} label files dropped: {", ".join(shown)}{more}'
    )


def _tell_others(counts: Iterable[collections.Counter[str]]) -> None:
    """One line for all objects of classes that are known but left out."""
    if others := sum(filter(None, counts), collections.Counter()):
        shown = ', '.join(f'{name} ({count})' for name, count in others.most_common())
        get_root_logger().info(f'{others.total()} objects of classes that are not asked for left out: {shown}')
