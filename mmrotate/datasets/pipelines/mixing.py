"""Steps that make one sample of several, inside of a MultiImageMixDataset."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmrotate.registry import PIPELINES
from mmrotate.utils.errors import ArgumentError

from .boxes import centres_inside, joined_boxes, keep_boxes, large_and_compact, scale_boxes
from .compose import StepOrderError
from .geometric import RRandomFlip
from .image import resize


@PIPELINES.register_module()
@dataclass(eq=False)
class RMosaic:
    """Puts four images together at a random centre, in an image twice as large as ``img_scale``.

    Each is resized to fit into ``img_scale``; what lies beyond the new image is cut off. Objects whose centre is cut
    off go, the others stay whole, and a sample that loses all its objects so is dropped.

    Args:
        img_scale: (height, width) in pixels.
        center_ratio_range: the centre is drawn between these shares of ``img_scale``.
        min_bbox_size: objects stay whose sides are both longer, in pixels, if ``skip_filter`` is False.
        bbox_clip_border: a 0.x name without effect: a box that is cut at the border is no rectangle any more.
        skip_filter: do not ask for ``min_bbox_size``. (0.3.4 asked for it always.)
        pad_val: value of pixels that no image covers.
        prob: probability of a mosaic. (0.3.4 made one always.)
        version: angle version of the boxes, which the step does not change.
    """

    img_scale: tuple[int, int] = (640, 640)
    center_ratio_range: tuple[float, float] = (0.5, 1.5)
    min_bbox_size: float = 10
    bbox_clip_border: bool = True
    skip_filter: bool = True
    pad_val: float = 114
    prob: float = 1.0
    version: str = 'oc'

    def __post_init__(self) -> None:
        _check_scale(self.img_scale)
        _check_prob(self.prob)

    def get_indexes(self, dataset: Any) -> list[int]:
        """Indices of three further images."""
        return [int(np.random.randint(len(dataset))) for _ in range(3)]

    def __call__(self, results: dict) -> dict | None:
        """Mix; sets img_shape and pad_shape."""
        others = mixed_samples(results, 'RMosaic', 3)
        if np.random.random_sample() >= self.prob:
            return results
        h, w = self.img_scale
        x, y = (int(np.random.uniform(*self.center_ratio_range) * side) for side in (w, h))
        canvas = np.full((2 * h, 2 * w, *results['img'].shape[2:]), self.pad_val, results['img'].dtype)
        parts = [_fitted(part, h, w) for part in (results, *others)]
        for i, part in enumerate(parts):
            part_h, part_w = part['img'].shape[:2]
            _paste(canvas, part, x if i % 2 else x - part_w, y if i > 1 else y - part_h)
        return _with_objects(results, canvas, parts, 0 if self.skip_filter else self.min_bbox_size)


@PIPELINES.register_module()
@dataclass(eq=False)
class MixUp:
    """Blends the image half and half with another one, which is resized, mirrored and cut at random.

    Objects of the other image whose centre is not in the image go, the others stay whole.

    Args:
        img_scale: (height, width) in pixels that the other image is resized to fit into.
        ratio_range: it is then scaled by a factor drawn between these.
        flip_ratio: probability that it is mirrored from left to right.
        pad_val: value of pixels that it does not cover.
        max_iters: attempts to find another image with objects.
        min_bbox_size: its objects stay whose sides are both longer, in pixels, if ``skip_filter`` is False.
        min_area_ratio: a name of MMDetection without effect, as boxes are not cut.
        max_aspect_ratio: its objects stay whose sides have at most this ratio, if ``skip_filter`` is False.
        bbox_clip_border: without effect, see :class:`RMosaic`.
        skip_filter: do not ask for ``min_bbox_size`` and ``max_aspect_ratio``.
        version: angle version of the boxes: 'oc', 'le90' or 'le135'; in a dataset by default that of the dataset.
    """

    img_scale: tuple[int, int] = (640, 640)
    ratio_range: tuple[float, float] = (0.5, 1.5)
    flip_ratio: float = 0.5
    pad_val: float = 114
    max_iters: int = 15
    min_bbox_size: float = 5
    min_area_ratio: float = 0.2
    max_aspect_ratio: float = 20
    bbox_clip_border: bool = True
    skip_filter: bool = True
    version: str = 'oc'

    def __post_init__(self) -> None:
        _check_scale(self.img_scale)

    def get_indexes(self, dataset: Any) -> int:
        """Index of another image, with objects if one is found."""
        for _ in range(self.max_iters):
            index = int(np.random.randint(len(dataset)))
            if len(dataset.get_ann_info(index)['bboxes']):
                break
        return index

    def __call__(self, results: dict) -> dict:
        """Mix."""
        (other,) = mixed_samples(results, 'MixUp', 1)
        if not len(other.get('gt_bboxes', ())):
            return results
        factor = np.random.uniform(*self.ratio_range)
        other = _fitted(other, *(int(side * factor) for side in self.img_scale))
        other = RRandomFlip(self.flip_ratio, version=self.version)({**other, 'img_shape': other['img'].shape})
        img = results['img']
        h, w = img.shape[:2]
        other_h, other_w = other['img'].shape[:2]
        top, left = (int(np.random.randint(max(spare, 0) + 1)) for spare in (other_h - h, other_w - w))
        canvas = np.full_like(img, self.pad_val)
        _paste(canvas, other, -left, -top)
        if not self.skip_filter:
            mask = large_and_compact(other['gt_bboxes'], self.min_bbox_size, self.max_aspect_ratio)
            keep_boxes(other, 'gt_bboxes', mask)
        mixed = (img.astype(np.float32) + canvas) / 2
        parts = [{**results}, other]
        for key in other.get('bbox_fields', []):
            keep_boxes(other, key, centres_inside(other[key], h, w))
        return _joined(results, mixed.astype(img.dtype), parts)


@dataclass
class _Cache:
    """Copies of the last samples that a step has seen, to mix with.

    Each worker of a data loader has its own, and a resumed training begins with an empty one.
    """

    size: int
    random_pop: bool
    samples: list[dict] = field(default_factory=list)

    def add(self, sample: dict) -> None:
        """Keep a copy of a sample, and drop one, at random or the oldest, if they are too many."""
        self.samples.append(copy.deepcopy(sample))
        if len(self.samples) > self.size:
            self.samples.pop(int(np.random.randint(len(self.samples))) if self.random_pop else 0)

    def draw(self) -> dict:
        """One of the samples."""
        return self.samples[int(np.random.randint(len(self.samples)))]


@PIPELINES.register_module()
@dataclass(eq=False)
class CachedMosaic(RMosaic):
    """:class:`RMosaic` of images that it has seen before, so that it stands in any pipeline and loads one image.

    Args as of the base, and:
        max_cached_images: images that are kept; until there are more than four, no image is mixed.
        random_pop: of too many the one that goes is drawn, else it is the oldest.
    """

    max_cached_images: int = 40
    random_pop: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._cache = _cache(self, 4)

    def get_indexes(self, dataset: Any) -> list[int]:
        """No further images."""
        return []

    def __call__(self, results: dict) -> dict | None:
        """Mix; sets img_shape and pad_shape."""
        self._cache.add(results)
        if len(self._cache.samples) <= 4:
            return results
        return _without_mixed(super().__call__({**results, 'mix_results': [self._cache.draw() for _ in range(3)]}))


@PIPELINES.register_module()
@dataclass(eq=False)
class CachedMixUp(MixUp):
    """:class:`MixUp` with an image that it has seen before, so that it stands in any pipeline and loads one image.

    Args as of the base, and:
        max_cached_images: images that are kept; the first one is not mixed.
        random_pop: of too many the one that goes is drawn, else it is the oldest.
        prob: probability of a mixture.
    """

    max_cached_images: int = 20
    random_pop: bool = True
    prob: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_prob(self.prob)
        self._cache = _cache(self, 1)

    def get_indexes(self, dataset: Any) -> list[int]:  # type: ignore[override]
        """No further images."""
        return []

    def __call__(self, results: dict) -> dict:
        """Mix."""
        self._cache.add(results)
        if len(self._cache.samples) <= 1 or np.random.random_sample() >= self.prob:
            return results
        for _ in range(self.max_iters):
            other = self._cache.draw()
            if len(other.get('gt_bboxes', ())):
                break
        return _without_mixed(super().__call__({**results, 'mix_results': [other]}))


def _cache(step: Any, least: int) -> _Cache:
    if step.max_cached_images <= least:
        raise ArgumentError(f'max_cached_images must be above {least}, got {step.max_cached_images}')
    return _Cache(step.max_cached_images, step.random_pop)


def _without_mixed(results: Any) -> Any:
    """A sample, or None, without those it was mixed of."""
    if results is not None:
        results.pop('mix_results', None)
    return results


def _check_prob(prob: float) -> None:
    if not 0 <= prob <= 1:
        raise ArgumentError(f'prob must be in [0, 1], got {prob}')


def _check_scale(img_scale: Sequence[int]) -> None:
    if len(img_scale) != 2 or min(img_scale) < 1:
        raise ArgumentError(f'img_scale must be (height, width) in pixels, got {img_scale!r}')


def mixed_samples(results: dict, name: str, count: int) -> list[dict]:
    """The further samples of a step."""
    others = results.get('mix_results', ())
    if len(others) != count:
        raise StepOrderError(f'{name} mixes {count + 1} images: it stands in the pipeline of a MultiImageMixDataset')
    return list(others)


def _fitted(part: dict, h: int, w: int) -> dict:
    """A copy of a sample, resized to fit into a height and a width."""
    img_h, img_w = part['img'].shape[:2]
    factor = min(h / img_h, w / img_w)
    img = resize(part['img'], (int(img_w * factor), int(img_h * factor)))
    scales = img.shape[1] / img_w, img.shape[0] / img_h
    boxes = {key: scale_boxes(part[key], *scales) for key in part.get('bbox_fields', [])}
    return {**part, 'img': img, **boxes}


def _paste(canvas: np.ndarray, part: dict, left: int, top: int) -> None:
    """Put an image into another, of which it may stick out, and move its boxes along."""
    into = canvas[max(top, 0) :, max(left, 0) :]
    img = part['img'][max(-top, 0) :, max(-left, 0) :][: into.shape[0], : into.shape[1]]
    into[: img.shape[0], : img.shape[1]] = img
    for key in part.get('bbox_fields', []):
        part[key] = part[key] + np.array([left, top, 0, 0, 0], np.float32)


def _with_objects(results: dict, img: np.ndarray, parts: list[dict], min_size: float) -> dict | None:
    """The sample of an image and the objects in it; None if there were some, but none is left."""
    had_objects = any(len(part.get('gt_bboxes', ())) for part in parts)
    _joined(results, img, parts)
    for key in results.get('bbox_fields', []):
        large = (results[key][:, 2:4] > min_size).all(1)
        keep_boxes(results, key, centres_inside(results[key], *img.shape[:2]) & large)
    return None if had_objects and not len(results['gt_bboxes']) else results


def _joined(results: dict, img: np.ndarray, parts: list[dict]) -> dict:
    """The sample of an image and of all objects of its parts."""
    for key in results.get('bbox_fields', []):
        results[key] = joined_boxes(parts, key)
    if 'gt_labels' in results:
        results['gt_labels'] = np.concatenate([part['gt_labels'] for part in parts])
    results.update(img=img, img_shape=img.shape, pad_shape=img.shape)
    return results
