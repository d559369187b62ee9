"""Packages that only some models need."""

import math

import pytest

from mmrotate.utils.imports import MissingPackageError, import_package


def test_a_package_that_is_there() -> None:
    assert import_package('math', 'a test') is math


def test_a_package_that_is_not() -> None:
    with pytest.raises(MissingPackageError, match=r'a test needs .*pip install no_such_package$'):
        import_package('no_such_package.part', 'a test')


def test_a_package_of_an_extra() -> None:
    with pytest.raises(MissingPackageError, match=r"pip install 'mmrotate\[geo\]'$"):
        import_package('no_such_package.part', 'a test', 'geo')
