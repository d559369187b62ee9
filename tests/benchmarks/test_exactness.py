import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.hard_pairs import FAMILIES, not_finite, random_pairs

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize('draw', [random_pairs, not_finite, *FAMILIES.values()])
def test_pairs(draw):
    for count in (0, 1, 50):
        first, second = draw(count)
        assert first.shape == second.shape == (count, 5)
        assert first.dtype == second.dtype == torch.float64
    broken = ~(second.isfinite().all(1) & (second[:, 2:4] > 0).all(1))
    assert broken.all() if draw is not_finite else not broken.any()


@pytest.mark.slow
def test_the_operations_are_exact(tmp_path):
    args = ['--random', '3000', '--count', '60', '--sets', '10', '--threads', '1']
    command = [sys.executable, '-m', 'benchmarks.exactness', *args]
    files = ['--json', tmp_path / 'rows.json', '--markdown', tmp_path / 'table.md']
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    subprocess.run([*command, *files], cwd=ROOT, env=environment, check=True)
    rows = json.loads((tmp_path / 'rows.json').read_text())['rows']
    rows = [row for row in rows if not row['name'].startswith('torchvision')]
    assert {row['name'].split()[0] for row in rows} >= {'torch'}
    limits = {'float32': 2e-6, 'float64': 1e-11}
    wrong = [row for row in rows if not row['error'] <= limits[row['name'].split()[1]]]
    assert wrong == []
    assert len({row['of'] for row in rows}) == 20
    assert '| identical |' in (tmp_path / 'table.md').read_text()
