"""Running a detector over a dataset, under the names of 0.x."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import DataLoader

from mmrotate.engine import predict, predict_everywhere
from mmrotate.engine.distributed import rank_and_size


def single_gpu_test(
    model: nn.Module,
    data_loader: DataLoader,
    show: bool = False,
    out_dir: str | Path | None = None,
    show_score_thr: float = 0.3,
) -> list[Any]:
    """Results of every image, in the order of the loader.

    Args:
        model: A detector, on any device.
        data_loader: Test batches of a dataset, not shuffled.
        show: Show each picture in a window.
        out_dir: Folder for the pictures.
        show_score_thr: Boxes with lower scores are not drawn.

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
    """Results of every image from all processes, in the order of the dataset.

    Args:
        model: A detector, bare or under DistributedDataParallel.
        data_loader: This process's share: image rank, rank + n, ... of n processes.
        tmpdir: Not needed any more: results travel through the process group.
        gpu_collect: Not needed any more.

    Returns:
        The results on rank 0, None on the other ranks.
    """
    del tmpdir, gpu_collect
    dataset: Any = data_loader.dataset
    whole = getattr(dataset, 'dataset', dataset) if rank_and_size()[1] > 1 else dataset
    return predict_everywhere(getattr(model, 'module', model), data_loader, len(whole))


def draw_results(
    model: nn.Module,
    dataset: Any,
    results: list[Any],
    show: bool = False,
    out_dir: str | Path | None = None,
    score_thr: float = 0.3,
) -> None:
    """Pictures of the results on the images of a dataset.

    Args:
        model: The detector, for its classes and colours.
        dataset: Has ``data_infos`` and ``img_prefix``.
        results: Per image of the dataset, in its order.
        show: Show each picture in a window.
        out_dir: Folder for the pictures, under the images' own names.
        score_thr: Boxes with lower scores are not drawn.
    """
    for info, result in zip(dataset.data_infos, results, strict=True):
        source = Path(dataset.img_prefix, info['filename'])
        out_file = None if out_dir is None else Path(out_dir, info['filename'])
        draw_result(model, source, result, out_file, show, score_thr)


def draw_result(
    model: Any,
    image: str | Path | np.ndarray,
    result: Any,
    out_file: str | Path | None = None,
    show: bool = False,
    score_thr: float = 0.3,
    **kwargs: Any,
) -> None:
    """Picture of one result; an input image is never overwritten.

    Args:
        model: The detector.
        image: The image, or its file.
        result: Its result.
        out_file: Where the picture goes.
        show: Show it in a window.
        score_thr: Boxes with lower scores are not drawn.
        kwargs: Further arguments of ``show_result``.
    """
    model.show_result(image, result, score_thr=score_thr, show=show, out_file=out_file, **kwargs)
