import collections
import os
import pickle

import numpy as np
import pytest

from mmrotate.utils import UserError
from mmrotate.utils.pickles import PickleError, load_plain


def written(tmp_path, thing, protocol=4):
    path = tmp_path / 'a.pkl'
    path.write_bytes(thing if isinstance(thing, bytes) else pickle.dumps(thing, protocol))
    return path


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_is_read(tmp_path, protocol):
    data = [
        dict(a=1, b=[2.5, None, True, 'text', b'bytes'], c=(3, {4}, frozenset([5]), 6j)),
        collections.OrderedDict(x=np.float32(1.5), y=np.int64(7), z=bytearray(b'z')),
    ]
    assert load_plain(written(tmp_path, data, protocol)) == data
    for array in (
        np.arange(10, dtype=np.float32).reshape(2, 5),
        np.zeros((0, 5)),
        np.array([True]),
        np.asfortranarray(np.eye(3)),
    ):
        found = load_plain(written(tmp_path, [array], protocol))[0]
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_arrays_written_before_numpy_2_are_read(tmp_path):
    old = pickle.dumps(np.arange(3), 2).replace(b'numpy._core', b'numpy.core')
    np.testing.assert_array_equal(load_plain(written(tmp_path, old)), [0, 1, 2])


class Runs:
    def __init__(self, function, *args):
        self.parts = function, args

    def __reduce__(self):
        return self.parts


@pytest.mark.parametrize(
    'thing',
    [
        Runs(os.system, 'touch ran'), Runs(eval, '1'), Runs(getattr, '', 'join'), Runs(np.load, 'x.npy'),
        Runs(np.fromfile, 'x'), np.array([Runs(os.system, 'touch ran')], object), collections.defaultdict(list),
        collections.Counter('a'),
    ],
)  # fmt: skip
def test_what_could_run_code_is_refused(tmp_path, monkeypatch, thing):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PickleError, match=r'it holds .*could run any code.*write JSON') as error:
        load_plain(written(tmp_path, [thing], 2))
    assert isinstance(error.value, UserError) and 'a.pkl' in str(error.value)
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize('content', [b'', b'{"a": 1}', pickle.dumps([1, 2, 3])[:-3], b'cos\nsystem\n.'])
def test_other_files_are_refused(tmp_path, content):
    with pytest.raises(PickleError, match=r'a\.pkl'):
        load_plain(written(tmp_path, content))
