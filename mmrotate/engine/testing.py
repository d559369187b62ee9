"""Running a detector over a dataset, in one process or several."""

import sys
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset
from tqdm import tqdm

from mmrotate.datasets import build_dataloader
from mmrotate.engine.batches import files_of, to_device
from mmrotate.engine.distributed import gather_objects, interleave, rank_and_size
from mmrotate.engine.shortage import loaded, naming_shortages, shortage


class PredictionError(RuntimeError):
    """The detector failed on a batch; the message names its image files."""


def build_test_loader(dataset: Dataset, **options: Any) -> DataLoader:
    """Loader over this process's share of ``dataset``, which is in test mode: images rank, rank + size, ...

    Nothing is padded, so every image is seen exactly once. ``options`` are those of ``build_dataloader``.
    """
    rank, size = rank_and_size()
    share = Subset(dataset, range(rank, len(dataset), size)) if size > 1 else dataset  # type: ignore[arg-type]
    return build_dataloader(share, **{**options, 'dist': False, 'shuffle': False, 'seed': 0})


@naming_shortages()
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
    results: list[Any] = []
    # in a log file a line every half a minute is enough
    interval, hidden = 0.1 if sys.stderr.isatty() else 30, not progress or rank_and_size()[0] > 0
    with torch.no_grad():
        for batch in tqdm(
            loaded(iter(loader)), 'test', len(loader), unit='batch', disable=hidden, mininterval=interval
        ):
            results.extend(detect(model, batch))
    return results


def detect(model: nn.Module, batch: dict[str, Any]) -> list[Any]:
    """Results of the images of a test batch.

    Raises:
        PredictionError: The detector failed; the message names the images.
    """
    try:
        batch = to_device(batch, next(model.parameters()).device)
        return model(return_loss=False, rescale=True, **batch)
    except Exception as error:
        if shortage(error):
            raise
        raise PredictionError(f'the detector failed on {files_of(batch)}: {error}') from error


def predict_everywhere(model: nn.Module, loader: DataLoader, count: int, progress: bool = True) -> list[Any] | None:
    """On rank 0 the results of all ``count`` images of a dataset, in its order; None on the other ranks.

    As :func:`predict`; ``loader`` yields this process's share, rank r of n having the images r, r + n, ...
    """
    parts = gather_objects(predict(model, loader, progress))
    return None if parts is None else interleave(parts, count)
