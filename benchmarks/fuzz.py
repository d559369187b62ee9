"""Hostile input, case by case in child processes with a limit of time and memory, and a table of what came of it.

Run it as ``python benchmarks/fuzz.py [--only PART] [--count N] [--seed S]``. The exit code is 1 if there is a fault: a
crash, a hang, an uncaught exception, or what a part calls one (an error without the file's name, a silent NaN).
:mod:`benchmarks.fuzz_parts` says what a part is; ``--case INDEX`` with ``--only`` runs a single case again.
"""

import argparse
import collections
import contextlib
import faulthandler
import importlib
import multiprocessing
import os
import pkgutil
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# started as a script, Python looks for modules in this folder only
if (root := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.insert(0, root)

PARTS = 'benchmarks.fuzz_parts'
OUTCOMES = ('value', 'refused', 'FAULT', 'CRASH', 'HANG')
# case numbers of one seed begin here for the next
SEED_STEP = 10**6
# a worker imports its part before its first case
START_SECONDS = 300


def part_names() -> list[str]:
    """Names of the modules in the folder of the parts."""
    return sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(PARTS).__path__))


def outcome_of(part: Any, index: int, folder: Path) -> str:
    """What case ``index`` comes to; an exception is a fault. The folder of a faultless case is removed."""
    folder.mkdir(parents=True)
    try:
        outcome = part.run_case(index, folder)
    except BaseException as error:  # a SystemExit must not end the worker either
        outcome = f'FAULT: {type(error).__name__}: {error}'
    if not outcome.startswith('FAULT'):
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def work(module: str, folder: Path, memory_gib: float, pipe: Any) -> None:
    """Body of a child process: for each case number that comes, its outcome goes back."""
    log = os.open(folder / f'output.{os.getpid()}', os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(log, stream)
    faulthandler.enable()
    limit = int(memory_gib * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    part = importlib.import_module(module)
    pipe.send('ready')
    while (index := pipe.recv()) is not None:
        pipe.send(outcome_of(part, index, folder / str(index)))


class Worker:
    """A child process for the cases of one part, started again after a crash or a hang."""

    def __init__(self, module: str, folder: Path, seconds: float, memory_gib: float) -> None:
        self.module, self.folder, self.seconds, self.memory_gib = module, folder, seconds, memory_gib
        self.process: Any = None

    def run(self, index: int) -> str:
        """Outcome of a case: its own, 'CRASH: ...' or 'HANG: ...'."""
        if self.process is None and (failure := self._start()):
            raise RuntimeError(f'{self.module} does not start: {failure}; its output is in {self.folder}')
        self.pipe.send(index)
        return self._answer(self.seconds)

    def stop(self) -> None:
        """End the child process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None

    def _start(self) -> str:
        context = multiprocessing.get_context('spawn')
        self.pipe, theirs = context.Pipe()
        arguments = (self.module, self.folder, self.memory_gib, theirs)
        self.process = context.Process(target=work, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        answer = self._answer(START_SECONDS)
        return '' if answer == 'ready' else answer

    def _answer(self, seconds: float) -> str:
        if not self.pipe.poll(seconds):
            self.stop()
            return f'HANG: no end after {seconds:g} s'
        try:
            return self.pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            code = self.process.exitcode
            self.process = None
            return f'CRASH: {signal.Signals(-code).name if code < 0 else f"exit code {code}"}'


def run_share(worker: Worker, indices: Iterable[int]) -> dict[int, str]:
    """Outcomes of some cases, one after the other."""
    try:
        return {index: worker.run(index) for index in indices}
    finally:
        worker.stop()


def run_part(
    module: str, indices: Sequence[int], folder: Path, jobs: int = 1, seconds: float = 30, memory_gib: float = 8
) -> dict[int, str]:
    """Outcomes of cases of a part, shared out to ``jobs`` child processes that work in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(jobs) as pool:
        workers = [Worker(module, folder, seconds, memory_gib) for _ in range(jobs)]
        runs = [pool.submit(run_share, worker, indices[i::jobs]) for i, worker in enumerate(workers)]
        return dict(sorted(item for run in runs for item in run.result().items()))


def table(rows: dict[str, tuple[dict[int, str], float]]) -> str:
    """Markdown table of how many cases of each part came to what."""
    lines = [f'| part | cases | {" | ".join(OUTCOMES)} | seconds |', '|---' * (len(OUTCOMES) + 3) + '|']
    for name, (outcomes, seconds) in rows.items():
        counts = collections.Counter(outcome.partition(':')[0] for outcome in outcomes.values())
        if unknown := set(counts) - set(OUTCOMES):
            raise ValueError(f'the part {name} gives {unknown}; the known outcomes: {OUTCOMES}')
        cells = ' | '.join(str(counts[outcome]) for outcome in OUTCOMES)
        lines.append(f'| {name} | {len(outcomes)} | {cells} | {seconds:.0f} |')
    return '\n'.join(lines)


def faults(outcomes: dict[int, str]) -> dict[int, str]:
    """The outcomes that must not be."""
    return {index: outcome for index, outcome in outcomes.items() if outcome not in ('value', 'refused')}


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description='Hostile input for every part, in child processes.')
    parser.add_argument('--only', choices=part_names(), help='this part alone')
    parser.add_argument('--count', type=int, help='cases of each part (default: what the part asks for)')
    parser.add_argument('--seed', type=int, default=0, help='another seed, other cases (default: 0)')
    parser.add_argument('--case', type=int, help='this case alone, by the number in an earlier list of faults')
    parser.add_argument('--jobs', type=int, default=1, help='child processes at a time (default: 1)')
    parser.add_argument('--seconds', type=float, default=30, help='limit of a case (default: 30)')
    parser.add_argument('--memory', type=float, default=8, help='limit of a child process, in GiB (default: 8)')
    parser.add_argument('--keep', type=Path, help='new folder that keeps the files of the cases that are faults')
    args = parser.parse_args(argv)
    if args.case is not None and args.only is None:
        parser.error('--case needs --only: the part that it belongs to')
    return args


@contextlib.contextmanager
def working_folder(keep: Path | None) -> Iterator[Path]:
    """The folder to keep, or a temporary one."""
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep
    else:
        with tempfile.TemporaryDirectory(prefix='fuzz_') as folder:
            yield Path(folder)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the parts and print what came of them; 1 if there is a fault."""
    args = arguments(argv)
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    rows: dict[str, tuple[dict[int, str], float]] = {}
    with working_folder(args.keep) as folder:
        for name in [args.only] if args.only else part_names():
            module = f'{PARTS}.{name}'
            first, count = args.seed * SEED_STEP, args.count or importlib.import_module(module).COUNT
            indices = range(first, first + count) if args.case is None else [args.case]
            start = time.monotonic()
            outcomes = run_part(module, indices, folder / name, args.jobs, args.seconds, args.memory)
            rows[name] = outcomes, time.monotonic() - start
    print(table(rows))
    found = [(name, *fault) for name, (outcomes, _) in rows.items() for fault in faults(outcomes).items()]
    for name, index, fault in found:
        print(f'--only {name} --case {index}: {fault}'[:500])
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
