"""Running a detector over a dataset, under the names of 0.x."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import DataLoader

from mmrotate.engine import predict, predict_everywhere
from mmrotate.engine.distributed import rank_and_size
from mmrotate.utils.errors import ArgumentError

File = str | Path


def single_gpu_test(
    model: nn.Module,
    data_loader: DataLoader,
    show: bool = False,
    out_dir: File | None = None,
    show_score_thr: float = 0.3,
) -> list[Any]:
    """Results of every image of a loader (not shuffled), in its order; with pictures as :func:`draw_results`.

    Returns:
        Per image a list over classes of arrays (n, 6): x, y, w, h, theta, score.
    """
    results = predict(model, data_loader)
    if show or out_dir is not None:
        draw_results(model, data_loader.dataset, results, show, out_dir, show_score_thr)
    return results


def multi_gpu_test(
    model: nn.Module, data_loader: DataLoader, tmpdir: str | None = None, gpu_collect: bool = False
) -> list[Any] | None:
    """Results of every image from all processes, in the order of the dataset, on rank 0; None on the other ranks.

    The model may be wrapped in DistributedDataParallel; the loader has this process's share: image rank, rank + n, ...
    of n processes. ``tmpdir`` and ``gpu_collect`` are not needed any more: results travel through the process group.
    """
    del tmpdir, gpu_collect
    dataset: Any = data_loader.dataset
    whole = getattr(dataset, 'dataset', dataset) if rank_and_size()[1] > 1 else dataset
    return predict_everywhere(getattr(model, 'module', model), data_loader, len(whole))


def draw_results(
    model: nn.Module,
    dataset: Any,
    results: list,
    show: bool = False,
    out_dir: File | None = None,
    score_thr: float = 0.3,
) -> None:
    """Pictures of the results on the images of a dataset, without boxes of scores below ``score_thr``.

    They are shown in windows, or written into ``out_dir`` under the images' own names.
    """
    if len(results) != len(dataset):
        raise ArgumentError(f'{len(results)} results for {len(dataset)} images')
    for i, result in enumerate(results):
        out_file = None if out_dir is None else Path(out_dir, dataset.image_name(i))
        draw_result(model, dataset.image_path(i), result, out_file, show, score_thr=score_thr)


def draw_result(
    model: Any, image: File | np.ndarray, result: Any, out_file: File | None = None, show: bool = False, **kwargs: Any
) -> None:
    """Picture of one result, by the ``show_result`` of the detector; an input image is never overwritten."""
    model.show_result(image, result, show=show, out_file=out_file, **kwargs)
