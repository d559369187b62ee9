"""Losses, learning rate and scores of a training, as tables and a picture."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .breakdown import Table
from .figures import new_figure
from .logs import TrainingLog

_COLORS = ('#4477aa', '#ee6677', '#228833', '#ccbb44', '#66ccee', '#aa3377', '#bbbbbb', '#dd8452')
_RATES = ('lr', 'base_lr')


def losses_of(log: TrainingLog) -> list[str]:
    """Names of the losses, the sum of all first."""
    parts = [key for key in log.keys_of('train') if 'loss' in key and key != 'loss']
    return [*(['loss'] if 'loss' in log.keys_of('train') else []), *parts]


def scores_of(log: TrainingLog) -> list[str]:
    """Names of the scores of evaluations."""
    return [key for key in log.keys_of('val') if 'loss' not in key and key not in (*_RATES, 'time', 'data_time')]


def log_tables(log: TrainingLog) -> dict[str, Table]:
    """All values that were logged: while training, and of evaluations."""
    tables = {}
    for mode, name in (('train', 'curves_training'), ('val', 'curves_evaluation')):
        keys = log.keys_of(mode)
        records = [record for record in log.records if record.mode == mode]
        rows = [[record.epoch, log.overall(record), *map(record.values.get, keys)] for record in records]
        tables[name] = Table(['epoch', 'iteration', *keys], rows)
    return tables


def draw_run_curves(log: TrainingLog) -> Figure:
    """Losses and learning rate over iterations and, if there are any, scores over epochs."""
    scores, rate = scores_of(log), next((key for key in _RATES if key in log.keys_of('train')), None)
    panels = 1 + bool(rate) + bool(scores)
    figure = new_figure(4 * panels, 3.6)
    axes = [figure.add_subplot(1, panels, i + 1) for i in range(panels)]
    for each in axes:
        each.spines[['top', 'right']].set_visible(False)
        each.grid(alpha=0.3)
    _draw(axes[0], log, losses_of(log), 'losses')
    if rate:
        _draw(axes[1], log, [rate], 'learning rate')
    if scores:
        _draw(axes[-1], log, scores, 'scores on the validation data')
    return figure


def _draw(axes: Axes, log: TrainingLog, keys: Sequence[str], title: str) -> None:
    of_evaluations = log.series(keys[0]).mode == 'val' if keys else False
    for number, key in enumerate(keys):
        series = log.series(key)
        points = series.epochs if of_evaluations else series.iterations
        style = dict(color=_COLORS[number % len(_COLORS)], linewidth=1.8 if key == 'loss' else 1.1)
        axes.plot(points, series.values, label=key, marker='o' if len(points) < 30 else '', markersize=3, **style)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel('epoch' if of_evaluations else 'iteration')
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_ylim(bottom=0)
    if len(set(points)) == 1:
        axes.set_xlim(points[0] - 1, points[0] + 1)
    if len(keys) > 1:
        axes.legend(fontsize=7)
