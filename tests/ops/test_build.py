"""The optional extension of setup.py, built as pip builds it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmrotate.utils import native

ROOT = Path(__file__).parents[2]


def build(folder, **environment):
    """Run the build into ``folder``; its output and the libraries that came of it."""
    where = ['--build-lib', str(folder / 'lib'), '--build-temp', str(folder / 'temp')]
    run = subprocess.run(
        [sys.executable, 'setup.py', 'build_ext', *where],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr, list((folder / 'lib').rglob('_mmrotate_ops*'))


@pytest.fixture(autouse=True)
def _setuptools():
    pytest.importorskip('setuptools')


def test_without_a_compiler_the_build_goes_on(tmp_path):
    missing = '/nonexistent/compiler'
    output, libraries = build(tmp_path, CC=missing, CXX=missing, LDSHARED=missing)
    assert libraries == []
    assert 'building extension "mmrotate.ops._mmrotate_ops" failed' in output


@pytest.mark.slow
@pytest.mark.skipif(native.library() is None, reason='there seems to be no compiler')
def test_with_a_compiler_it_gives_the_library(tmp_path):
    _, (library,) = build(tmp_path)
    assert library.name == Path(native.library()._name).name
    assert native._load(library) is not None
