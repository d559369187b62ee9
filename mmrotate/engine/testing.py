"""Running a detector over a dataset, in one process or several."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset
from tqdm import tqdm

from mmrotate.datasets import build_dataloader
from mmrotate.engine.batches import files_of, to_device
from mmrotate.engine.distributed import gather_objects, interleave, rank_and_size


class PredictionError(RuntimeError):
    """The detector failed on a batch; the message names its image files."""


def build_test_loader(dataset: Dataset, **options: Any) -> DataLoader:
    """Loader over this process's share of ``dataset``: images rank, rank + size, ...

    Nothing is padded, so every image is seen exactly once.

    Args:
        dataset: A dataset in test mode.
        options: Arguments of ``build_dataloader``.
    """
    rank, size = rank_and_size()
    share = Subset(dataset, range(rank, len(dataset), size)) if size > 1 else dataset  # type: ignore[arg-type]
    return build_dataloader(share, **{**options, 'dist': False, 'shuffle': False, 'seed': 0})


def predict(model: nn.Module, loader: DataLoader, progress: bool = True) -> list[Any]:
    """Results of this process's images, in the loader's order.

    Args:
        model: A detector; it is put into eval mode and left there.
        loader: Yields test batches.
        progress: Show a bar (on rank 0).

    Returns:
        Per image a list over classes of arrays (n, 6).
    """
    model.eval()
    device = next(model.parameters()).device
    results: list[Any] = []
    with torch.no_grad():
        for batch in _with_bar(loader, progress and rank_and_size()[0] == 0):
            try:
                batch = to_device(batch, device)
                results.extend(model(return_loss=False, rescale=True, **batch))
            except Exception as error:
                raise PredictionError(f'the detector failed on {files_of(batch)}: {error}') from error
    return results


def predict_everywhere(model: nn.Module, loader: DataLoader, count: int, progress: bool = True) -> list[Any] | None:
    """Results of all processes, in the dataset's order.

    Args:
        model: A detector.
        loader: This process's share, rank r of n having the images r, r + n, ...
        count: Images of the whole dataset.
        progress: Show a bar.

    Returns:
        The results on rank 0, None on the other ranks.
    """
    parts = gather_objects(predict(model, loader, progress))
    return None if parts is None else interleave(parts, count)


def _with_bar(loader: Iterable[Any], shown: bool) -> Iterator[Any]:
    # in a log file a line every half a minute is enough
    interval = 0.1 if sys.stderr.isatty() else 30
    return iter(tqdm(loader, desc='test', unit='batch', disable=not shown, mininterval=interval))
