import collections
import sys

import pytest
import torch

from benchmarks.fuzz_parts import operations

pytestmark = pytest.mark.skipif(sys.platform == 'win32', reason='has no alarm')


def test_hostile_calls_give_values_or_name_what_is_wrong(tmp_path):
    outcomes = {index: operations.run_case(index, tmp_path) for index in range(60)}
    assert {index: outcome for index, outcome in outcomes.items() if outcome not in ('value', 'refused')} == {}
    assert min(collections.Counter(outcomes.values()).values()) > 10
    assert list(tmp_path.iterdir()) == []


def test_a_case_is_made_again():
    for index in (3, 9, 17):
        (first, given, _), (second, again, _) = operations.make(index), operations.make(index)
        assert first is second
        assert repr(given) == repr(again)


def _nan(value):
    return value * torch.nan


def _fails(value):
    raise IndexError('3')


def _refuses(value):
    raise ValueError('no')


@pytest.mark.parametrize(
    ('operation', 'outcome'),
    [(_nan, 'gives NaN'), (_fails, '_fails: IndexError: 3'), (_refuses, 'without an argument: no')],
)
def test_what_is_a_fault(operation, outcome):
    assert outcome in operations._judge(operation, dict(value=torch.ones(1)))
    assert operations._judge(lambda value: value, dict(value=torch.ones(1))) == 'value'
