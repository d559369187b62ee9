import os
import pickle
from collections import Counter

import pytest

from benchmarks.fuzz_parts import checkpoints


def test_damaged_checkpoints_are_loaded_or_refused_by_name(tmp_path):
    outcomes = {}
    for index in range(120):
        (tmp_path / str(index)).mkdir()
        outcomes[index] = checkpoints.run_case(index, tmp_path / str(index))
    counts = Counter(outcomes.values())
    assert {i: outcome for i, outcome in outcomes.items() if outcome not in ('value', 'refused')} == {}
    assert counts['value'] > 5
    assert counts['refused'] > 50
    assert {outcomes[index] for index in range(5, 120, 6)} == {'refused'}  # those that run code


@pytest.mark.parametrize('maker', checkpoints.MAKERS)
def test_a_case_is_the_same_at_every_call(tmp_path, maker):
    random = checkpoints.random.Random
    assert maker(random(1), tmp_path) == maker(random(1), tmp_path)


def test_the_payload_would_run(tmp_path):
    pickle.loads(pickle.dumps(checkpoints.Payload(tmp_path / 'proof')))
    assert os.path.isdir(tmp_path / 'proof')
