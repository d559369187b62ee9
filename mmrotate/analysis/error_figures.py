"""Pictures of errors."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .breakdown import ASPECTS, CONFIDENT, Table, Turns, all_turns, range_names
from .errors import KINDS, Errors, average_precisions, mended_curves
from .figures import bars, new_axes, new_figure

COLORS = dict(zip(KINDS, ('#4477aa', '#ee6677', '#ccbb44', '#aa3377', '#66ccee', '#bbbbbb', '#228833'), strict=True))
# mended one after the other, as COCO's analysis does
_STEPS = (('angle',), ('location',), ('class',), ('both', 'duplicate'), ('background',), ('missed',))


def error_figures(errors: Errors, tables: Mapping[str, Table]) -> Iterator[tuple[str, Figure]]:
    """Every picture, with a name for its file.

    Args:
        errors: What was found.
        tables: Those of ``by_kind``, ``by_class``, ``by_size``, ``by_shape``, ``by_angle``, under these names.
    """
    yield 'errors', draw_kinds(errors, tables['by_kind'])
    yield 'errors_by_class', draw_counts([tables['by_class']])
    yield 'errors_by_size_and_shape', draw_counts([tables['by_size'], tables['by_shape']])
    yield 'errors_by_angle', draw_counts([tables['by_angle']])
    yield 'angles', draw_turns(all_turns(errors))
    yield 'precision_recall', draw_curves(errors)


def draw_kinds(errors: Errors, table: Table) -> Figure:
    """What the mAP gains if errors of a kind are mended, and how many there are; ``table`` is that of ``by_kind``."""
    figure, (left, right) = new_axes(10, 3.6, 2)
    kinds, colors = table.column('kind'), list(COLORS.values())
    bars(left, kinds, [100 * gain for gain in table.column('gain')], colors, '.1f')
    left.set_xlabel('points of mAP gained if mended')
    counts = table.column('count')
    bars(right, kinds, counts, [f'{color}66' for color in colors], '.0f')
    shown = zip(table.column(CONFIDENT), counts, strict=True)  # missed objects have no score
    right.barh(kinds, [count if high is None else high for high, count in shown], color=colors)
    right.set_xlabel('number (strong colour: score of at least 0.3, or missed)')
    mean = average_precisions(errors).mean
    figure.suptitle(f'Errors at IoU {errors.iou_thr:g}: mAP {100 * mean:.1f} %')
    return figure


def draw_counts(tables: Sequence[Table]) -> Figure:
    """Numbers of errors, a bar for each row of each table, whose length is errors by object of the row."""
    longest = max(len(table.rows) for table in tables)
    figure, all_axes = new_axes(6 * len(tables) + 2, 1.6 + 0.4 * longest, len(tables))
    for axes, table in zip(all_axes, tables, strict=True):
        names = [f'{row[0]} ({count})' for row, count in zip(table.rows, table.column('objects'), strict=True)]
        left = np.zeros(len(names))
        for kind in KINDS:
            values = np.array(table.column(kind)) / np.maximum(table.column('objects'), 1)
            axes.barh(names, values, left=left, color=COLORS[kind], label=kind)
            left += values
        axes.invert_yaxis()
        axes.set_xlabel('errors for each object')
        axes.set_title(f'{table.head[0]} (objects)', fontsize=10)
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside right upper', fontsize=8)
    return figure


def draw_turns(turns: Turns) -> Figure:
    """By how much detections are turned against their objects: all of them, and by the shape of the objects."""
    figure, (left, right) = new_axes(10, 3.8, 2)
    steps = [2.5 * i for i in range(37)]
    left.hist([turns.right, turns.wrong], steps, stacked=True, color=['#888888', COLORS['angle']])
    left.set_yscale('symlog', linthresh=1)
    left.set_xlabel('degrees between detection and object')
    left.set_ylabel('detections')
    names = [f'right ({len(turns.right)})', f'wrong by their angle alone ({len(turns.wrong)})']
    left.legend(names, fontsize=8)
    _draw_turns_by_shape(right, turns)
    return figure


def _draw_turns_by_shape(axes: Axes, turns: Turns) -> None:
    groups = [np.digitize(each, ASPECTS) - 1 for each in (turns.right_aspects, turns.wrong_aspects)]
    for group in range(len(ASPECTS) - 1):
        right, wrong = turns.right[groups[0] == group], turns.wrong[groups[1] == group]
        values = np.concatenate([right, wrong])
        if len(values):
            axes.boxplot([values], positions=[group], widths=0.5, whis=(5, 95), showfliers=False, zorder=3)
        for degrees, color in ((right, '#888888'), (wrong, COLORS['angle'])):
            spread = np.linspace(-0.2, 0.2, len(degrees)) if len(degrees) > 1 else np.zeros(len(degrees))
            axes.plot(group + spread, degrees, '.', color=color, alpha=0.5, markersize=3)
        axes.text(group, 1.0, f'n={len(values)}', ha='center', transform=axes.get_xaxis_transform(), fontsize=8)
    axes.set_xticks(range(len(ASPECTS) - 1), range_names(ASPECTS))
    axes.set_xlim(-0.5, len(ASPECTS) - 1.5)
    axes.set_xlabel('long / short side of the object')
    axes.set_ylabel('degrees (box: quarters, whiskers: 5-95 %)')
    axes.set_ylim(bottom=0)


def draw_curves(errors: Errors) -> Figure:
    """Precision over recall of each class, as it is and with one kind of error after the other mended."""
    names = errors.judged.classes
    columns = min(4, len(names))
    rows = math.ceil(len(names) / columns)
    figure = new_figure(3 * columns + 1.5, 2.7 * rows + 0.4)
    all_axes = [figure.add_subplot(rows, columns, i + 1) for i in range(len(names))]
    mended: list[str] = []
    layers = [('as it is', '#555555', mended_curves(errors))]
    for step in _STEPS:
        mended += step
        layers.append((f'+ {", ".join(step)}', COLORS[step[0]], mended_curves(errors, mended)))
    for label, axes in enumerate(all_axes):
        base = layers[0][2][label]
        axes.set_title(f'{names[label]}: AP {base["ap"]:.2f}' if base['num_gts'] else f'{names[label]}: no objects')
        axes.title.set_fontsize(9)
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        for name, color, curves in reversed(layers):
            _fill(axes, curves[label], name, color)
    handles, titles = all_axes[0].get_legend_handles_labels()
    figure.legend(handles[::-1], titles[::-1], loc='outside right upper', fontsize=8, title='mended')
    figure.supxlabel('recall', fontsize=9)
    figure.supylabel('precision', fontsize=9)
    return figure


def _fill(axes: Axes, curve: dict, name: str, color: str) -> None:
    """The area under a curve whose precision does not rise; all of it where no objects are left to be found."""
    if not curve['num_gts']:
        recall, precision = np.array([0.0, 1.0]), np.ones(2)
    else:
        recall = np.concatenate([[0.0], curve['recall']])
        precision = np.concatenate([curve['precision'][:1], curve['precision']])
        precision = np.maximum.accumulate(precision[::-1])[::-1]
    axes.fill_between(recall[: len(precision)], precision, step='pre', color=color, label=name, linewidth=0)
