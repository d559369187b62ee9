"""The harness of the fuzzing, and a small run of every part."""

import pytest

from benchmarks import fuzz

HOSTILE = """
import ctypes, os, time

NAME, COUNT = 'hostile', 6

def run_case(index, folder):
    if index == 1:
        ctypes.string_at(0)
    if index == 2:
        time.sleep(60)
    if index == 3:
        raise SystemExit('out')
    if index == 4:
        bytearray(20 * 2**30)
    (folder / 'made').touch()
    print('noise', os.listdir(folder))
    return 'refused' if index else 'value'
"""


def test_crashes_hangs_and_exceptions_are_named(tmp_path, monkeypatch):
    (tmp_path / 'hostile.py').write_text(HOSTILE)
    monkeypatch.syspath_prepend(tmp_path)
    found = fuzz.run_part('hostile', range(6), tmp_path / 'cases', jobs=1, seconds=1)
    assert found == {
        0: 'value',
        1: 'CRASH: SIGSEGV',
        2: 'HANG: no end after 1 s',
        3: 'FAULT: SystemExit: out',
        4: 'FAULT: MemoryError: ',
        5: 'refused',
    }
    assert list(fuzz.faults(found)) == [1, 2, 3, 4]
    assert fuzz.table({'hostile': (found, 2.0)}).endswith('| hostile | 6 | 1 | 1 | 2 | 1 | 1 | 2 |')
    # what faults worked on stays until the end of the run
    assert sorted(path.name for path in (tmp_path / 'cases').iterdir() if path.is_dir()) == ['1', '2', '3', '4']


def test_an_outcome_that_is_none(tmp_path):
    with pytest.raises(ValueError, match=r"the part x gives {'fine'}"):
        fuzz.table({'x': ({0: 'fine'}, 1.0)})


def test_cases_of_another_seed_and_a_single_case(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(fuzz, 'run_part', lambda module, indices, *args: asked.append(indices) or {0: 'FAULT: why'})
    assert fuzz.main(['--only', 'readers', '--seed', '2', '--count', '3']) == 1
    assert fuzz.main(['--only', 'readers', '--case', '77']) == 1
    assert asked == [range(2_000_000, 2_000_003), [77]]
    assert '--only readers --case 0: FAULT: why' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        fuzz.main(['--case', '77'])


SLOW = {'detectors': pytest.mark.slow}


@pytest.mark.parametrize('name', [pytest.param(name, marks=SLOW.get(name, ())) for name in fuzz.part_names()])
def test_a_small_run(name, capsys):
    failed = fuzz.main(['--only', name, '--count', '60'])
    assert not failed, capsys.readouterr().out
