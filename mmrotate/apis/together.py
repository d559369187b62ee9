"""Work on many items that the processes of a group share, each with processes of its own."""

from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm

from mmrotate.engine.distributed import ask_first, gather_objects
from mmrotate.engine.queue import SharedQueue
from mmrotate.utils.item_files import ItemFiles
from mmrotate.utils.journal import Stamp, Tally
from mmrotate.utils.pool import work_on

DONE = '.done'  # folder, in that of the results, of what is done


def work_together(
    function: Callable[[Any], Any],
    units: Sequence[Any],
    items: Sequence[tuple[str, Stamp]],
    begin: Callable[[], list[int]],
    open_files: Callable[[], ItemFiles],
    processes: int,
    label: str,
) -> Tally | None:
    """Call ``function`` for each unit that is to do, once in the whole group, and note what it gives.

    Args:
        function: See :func:`mmrotate.utils.pool.work_on`.
        units: Its arguments, the same in all processes of the group.
        items: Their names and stamps.
        begin: Called in the first process, before all else: the indices of the units that are to do.
        open_files: Where it is noted, as ``begin`` has left it.
        processes: How many work at once, of each process of the group.
        label: What is done, for the progress bar.

    Returns:
        How it went; in processes but the first None.

    Raises:
        UserError: That of ``begin``, in all processes.
    """
    todo = ask_first(begin)
    files: Any = open_files()  # the tally takes it as a journal
    queue = SharedQueue(len(todo))
    outcomes = work_on(function, ((i, units[i]) for i in map(todo.__getitem__, queue)), min(processes, len(todo)))
    tally = Tally(len(units))
    tally.work(tqdm(outcomes, label, len(todo), unit='image', disable=None), items, lambda _, value: value, files)
    outcomes.close()
    if (tallies := gather_objects(tally)) is None:
        return None
    tally, *others = tallies
    tally.done += len(units) - len(todo)
    tally.join(others)
    return tally
