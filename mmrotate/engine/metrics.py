"""Metric names, checked before hours of work."""

from collections.abc import Sequence
from typing import Any

from mmrotate.datasets import RotatedDataset
from mmrotate.datasets.metrics import METRICS
from mmrotate.utils import UserError


def check_metrics(dataset: Any, metrics: str | Sequence[str]) -> None:
    """Refuse a metric that the dataset's ``evaluate`` does not know.

    A dataset with an ``evaluate`` of its own checks its metrics itself.

    Args:
        dataset: A dataset, or a wrapper with ``datasets``.
        metrics: One name or several.

    Raises:
        UserError: An unknown metric; the known ones are listed.
    """
    inner = next(iter(getattr(dataset, 'datasets', [])), dataset)
    if type(inner).evaluate is not RotatedDataset.evaluate:
        return
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise UserError(f'unknown metric {", ".join(unknown)}; known: {", ".join(METRICS)}')
