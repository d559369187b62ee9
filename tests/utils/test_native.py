"""The C++ library is found, or why it is not used is told; arguments are passed as C takes them."""

import ctypes

import numpy as np
import pytest

from mmrotate.utils import native

BUILT = pytest.mark.skipif(native.library() is None, reason='the C++ operations were not built')


def test_a_file_that_is_no_library_is_reported(tmp_path):
    path = tmp_path / '_mmrotate_ops.so'
    path.write_bytes(b'no library')
    with pytest.warns(UserWarning, match=r'_mmrotate_ops\.so are not used'):
        assert native._load(path) is None


@BUILT
def test_a_library_of_other_sources_is_not_called(monkeypatch):
    path = native.library()._name
    assert native._load(path) is not None
    monkeypatch.setattr(native, '_INTERFACE', native._INTERFACE + 1)
    with pytest.warns(UserWarning, match='built from other sources'):
        assert native._load(path) is None


def test_arguments_become_c_types():
    assert isinstance(native._as_c(True), ctypes.c_int)
    assert isinstance(native._as_c(3), ctypes.c_int64)
    assert isinstance(native._as_c(0.5), ctypes.c_double)
    assert native._as_c(None).value is None
    array = np.zeros(3)
    assert native._as_c(array).value == array.ctypes.data
