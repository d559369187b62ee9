"""``mmrotate check``: what is in data, and what is wrong with it."""

import argparse
import functools
from pathlib import Path

from tqdm import tqdm

from mmrotate.analysis.data_check import Checked, gather_check, summary, write_check
from mmrotate.cli.basics import run_command, whole_number
from mmrotate.cli.sources import SOURCE_HELP, add_source_options, open_source
from mmrotate.datasets.faults import KINDS, Check, Fault, Unit, units_of
from mmrotate.datasets.image_folder import walk_folders
from mmrotate.datasets.sources import Source
from mmrotate.utils import UserError
from mmrotate.utils.files import write_json
from mmrotate.utils.journal import Journal, Stamp, Tally, file_stamp
from mmrotate.utils.lock import remove_leftovers
from mmrotate.utils.places import check_outputs
from mmrotate.utils.pool import work_on

_TOLD = 20  # faults that are printed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('data', metavar='DATA', help=SOURCE_HELP)
    add_source_options(parser, 'DATA')
    text = 'folder for check.html, its pictures and tables (default: work_dirs/check/NAME of DATA)'
    parser.add_argument('--out-dir', type=Path, help=text)
    parser.add_argument('--json', type=Path, metavar='FILE', help='write counts and faults as JSON too')
    parser.add_argument('--labels-only', action='store_true', help='do not read the pixels of images')
    parser.add_argument('--resume', action='store_true', help='go on with a run that was interrupted')
    parser.add_argument('--nproc', type=whole_number(1), default=1, help='processes (default: 1)')


def run(args: argparse.Namespace) -> None:
    """Check, write and tell; a UserError, so exit code 1, if there are faults."""
    source = open_source(args.data, args)
    folder = args.out_dir or Path('work_dirs', 'check', Path(args.data).resolve().stem)
    check_outputs([('--json', args.json)] if args.json else [], [], [('--out-dir', folder)])
    check = Check(source.format.name, source.splits, source.classes, not args.labels_only)
    found = list(units_of(source))
    units = [unit for unit in found if isinstance(unit, Unit)]
    settings = {'data': args.data, 'format': check.format, 'classes': list(check.classes), 'pixels': check.pixels}
    journal = Journal(folder / 'check.journal', settings, args.resume)
    for place, _ in walk_folders(folder):
        remove_leftovers(place)
    tally = _work(check, source, units, journal, args.nproc)
    if tally.interrupted or tally.failures:
        journal.close()
        tally.finish(resumable=True)
    checked = _gather(source, units, journal, [fault for fault in found if isinstance(fault, Fault)])
    page = write_check(checked, folder, args.data, source.describe())
    if args.json:
        write_json(args.json, {'data': args.data, 'format': check.format, **summary(checked)})
    journal.remove()
    _tell(checked, page, args.data)


def _work(check: Check, source: Source, units: list[Unit], journal: Journal, processes: int) -> Tally:
    """Look at the images that the journal does not hold."""
    items = [(unit.name, _stamp(source, unit)) for unit in units]
    todo = [i for i, item in enumerate(items) if not journal.holds(*item)]
    tally = Tally(len(units), done=len(units) - len(todo))
    outcomes = work_on(check, ((i, units[i]) for i in todo), processes)
    tally.work(tqdm(outcomes, 'check', len(todo), disable=None), items, lambda _, value: value, journal)
    return tally


def _stamp(source: Source, unit: Unit) -> Stamp:
    """Size and time of the label file and of the image."""
    split = source.splits[unit.part]
    labels = unit.content if isinstance(unit.content, Path) else split.labels
    image = split.images / unit.image if split.images and unit.image else None
    return [*(file_stamp(labels) or []), *((file_stamp(image) if image else None) or [])]


def _gather(source: Source, units: list[Unit], journal: Journal, faults: list[Fault]) -> Checked:
    parts: dict[str, list[str]] = {part: [] for part in source.splits}
    images = {}
    for unit in units:
        parts[unit.part].append(unit.name)
        images[unit.name] = unit.image or unit.stem

    def path_of(part: str, name: str) -> str:
        return str((source.splits[part].images or Path()) / images[name])

    return gather_check(parts, path_of, journal.__getitem__, source.classes, faults)


def _tell(checked: Checked, page: Path, data: str) -> None:
    for part, (table, empty) in checked.parts.items():
        print(f'{part}: {table.images} images ({empty} without objects), {len(table.label)} objects')
    for fault in checked.faults[:_TOLD]:
        print(f'{fault.kind}: {fault.file}{", " if fault.place else ""}{fault.place}: {fault.text}')
    if len(checked.faults) > _TOLD:
        print(f'... and {len(checked.faults) - _TOLD} more, see faults.csv')
    print(f'written: {page}')
    if checked.faults:
        counts = ', '.join(f'{count} {KINDS[kind]}' for kind, count in checked.counts.items())
        raise UserError(f'{data} has faults: {counts}')
    print('no faults were found')


main = functools.partial(run_command, add_arguments, run, 'mmrotate check', __doc__)
