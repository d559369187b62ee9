"""Label files by C++: numbers as Python's float() reads them, and nothing that could be read otherwise."""

import os

import numpy as np
import pytest

from mmrotate.ops.label_files import file_stamps, read_label_files
from mmrotate.utils.native import library_function

NAMES = [b'ship', b'shi', b'plane-2']
LIMIT = 1e6
needs_library = pytest.mark.skipif(
    library_function('mmrotate_read_label_files') is None, reason='there seems to be no compiler'
)


@pytest.fixture
def read(tmp_path):
    """As the operation, of contents in files."""

    def of(contents):
        paths = [tmp_path / f'{i} \xfc.txt' for i in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        return read_label_files(list(map(str, paths)), NAMES, LIMIT)

    return of


def test_without_the_library_there_is_nothing(monkeypatch, read):
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    assert read([b'1 1 6 1 6 3 1 3 ship']) is None


@needs_library
def test_numbers_are_those_of_float(read):
    rng = np.random.default_rng()
    texts = [f'{value:.{rng.integers(0, 9)}f}' for value in rng.uniform(-9999, 9999, 800)]
    lines = [f'{" ".join(texts[i : i + 8])} plane-2 7' for i in range(0, 800, 8)]
    corners, names, numbers, counts = read(['\n'.join(lines).encode()])
    assert corners.ravel().tolist() == np.float32(list(map(float, texts))).tolist()
    assert set(names) == {2} and set(numbers) == {7} and counts.tolist() == [100]


@needs_library
def test_names_are_whole_and_numbers_may_be_missing(read):
    contents = [b'1 1 6 1 6 3 1 3 shi\n1 1 6 1 6 3 1 3 ship 12\n', b'', b'0 1 6 1 6 3 1 3 ship']
    corners, names, numbers, counts = read(contents)
    assert (list(names), list(numbers), counts.tolist()) == ([1, 0, 0], [0, 12, 0], [2, 0, 1])
    assert corners[:, 0].tolist() == [1, 1, 0]


@needs_library
@pytest.mark.parametrize('threads', [1, 3])
def test_many_files_keep_their_order_and_leave_out_the_unusual(read, threads, monkeypatch):
    monkeypatch.setattr('torch.get_num_threads', lambda: threads)
    line = b'%d 1 6 1 6 3 1 3 ship\n'
    contents = [line % i * (i % 3) + (b'?\n' if i % 7 == 0 else b'') for i in range(1000)]
    corners, *_, counts = read(contents)
    usual = [i for i in range(1000) if i % 7]
    assert counts.tolist() == [i % 3 if i % 7 else -1 for i in range(1000)]
    assert corners[:, 0].tolist() == [i for i in usual for _ in range(i % 3)]


@needs_library
def test_a_file_of_many_blocks_is_read_whole(read):
    corners, *_, counts = read([b'%d 1 6 1 6 3 1 3 ship\n' % i * 9000 for i in range(3)])
    assert counts.tolist() == [9000] * 3 and corners[:, 0].tolist() == [i for i in range(3) for _ in range(9000)]


@needs_library
def test_what_is_no_file_is_left_to_python(tmp_path):
    (tmp_path / 'a').write_text('')
    *_, counts = read_label_files([str(tmp_path), str(tmp_path / 'none'), str(tmp_path / 'a')], NAMES, LIMIT)
    assert counts.tolist() == [-1, -1, 0]
    assert read_label_files(['a\0b'], NAMES, LIMIT) is None


@pytest.mark.parametrize('backend', ['cpp', 'torch'])
def test_stamps_are_size_and_time(backend, tmp_path, monkeypatch):
    if backend == 'torch' or library_function('mmrotate_file_stamps'):
        monkeypatch.setenv('MMROTATE_OPS_BACKEND', backend)
    (tmp_path / 'a').write_text('abc')
    os.utime(tmp_path / 'a', ns=(5, 1234567890123456789))
    paths = [str(tmp_path / 'a'), str(tmp_path / 'none')]
    assert file_stamps(paths).tolist() == [[3, 1234567890123456789], [-2, -2]]
    assert file_stamps([*paths, 'a\0b']).tolist() == [*file_stamps(paths).tolist(), [-2, -2]]
    assert file_stamps([]).shape == (0, 2)
