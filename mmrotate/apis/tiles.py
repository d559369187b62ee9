"""Detection in windows of an image that is too large for the detector, and one result of them all."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from mmrotate.core.bbox import bbox_flip
from mmrotate.core.evaluation import finite_results
from mmrotate.core.patch import MergeRule, RowMerge
from mmrotate.datasets import collate
from mmrotate.engine.batches import to_device
from mmrotate.utils.prefetch import prefetched

from .inference import Preparation, Result

FLIPS: dict[str, Any] = {'horizontal': np.s_[:, ::-1], 'vertical': np.s_[::-1], 'diagonal': np.s_[::-1, ::-1]}
Window = Sequence[int]  # left, top, right, bottom in pixels


class _View(NamedTuple):
    """A window as the detector sees it, one way up; without a sample where there is nothing to see."""

    number: int
    flip: str
    sample: dict[str, Any] | None
    shape: tuple[int, ...] = ()


def detect_windows(
    model: Any,
    read: Callable[[Window], np.ndarray | None],
    windows: np.ndarray,
    rule: MergeRule,
    flips: Sequence[str] = (),
    batch_size: int = 1,
    score_thr: float = 0.0,
    progress: Callable[[int], Any] = lambda windows: None,
) -> Iterator[Result]:
    """Detect objects in windows of an image, which a thread reads and prepares while the detector is at work.

    Args:
        model: A detector of ``init_detector``.
        read: Gives the pixels of a window, (h, w, 3), BGR, uint8; None if there is nothing in it.
        windows: Left, top, right, bottom (n, 4) in pixels.
        rule: How detections that overlap become one.
        flips: Ways of :data:`FLIPS` in which each window is seen besides its own.
        batch_size: Windows that go through the detector at once.
        score_thr: Detections with lower scores are left out before they are merged: they would suppress nothing better.
        progress: Called with the number of windows that were done.

    Yields:
        Parts of the result of the image, each merged and final: lists over classes of arrays (n, 6).
    """
    if not len(windows):
        return
    order = np.lexsort((windows[:, 0], windows[:, 1]))
    windows, tops = windows[order], np.append(windows[order, 1], np.inf)
    device = next(model.parameters()).device
    merge = RowMerge(rule, windows, device)
    views = prefetched(_views(Preparation.of(model), read, windows, ('', *flips)), 2 * batch_size)
    try:
        done = 0
        for batch in _batches(views, batch_size):
            for view, result in _detect(model, batch, device):
                merge.add(_placed(result, view, score_thr), windows[view.number])
            past = batch[-1].number  # its other views may be in the next batch
            if tops[past] > tops[done]:
                yield merge.finished(tops[past])
            progress(past - done)
            done = past
        progress(len(windows) - done)
        yield merge.finished()
    finally:
        views.close()


def joined(parts: Iterable[Result]) -> Result:
    """One result of its parts, best first in each class."""
    per_class = (np.concatenate(dets) for dets in zip(*(part for part in parts if part), strict=True))
    return [dets[np.argsort(-dets[:, 5], kind='stable')] for dets in per_class]


def _views(
    prepare: Preparation, read: Callable[[Window], np.ndarray | None], windows: np.ndarray, flips: Sequence[str]
) -> Iterator[_View]:
    for index, window in enumerate(windows):
        pixels = read(window)
        if pixels is None:
            yield _View(index, '', None)
            continue
        for flip in flips:
            seen = np.ascontiguousarray(pixels[FLIPS[flip]]) if flip else pixels
            yield _View(index, flip, prepare(seen), pixels.shape)


def _batches(views: Iterable[_View], size: int) -> Iterator[list[_View]]:
    """Lists of views of which ``size`` have samples, those of the last up to ``size``."""
    batch: list[_View] = []
    samples = 0
    for view in views:
        batch.append(view)
        samples += view.sample is not None
        if samples == size:
            yield batch
            batch, samples = [], 0
    if batch:
        yield batch


def _detect(model: Any, batch: Sequence[_View], device: torch.device) -> Iterator[tuple[_View, Result]]:
    seen = [view for view in batch if view.sample is not None]
    if seen:
        samples = to_device(collate([view.sample for view in seen if view.sample is not None]), device)
        with torch.no_grad():
            results = model(return_loss=False, rescale=True, **samples)
        yield from zip(seen, finite_results(results), strict=True)


def _placed(result: Result, view: _View, score_thr: float) -> Result:
    """The result of a view with its boxes as in the window, without those of low scores."""
    kept = [dets[dets[:, 5] >= score_thr] for dets in result]
    return [bbox_flip(dets, view.shape, view.flip) for dets in kept] if view.flip else kept
