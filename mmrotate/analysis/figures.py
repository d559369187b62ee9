"""Figures: made without a screen, written whole or not at all."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps, style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmrotate.core.visualization import imshow_det_rbboxes
from mmrotate.utils import UserError
from mmrotate.utils.arguments import near_name
from mmrotate.utils.files import replacing

_SEABORN = 'seaborn-v0_8-'  # how matplotlib names the styles that 0.3 took from seaborn
SEABORN_STYLES = ('darkgrid', 'whitegrid', 'dark', 'white', 'ticks')


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, whose parts make room for each other."""
    return Figure((width, height), dpi=120, layout='constrained')


def new_axes(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of a size in inches, and its axes side by side, without the lines above and at the right."""
    figure = new_figure(width, height)
    axes = [figure.add_subplot(1, columns, i + 1) for i in range(columns)]
    for each in axes:
        each.spines[['top', 'right']].set_visible(False)
    return figure, axes


def check_figure(path: str | Path) -> None:
    """Raise a UserError unless the ending of ``path`` names a format of figures."""
    known = Figure().canvas.get_supported_filetypes()
    if Path(path).suffix[1:].lower() not in known:
        raise UserError(f'{path}: the ending must name a format of figures: {", ".join(sorted(known))}')


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write ``figure`` in the format that the ending of ``path`` names; gives the path."""
    check_figure(path)
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, format=Path(path).suffix[1:].lower())
    return Path(path)


def show_figure(figure: Figure, title: str) -> None:
    """Show ``figure`` in a window, until it is closed."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., 2::-1]
    imshow_det_rbboxes(np.ascontiguousarray(pixels), win_name=title)


def checked_theme(name: str) -> str:
    """``name``, if it is a colour map of matplotlib, else a UserError."""
    if name not in colormaps:
        hint = near_name(name, colormaps) or 'e.g. plasma, viridis, Blues; '
        raise UserError(f'unknown colour theme {name!r}: {hint}the names are those of colour maps of matplotlib')
    return name


def checked_style(name: str) -> str:
    """The name that matplotlib has for a style of its own or of seaborn, such as 'dark', else a UserError."""
    known = _SEABORN + name if name in SEABORN_STYLES else name
    if known not in {*style.available, 'default'}:
        hint = near_name(name, [*SEABORN_STYLES, *style.available])
        raise UserError(f'unknown style {name!r}: {hint}one of {", ".join(SEABORN_STYLES)}, or one of matplotlib')
    return known


def bars(axes: Axes, names: Sequence[str], values: Sequence[float], color: str | Sequence[str], form: str) -> None:
    """Horizontal bars, the first on top, each with its value in the format ``form``."""
    drawn = axes.barh(range(len(names)), values, color=color)
    axes.bar_label(drawn, [format(value, form) for value in values], padding=3, fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.15)
