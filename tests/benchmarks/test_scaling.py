"""The benchmark of several processes runs, in one and small."""

import pytest

from benchmarks import scaling


@pytest.mark.slow
def test_each_kind_has_a_row(capfd):
    scaling.main(['--processes', '1', '--steps', '1', '--images', '1', '--size', '64', '--objects', '2'])
    rows = [line.split(' | ') for line in capfd.readouterr().out.splitlines()[2:]]
    assert [row[:2] for row in rows] == [['| 1', kind] for kind in ('alone', 'ddp', 'fsdp')]
    assert all(float(row[2]) > 0 for row in rows)
