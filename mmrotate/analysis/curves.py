"""Curves of trainings over iterations or epochs."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mmrotate.utils import UserError

from .figures import new_axes
from .logs import Series, TrainingLog


def plot_curves(
    logs: Sequence[TrainingLog],
    keys: Sequence[str],
    legend: Sequence[str] | None = None,
    title: str | None = None,
    first_epoch: int = 1,
) -> Figure:
    """Every key of every log as a line: over epochs if all come from validations, else over iterations.

    Args:
        logs: Logs of trainings.
        keys: Names of values, e.g. 'loss_cls', 'bbox_mAP'.
        legend: A name for each line: all keys of the first log, then those of the second. None: key and log.
        title: Stands above.
        first_epoch: Earlier ones are left out.

    Raises:
        UserError: A log lacks a key, or the names do not fit the lines.
    """
    lines = [(log, key, log.series(key, first_epoch)) for log in logs for key in keys]
    names = _names(logs, keys) if legend is None else list(legend)
    if len(names) != len(lines):
        raise UserError(f'{len(names)} names in the legend for {len(lines)} lines: a name for each key of each log')
    by_epoch = all(_tells_epochs(series) for _, _, series in lines)
    figure, (axes,) = new_axes(8, 4.5)
    for name, (_, _, series) in zip(names, lines, strict=True):
        points = series.epochs if by_epoch else series.iterations
        axes.plot(points, series.values, label=name, marker='o' if len(points) < 40 else '', markersize=3)
    axes.set_xlabel('epoch' if by_epoch else 'iteration')
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel(keys[0] if len(keys) == 1 else '')
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    if title:
        axes.set_title(title)
    return figure


def _tells_epochs(series: Series) -> bool:
    """Whether the values are those of validations, one an epoch."""
    return series.mode == 'val' and len(set(series.epochs)) == len(series.epochs)


def _names(logs: Sequence[TrainingLog], keys: Sequence[str]) -> list[str]:
    if len(logs) == 1:
        return list(keys)
    return [f'{log.path.parent.name}/{log.path.name} {key}' for log in logs for key in keys]
