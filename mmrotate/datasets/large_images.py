"""Training from large images as they are: a sample is a window, which is read when its turn comes."""

import copy
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from mmrotate.core.bbox import obb2poly_np, polys2obb_np
from mmrotate.core.patch import WindowRules
from mmrotate.core.raster import Raster
from mmrotate.registry import DATASETS
from mmrotate.utils import UserError, get_root_logger
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.files import write_atomically
from mmrotate.utils.journal import file_stamp

from .base import RotatedDataset
from .pipelines.loading import LoadPatchFromImage
from .scenes import patch_name
from .splitting import CUT
from .wrappers import Resampled


class _Objects(NamedTuple):
    """All objects of an image, those to ignore last."""

    polygons: np.ndarray  # float32 (n, 8)
    labels: np.ndarray  # int64 (n,)
    ignored: np.ndarray  # bool (n,)


class _Index(NamedTuple):
    """The windows (n) of all images, and their objects (m), one window after the other."""

    image: np.ndarray  # int64 (n,), which image
    window: np.ndarray  # int64 (n, 4): left, top, right, bottom
    size: np.ndarray  # int64 (n,), number of objects
    object: np.ndarray  # int64 (m,), which of the image's
    cut: np.ndarray  # bool (m,)
    boxes: np.ndarray  # float32 (m, 5), in pixels of the window
    polygons: np.ndarray  # float32 (m, 8)


@DATASETS.register_module()
class LargeImageDataset(Resampled):
    """The windows of a dataset's large images, which are those of ``mmrotate split`` with its options.

    The first step of the pipeline is LoadPatchFromImage. Windows without objects follow ``filter_empty_gt`` of the
    dataset.

    Args:
        dataset: A single dataset of large images; its ``difficulty`` also holds for objects of which a part is cut off,
            with the difficulty 2.
        sizes: See :class:`mmrotate.core.patch.WindowRules`, as for the next four.
        gaps: Likewise.
        rates: Likewise.
        img_rate_thr: Likewise.
        iof_thr: Likewise.
        empty_share: In training, the share of an epoch, in [0, 1), that windows without objects have; which of them is
            drawn at random for each sample. None: each comes once. There must be ``filter_empty_gt=False``.
        index_file: A file ``.npz`` that keeps the index of the windows; it is made anew when images, labels or options
            have changed. None: the index is made at every start.

    Raises:
        ArgumentError: Arguments that cannot be used, or another dataset or pipeline.
    """

    def __init__(
        self,
        dataset: RotatedDataset,
        sizes: Sequence[int] = (1024,),
        gaps: Sequence[int] = (200,),
        rates: Sequence[float] = (1.0,),
        img_rate_thr: float = 0.6,
        iof_thr: float = 0.7,
        empty_share: float | None = None,
        index_file: str | None = None,
    ) -> None:
        rules = WindowRules(tuple(sizes), tuple(gaps), tuple(rates), img_rate_thr, iof_thr)
        _check(dataset, empty_share)
        windowed = _in_windows(dataset, rules, index_file)
        balanced = empty_share is not None and not dataset.test_mode
        order = sorted(range(len(windowed)), key=lambda i: not windowed.get_cat_ids(i)) if balanced else None
        super().__init__(windowed, order or range(len(windowed)))
        self._empty: Sequence[int] = ()
        if order and empty_share is not None:
            self._full = sum(bool(windowed.get_cat_ids(i)) for i in order)
            if not self._full:
                raise UserError(f'no window of {dataset.ann_file} has an object to train on')
            slots = round(self._full * empty_share / (1 - empty_share))
            self._empty, self.repeat_indices = order[self._full :], order[: self._full + slots]

    def __getitem__(self, index: int) -> dict:
        if self._empty and self._checked(index) >= self._full:
            return self.dataset[int(np.random.choice(self._empty))]
        return super().__getitem__(index)

    def image_path(self, index: int) -> str:
        """Windows have no files of their own: a UserError."""
        raise UserError(
            f'{self.image_name(index)} is a window, not a file: LargeImageDataset is for training and validation; '
            'test and draw on tiles of mmrotate split, or search whole images by mmrotate infer'
        )


def _check(dataset: RotatedDataset, empty_share: float | None) -> None:
    if not isinstance(dataset, RotatedDataset):
        raise ArgumentError(f'LargeImageDataset takes a single dataset, got {type(dataset).__name__}: wrap it instead')
    if not any(isinstance(step, LoadPatchFromImage) for step in dataset.pipeline.transforms):
        raise ArgumentError('LargeImageDataset: the pipeline begins with LoadPatchFromImage, not LoadImageFromFile')
    if empty_share is None:
        return
    if not 0 <= empty_share < 1:
        raise ArgumentError(f'empty_share must be in [0, 1), got {empty_share!r}')
    if dataset.filter_empty_gt and not dataset.test_mode:
        raise ArgumentError('empty_share needs filter_empty_gt=False: the dataset leaves out images without objects')


