"""A clone's root to follow the tutorials in."""

import sys

import pytest

from tests.helpers.pages import make_project


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The working directory, where modules are found too; those that a page brings are forgotten after it."""
    monkeypatch.chdir(make_project(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], '__file__', None) or '').startswith(str(tmp_path)):
            del sys.modules[name]
