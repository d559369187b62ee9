"""Our detectors beside others': torchvision's upright ones, OrientedDet's, and Ultralytics' nano model.

    python benchmarks/peers.py --oriented-det PYTHON --ultralytics PYTHON

Each side is a process of its own, of the Python of its own environment; one without a path is left out. The sides
take turns, case by case, and the table has ratios of medians: ours over theirs, in time of the wall and of the
processor. Weights are random, and the score threshold lets no box through: what is measured is network, proposals,
assignment and losses. Times of a busy machine are worth little: the table says how far rounds were apart.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SIDES = Path(__file__).parent / 'peer_sides'
# what is measured on us, on which side it is held against, and on which case there
METHODS = ('oriented_rcnn', 'retinanet', 'fcos')
INFERENCE = [('infer', method) for method in METHODS]
TRAINING = [('train', method, objects) for method in METHODS for objects in (50, 500)]
NMS = [('nms', kind, labels) for kind in ('spread', 'crowded', 'point') for labels in (1, 15)]
PAIRS = [
    *((case, side, case) for case in (*INFERENCE, *TRAINING) for side in ('vision', 'orienteddet')),
    *((('train', method, 500), 'ours', ('train', method, 50)) for method in (*METHODS, 'rtmdet')),
    *((('train', method, 50, 'bfloat16'), 'vision', ('train', method, 50)) for method in METHODS),
    *((case, 'vision', case) for case in NMS),
    (('small',), 'nano', ('small',)),
    (('small', 'fast'), 'nano', ('small',)),
    (('small',), 'ours', ('small', 'plain')),
    (('engine', 'runner'), 'ours', ('engine', 'bare')),
]
Case = tuple


class Side:
    """A process that prepares cases and times calls of them."""

    def __init__(self, name: str, python: str, settings: dict[str, Any]) -> None:
        threads = str(settings['threads'])
        environment = {**os.environ, 'OMP_NUM_THREADS': threads, 'MKL_NUM_THREADS': threads}
        command = [python, str(SIDES / f'{name}.py'), json.dumps(settings)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.name = name

    def seconds(self, case: Case) -> tuple[float, float]:
        """Wall and processor seconds of one call of a case, which is prepared and warmed up before the first."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(case) + '\n')
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f'the side {self.name} ended at {case}')
        return tuple(json.loads(answer))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def compare(first: tuple[Side, Case], second: tuple[Side, Case], rounds: int) -> dict[str, float]:
    """Ratios of the medians of two cases that take turns, and how far the first one's rounds were apart."""
    times = [[side.seconds(case) for side, case in (first, second)] for _ in range(rounds)]
    (wall, wall2), (cpu, cpu2) = ([[round_[which][clock] for round_ in times] for which in (0, 1)] for clock in (0, 1))
    median = statistics.median
    return {
        'ms': 1e3 * median(wall),
        'wall': median(wall) / median(wall2),
        'processor': median(cpu) / median(cpu2),
        'spread': max(wall) / min(wall),
    }


def main(args: Sequence[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--oriented-det', help='Python of an environment with oriented-det')
    parser.add_argument('--ultralytics', help='Python of an environment with ultralytics')
    parser.add_argument('--only', default='', help='cases whose name has this in it, like "train fcos"')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--size', type=int, default=1024, help='side of the images of inference; training has half')
    parser.add_argument('--json', help='file for the figures')
    options = parser.parse_args(args)
    pythons = {
        'ours': sys.executable, 'vision': sys.executable,
        'orienteddet': options.oriented_det, 'nano': options.ultralytics,
    }  # fmt: skip
    settings = dict(threads=options.threads, size=options.size)
    sides: dict[str, Side] = {}
    rows = []
    print('| case | against | ms | wall | processor | spread |\n|---|---|---|---|---|---|')
    for case, other, other_case in PAIRS:
        name = ' '.join(map(str, case))
        if options.only not in name or pythons[other] is None:
            continue
        for side in ('ours', other):
            sides[side] = sides.get(side) or Side(side, pythons[side], settings)
        found = compare((sides['ours'], case), (sides[other], other_case), options.rounds)
        rows.append({'case': name, 'against': f'{other} {" ".join(map(str, other_case))}', **found})
        shown = f'{found["ms"]:.1f} | {found["wall"]:.2f} | {found["processor"]:.2f} | {found["spread"]:.1f}'
        print(f'| {name} | {rows[-1]["against"]} | {shown} |', flush=True)
    for side in sides.values():
        side.close()
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))


if __name__ == '__main__':
    main()
