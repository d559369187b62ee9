"""A few of the hostile configs of benchmarks/fuzz.py."""

from collections import Counter

from benchmarks.fuzz_parts.configs import run_case


def test_hostile_configs_are_read_or_refused_in_one_line(tmp_path):
    outcomes = Counter(run_case(index, tmp_path) for index in range(40))
    assert set(outcomes) == {'value', 'refused'}, outcomes
    assert outcomes['refused'] > 10
