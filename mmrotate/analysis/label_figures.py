"""Pictures of what labels are like."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .figures import bars, new_figure
from .labels import LabelTable

_INK, _PALE = '#4477aa', 'Blues'
_MOST = 25  # classes with a bar of their own


def draw_labels(table: LabelTable) -> Figure:
    """Six pictures in one: classes, sides, shapes, directions, places, and objects an image."""
    figure = new_figure(11, 6.4)
    axes = [figure.add_subplot(2, 3, i + 1) for i in range(6)]
    for each in axes:
        each.spines[['top', 'right']].set_visible(False)
    _classes(axes[0], table)
    _spread(axes[1], table.sides, 'side in pixels')
    _spread(axes[2], table.aspects, 'long / short side')
    axes[3].hist(table.degrees, np.linspace(0, 180, 37), color=_INK)
    axes[3].set(xlabel='direction of the long side in degrees', ylabel='objects', xticks=range(0, 181, 45))
    _places(axes[4], table)
    counts = np.bincount(table.image, minlength=table.images)
    axes[5].hist(counts, np.arange(-0.5, counts.max(initial=0) + 1.5, max(1, counts.max(initial=0) // 40)), color=_INK)
    axes[5].set(xlabel='objects an image', ylabel='images')
    return figure


def _classes(axes: Axes, table: LabelTable) -> None:
    counts = np.bincount(table.label, minlength=len(table.classes))
    order = np.argsort(-counts, kind='stable')
    shown, rest = order[:_MOST], order[_MOST:]
    names = [table.classes[i] for i in shown] + ([f'{len(rest)} more'] if len(rest) else [])
    values = [*counts[shown], *([counts[rest].sum()] if len(rest) else [])]
    bars(axes, names, values, _INK, ',.0f')
    axes.tick_params(axis='y', labelsize=8 if len(names) < 12 else 6)
    axes.set_xlabel('objects')


def _spread(axes: Axes, values: np.ndarray, name: str) -> None:
    """A histogram over a logarithmic axis, with a line at the median."""
    values = np.maximum(values, 1e-3)
    low, high = (values.min(), values.max()) if len(values) else (1.0, 2.0)
    axes.hist(values, np.geomspace(low, max(high, 1.1 * low), 40), color=_INK)
    axes.set_xscale('log')
    ticks = [tick for tick in (1, 1.5, 2, 3, 5, 8, 16, 32, 64, 128, 256, 512, 1024) if low <= tick <= high]
    axes.set_xticks(ticks, [f'{tick:g}' for tick in ticks])
    axes.minorticks_off()
    if len(values):
        axes.axvline(np.median(values), color='#ee6677', linewidth=1)
    axes.set(xlabel=f'{name} (line: median)', ylabel='objects')


def _places(axes: Axes, table: LabelTable) -> None:
    known = table.place[np.isfinite(table.place).all(1)]
    counts, _, _ = np.histogram2d(known[:, 1], known[:, 0], 32, [[0, 1], [0, 1]])
    axes.imshow(counts, cmap=_PALE, extent=(0, 1, 1, 0), aspect='auto')
    axes.set(xlabel='centre, as a part of the width', ylabel='of the height', xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
