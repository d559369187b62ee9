"""The benchmark beside other packages: ratios, cases, answers."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks import peers

BENCHMARKS = Path(__file__).parents[2] / 'benchmarks'


class Fake:
    def __init__(self, *times):
        self._times = iter(times)

    def seconds(self, case):
        return next(self._times)


def test_ratios_are_of_medians():
    ours, theirs = Fake((1, 2), (3, 2), (2, 2)), Fake((4, 1), (4, 1), (8, 1))
    found = peers.compare((ours, ('a',)), (theirs, ('a',)), 3)
    assert found == {'ms': 2000, 'wall': 0.5, 'processor': 2, 'spread': 3}


def test_every_pair_has_a_side_that_knows_the_case():
    for case, other, other_case in peers.PAIRS:
        for side, (name, *_) in (('ours', case), (other, other_case)):
            assert f'def {name}(' in (BENCHMARKS / 'peer_sides' / f'{side}.py').read_text()


def test_a_side_answers_line_by_line():
    lines = ''.join(json.dumps(['nms', 'spread', labels]) + '\n' for labels in (1, 15, 1))
    command = [sys.executable, str(BENCHMARKS / 'peer_sides/vision.py'), '{"threads": 1, "size": 64}']
    answers = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(answers) == 3
    assert all(0 < wall and 0 < processor for wall, processor in map(json.loads, answers))
