"""Detection as a stream: each batch is read, detected and handed on before the next; a bad image stops none."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset, Subset

from mmrotate.datasets import build_dataloader, collate
from mmrotate.engine.shortage import loaded, naming_shortages
from mmrotate.engine.testing import detect
from mmrotate.utils import UserError
from mmrotate.utils.journal import Failure


def stream_predictions(
    model: nn.Module, dataset: Any, wanted: Callable[[int], bool], share: Sequence[int], **options: Any
) -> Iterator[tuple[int, Any]]:
    """Index and result of the images of ``share`` that are ``wanted``, as they come, in the order of ``share``.

    A batch has the same images whatever is wanted of it, because the padding, and so the last digits of a result,
    follow from the batch: a run that is resumed gives what the unbroken one gave.

    Args:
        model: A detector; it is put into eval mode and left there.
        dataset: Test samples by index; a UserError of it (an image that cannot be read) becomes the image's result.
        wanted: Whether image ``index`` is to be done.
        share: Indices of this process.
        options: Those of ``build_dataloader``, among them ``samples_per_gpu``, the size of a batch.

    Yields:
        Index, and a list over classes of arrays (n, 6), or a :class:`Failure`.
    """
    size = options['samples_per_gpu']
    batches = [share[start : start + size] for start in range(0, len(share), size)]
    indices = list(itertools.chain(*(batch for batch in batches if any(map(wanted, batch)))))
    if not indices:
        return
    guarded = Subset(_Guarded(dataset), indices)
    own = dict(dist=False, shuffle=False, seed=0, collate_fn=_together)
    model.eval()
    with naming_shortages():
        for batch_indices, failures, batch in loaded(iter(build_dataloader(guarded, **{**options, **own}))):
            with torch.no_grad():
                results = iter(detect(model, batch) if batch else ())
            for index in batch_indices:
                result = failures[index] if index in failures else next(results)
                if wanted(index):
                    yield index, result


class _Guarded(Dataset):
    """Index and sample, or index and Failure."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> tuple[int, Any]:
        try:
            return index, self._dataset[index]
        except UserError as error:
            return index, Failure(error)


def _together(samples: Sequence[tuple[int, Any]]) -> tuple[list[int], dict[int, Failure], dict[str, Any] | None]:
    """Indices, the failures among them, and the batch of the others."""
    failures = {index: sample for index, sample in samples if isinstance(sample, Failure)}
    good = [sample for index, sample in samples if index not in failures]
    return [index for index, _ in samples], failures, collate(good) if good else None
