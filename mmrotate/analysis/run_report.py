"""The report on a training, made from the files in its folder: pictures, tables, and one page that shows them."""

from pathlib import Path

from mmrotate.utils import UserError
from mmrotate.utils.files import write_atomically

from .page import Section, page_of
from .run_folder import RunFolder, load_snapshot
from .run_parts import data_section, evaluation_sections, training_section


def write_report(path: str | Path) -> Path:
    """Write ``report.html`` and all that is in ``report/`` into the folder of a training; gives the page.

    What is not there, say no evaluation so far, is left out.

    Raises:
        UserError: The folder is not that of a training.
    """
    run = RunFolder(path)
    sections: list[Section] = [section for section in (data_section(run), _training(run)) if section]
    sections += evaluation_sections(run)
    if not sections:
        raise UserError(f'{path} holds neither a log nor the data of a report: is it the folder of a training?')
    facts = run.facts
    shown = [(name, str(value)) for name, value in facts.items() if not isinstance(value, list | dict)]
    title = str(facts.get('config') or run.path.resolve().name)
    write_atomically(run.page, page_of(title, _lead(run), shown, sections))
    return run.page


def _training(run: RunFolder) -> Section | None:
    try:
        return training_section(run)
    except UserError:  # nothing was logged so far
        return None


def _lead(run: RunFolder) -> str:
    if not run.evaluation.is_file():
        return 'Nothing was evaluated so far.'
    snapshot = load_snapshot(run.evaluation)
    return f'Best {snapshot.metric}: {snapshot.score:.3f}, after epoch {snapshot.epoch}.'
