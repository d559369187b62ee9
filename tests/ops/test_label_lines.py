"""Lines of label files by C++: numbers as Python's float() reads them, and nothing that could be read otherwise."""

import numpy as np
import pytest

from mmrotate.ops.backend import library_function
from mmrotate.ops.label_lines import parse_label_lines

NAMES = [b'ship', b'shi', b'plane-2']
LIMIT = 1e6


def test_without_the_library_there_is_nothing(monkeypatch):
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    assert parse_label_lines([b'1 1 6 1 6 3 1 3 ship'], NAMES, LIMIT) is None


@pytest.fixture
def parse():
    """As the operation; where the library was built by an older checkout the lines go through Python's float()."""
    if library_function('mmrotate_parse_label_lines') is not None:
        return parse_label_lines

    def by_python(contents, names, limit):
        rows = [line.split() for line in b'\n'.join(contents).splitlines()]
        counts = np.array([len(content.splitlines()) for content in contents])
        return np.array([[*map(float, row[:8])] for row in rows]), [names.index(row[8]) for row in rows], [
            int((row[9:] or [0])[0]) for row in rows
        ], counts  # fmt: skip

    return by_python


def test_numbers_are_those_of_float(parse):
    rng = np.random.default_rng()
    texts = [f'{value:.{rng.integers(0, 9)}f}' for value in rng.uniform(-9999, 9999, 800)]
    lines = [f'{" ".join(texts[i : i + 8])} plane-2 7' for i in range(0, 800, 8)]
    values, names, numbers, counts = parse(['\n'.join(lines).encode()], NAMES, LIMIT)
    assert values.ravel().tolist() == list(map(float, texts))
    assert set(names) == {2} and set(numbers) == {7} and counts.tolist() == [100]


def test_names_are_whole_and_numbers_may_be_missing(parse):
    contents = [b'1 1 6 1 6 3 1 3 shi\n1 1 6 1 6 3 1 3 ship 12\n', b'', b'0 1 6 1 6 3 1 3 ship']
    values, names, numbers, counts = parse(contents, NAMES, LIMIT)
    assert (list(names), list(numbers), counts.tolist()) == ([1, 0, 0], [0, 12, 0], [2, 0, 1])
    assert values[:, 0].tolist() == [1, 1, 0]
