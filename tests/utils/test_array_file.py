"""Arrays in one file that is mapped into memory."""

import numpy as np
import pytest

from mmrotate.utils.array_file import map_arrays, save_arrays

ARRAYS = {
    'boxes': np.arange(35, dtype=np.float32).reshape(7, 5),
    'none': np.zeros((0, 8)),
    'text': np.frombuffer(b'{}', np.uint8),
    'columns': np.arange(6).reshape(2, 3).T,
}


@pytest.fixture
def path(tmp_path):
    save_arrays(tmp_path / 'folder' / 'a', ARRAYS)
    return tmp_path / 'folder' / 'a'


def test_arrays_come_back(path):
    found = map_arrays(path)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        assert np.array_equal(found[name], array)


def test_the_file_stays_as_it_is_when_they_are_written_to(path):
    map_arrays(path)['boxes'][:] = 1
    assert map_arrays(path)['boxes'][0, 2] == 2


@pytest.mark.parametrize('content', [b'', b'PK', b'mmrotate arrays\n{', b'mmrotate arrays\n{"bytes": 5}\n'])
def test_another_file_is_a_value_error(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError):
        map_arrays(path)


def test_a_cut_file_is_not_whole(path):
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match='not whole'):
        map_arrays(path)
