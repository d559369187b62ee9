import json
import sys

import pytest
import torch

from benchmarks import exactness
from benchmarks.hard_pairs import FAMILIES, not_finite, random_pairs


@pytest.mark.parametrize('draw', [random_pairs, not_finite, *FAMILIES.values()])
def test_pairs(draw):
    for count in (0, 1, 50):
        first, second = draw(count)
        assert first.shape == second.shape == (count, 5)
        assert first.dtype == second.dtype == torch.float64
    broken = ~(second.isfinite().all(1) & (second[:, 2:4] > 0).all(1))
    assert broken.all() if draw is not_finite else not broken.any()


@pytest.mark.slow
def test_the_operations_are_exact(tmp_path, monkeypatch):
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')  # put back what the benchmark sets
    monkeypatch.delenv('TRITON_INTERPRET', raising=False)
    args = ['--random', '1000', '--count', '25', '--sets', '15', '--threads', '1']
    files = ['--json', str(tmp_path / 'rows.json'), '--markdown', str(tmp_path / 'table.md')]
    monkeypatch.setattr(sys, 'argv', ['exactness', *args, *files])
    threads = torch.get_num_threads()
    exactness.main()
    torch.set_num_threads(threads)
    rows = json.loads((tmp_path / 'rows.json').read_text())['rows']
    rows = [row for row in rows if not row['name'].startswith('torchvision')]
    assert {row['name'].split()[0] for row in rows} >= {'torch'}
    limits = {'float32': 2e-6, 'float64': 1e-11}
    wrong = [row for row in rows if not row['error'] <= limits[row['name'].split()[1]]]
    assert wrong == []
    assert len({row['of'] for row in rows}) == 20
    assert '| identical |' in (tmp_path / 'table.md').read_text()