def _in_windows(dataset: RotatedDataset, rules: WindowRules, index_file: str | None) -> RotatedDataset:
    """The dataset with a window in the place of each image."""
    objects = [_objects(dataset, i) for i in range(len(dataset))]
    index = _load_or_make(dataset, objects, rules, index_file)
    windowed = copy.copy(dataset)
    infos = list(_infos(dataset, objects, index))
    if dataset.filter_empty_gt and not dataset.test_mode:
        infos = [info for info in infos if len(info['ann']['labels'])]
    windowed.data_infos = infos
    windowed.img_ids = [Path(info['filename']).stem for info in infos]
    windowed.bad_images, windowed.outside = {}, {}
    text = f'{len(dataset)} images have {len(index.image)} windows, of which {len(infos)} are taken'
    get_root_logger().info(text)
    return windowed


def _objects(dataset: RotatedDataset, i: int) -> _Objects:
    ann = dataset.get_ann_info(i)
    kept, ignored = (np.asarray(ann.get(key, ()), np.float32).reshape(-1, 5) for key in ('bboxes', 'bboxes_ignore'))
    corners = [
        np.asarray(ann[key], np.float32) if key in ann else obb2poly_np(boxes, dataset.version).astype(np.float32)
        for key, boxes in (('polygons', kept), ('polygons_ignore', ignored))
    ]
    labels = [ann['labels'], ann.get('labels_ignore', np.full(len(ignored), -1))]
    return _Objects(
        np.concatenate(corners),
        np.concatenate(labels).astype(np.int64),
        np.arange(len(kept) + len(ignored)) >= len(kept),
    )


def _infos(dataset: RotatedDataset, objects: Sequence[_Objects], index: _Index) -> Iterator[dict]:
    ends = np.cumsum(index.size)
    for image, window, start, end in zip(index.image, index.window.tolist(), ends - index.size, ends, strict=True):
        held, boxes, polygons = index.object[start:end], index.boxes[start:end], index.polygons[start:end]
        _, labels, ignored = objects[image]
        ignore = np.where(index.cut[start:end], dataset.difficulty < CUT, ignored[held])
        every = {'bboxes': boxes, 'labels': labels[held], 'polygons': polygons}
        parts = (('', ~ignore), ('_ignore', ignore))
        name = dataset.image_name(image)
        scene = Path(name)
        left, top, right, _ = window
        patch = scene.with_name(f'{patch_name(scene.stem, right - left, left, top)}{scene.suffix}')
        ann = {f'{key}{end}': values[mask] for end, mask in parts for key, values in every.items()}
        yield dict(filename=str(patch), scene=name, win=window, ann=ann)


def _load_or_make(
    dataset: RotatedDataset, objects: Sequence[_Objects], rules: WindowRules, index_file: str | None
) -> _Index:
    if index_file is None:
        return _make(dataset, objects, rules)
    key, path = _key(dataset, objects, rules), Path(index_file)
    try:
        with np.load(path, allow_pickle=False) as found:
            if str(found['key']) == key:
                return _Index(*(found[name] for name in _Index._fields))
        get_root_logger().info(f'{path} is of other images, labels or options: made anew')
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, EOFError) as error:  # what NumPy says of files of other kinds
        get_root_logger().warning(f'{path} is no index of windows ({error}): made anew')
    index = _make(dataset, objects, rules)
    data = io.BytesIO()
    np.savez(data, key=np.array(key), **index._asdict())
    write_atomically(path, data.getvalue())
    return index


def _key(dataset: RotatedDataset, objects: Sequence[_Objects], rules: WindowRules) -> str:
    """What the index depends on, as a short text."""
    digest = hashlib.sha256(json.dumps([asdict(rules), dataset.version]).encode())
    for i, (polygons, _, _) in enumerate(objects):
        digest.update(json.dumps([dataset.image_name(i), file_stamp(dataset.image_path(i))]).encode())
        digest.update(polygons.tobytes())
    return digest.hexdigest()


def _make(dataset: RotatedDataset, objects: Sequence[_Objects], rules: WindowRules) -> _Index:
    rows: list[tuple] = []
    for i in tqdm(range(len(dataset)), 'windows', disable=None):
        with Raster(dataset.image_path(i)) as image:
            windows = rules.windows(image.width, image.height)
        polygons = objects[i].polygons
        for window, held in zip(windows, rules.share_out(polygons, windows), strict=True):
            moved = polygons[held.objects] - np.tile(window[:2], 4).astype(np.float32)
            rows.append((i, window, len(held.objects), held.objects, held.cut, moved))
    numbers, places, sizes, held_objects, cuts, moved_corners = zip(*rows, strict=True)
    corners = np.concatenate(moved_corners)
    boxes = polys2obb_np(corners, dataset.version)[0].astype(np.float32)
    objects_and_cuts = np.concatenate(held_objects), np.concatenate(cuts)
    return _Index(np.array(numbers), np.array(places), np.array(sizes), *objects_and_cuts, boxes, corners)
