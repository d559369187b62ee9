"""Pictures of precision and recall."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmrotate.core.visualization import get_palette

from .figures import new_figure
from .working_point import RECALLS, SCORES, ScoreCurves, mean_over_rows

_NAMED = 12  # lines with names of their own: of more classes only the mean is


def draw_score_curves(curves: ScoreCurves, palette: object = None) -> Figure:
    """Precision over recall, and F1, precision and recall over the lowest score that counts; the mean is black."""
    figure = new_figure(10, 7)
    parts = (
        ('precision over recall', RECALLS, curves.over_recall, 'recall', 'precision'),
        ('F1', SCORES, curves.f1, 'lowest score', 'F1'),
        ('precision', SCORES, curves.precision, 'lowest score', 'precision'),
        ('recall', SCORES, curves.recall, 'lowest score', 'recall'),
    )
    colors = np.array(get_palette(palette, len(curves.classes))) / 255  # type: ignore[arg-type]
    for number, (title, points, values, x_name, y_name) in enumerate(parts, 1):
        axes = figure.add_subplot(2, 2, number)
        _lines(axes, points, values, curves, colors)
        axes.set(title=title, xlim=(0, 1), ylim=(0, 1.02), xlabel=x_name, ylabel=y_name)
        axes.title.set_fontsize(10)
        axes.grid(alpha=0.3)
        axes.spines[['top', 'right']].set_visible(False)
        if number > 1:
            axes.axvline(curves.best_score, color='#888888', linestyle=':', linewidth=1)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc='outside right upper', fontsize=8)
    return figure


def _lines(axes: Axes, points: np.ndarray, values: np.ndarray, curves: ScoreCurves, colors: np.ndarray) -> None:
    known = np.array(curves.objects) > 0
    few = known.sum() <= _NAMED
    for label in np.flatnonzero(known):
        name = curves.classes[label] if few else None
        axes.plot(points, values[label], color=colors[label], label=name, linewidth=1.2, alpha=1 if few else 0.4)
    axes.plot(points, mean_over_rows(values[known]), color='black', linewidth=2, label='mean of the classes')
