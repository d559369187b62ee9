"""The files of an analysis of errors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmrotate.utils.files import write_json

from .breakdown import Table, by_angle, by_class, by_kind, by_shape, by_size, by_turn
from .error_figures import error_figures
from .errors import RIGHT, Errors, average_precisions
from .figures import save_figure
from .tables import write_table

_TABLES = {
    'by_kind': by_kind,
    'by_class': by_class,
    'by_size': by_size,
    'by_shape': by_shape,
    'by_angle': by_angle,
    'by_turn': by_turn,
}
_FIGURES = ('errors', 'errors_by_class', 'errors_by_size_and_shape', 'errors_by_angle', 'angles', 'precision_recall')
FILES = (
    *(f'errors_{name}.csv' for name in _TABLES),
    *(f'{name}.png' for name in _FIGURES),
    'errors.csv',
    'errors.json',
)


def write_errors(errors: Errors, folder: str | Path) -> dict[str, Table]:
    """Write tables, pictures, a list of all errors and a JSON file with all tables, the :data:`FILES`, into ``folder``.

    Gives the tables by their names in the JSON file: by_kind, by_class, by_size, by_shape, by_angle, by_turn.
    """
    folder = Path(folder)
    tables = {name: make(errors) for name, make in _TABLES.items()}
    for name, table in tables.items():
        write_table(folder / f'errors_{name}.csv', *table)
    write_table(folder / 'errors.csv', *list_of_errors(errors))
    for name, figure in error_figures(errors, tables):
        save_figure(figure, folder / f'{name}.png')
    content = {'mAP': average_precisions(errors).mean, 'iou_thr': errors.iou_thr, 'AP': errors.mode}
    write_json(folder / 'errors.json', {**content, **{name: _dicts(table) for name, table in tables.items()}})
    return tables


def _dicts(table: Table) -> list[dict[str, Any]]:
    return [dict(zip(table.head, map(_plain, row), strict=True)) for row in table.rows]


def _plain(value: Any) -> Any:
    """A value of plain Python."""
    return value.item() if hasattr(value, 'item') else value


def list_of_errors(errors: Errors) -> Table:
    """A row for each error, kind by kind the best-scored first; boxes in pixels and radians."""
    box = ('x', 'y', 'w', 'h', 'theta')
    head = ['image', 'kind', 'class', 'score', *box, 'object class', *(f'object {name}' for name in box)]
    return Table([*head, 'IoU', 'degrees'], list(_rows(errors)))


def _rows(errors: Errors) -> Iterator[list[Any]]:
    names = errors.judged.classes
    wrong = [case for case in errors.cases if case.kind != RIGHT]
    for case in sorted(wrong, key=lambda case: (case.kind, -case.score if case.score == case.score else 0.0)):
        of_object = [None] * 6 if case.target_box is None else [names[case.target_label], *case.target_box.tolist()]
        row = [errors.judged.images[case.image], case.kind, names[case.label], case.score, *case.box.tolist()]
        yield [*row, *of_object, case.iou, case.turn]
