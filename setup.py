"""Builds the C++ operations as an optional shared library; all else stands in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCES = Path('mmrotate', 'ops', 'csrc')
FLAGS = ['/O2', '/std:c++17', '/fp:precise'] if sys.platform == 'win32' else [
    '-O3', '-std=c++17', '-fvisibility=hidden', '-ffp-contract=off', '-fno-math-errno',
    '-fno-trapping-math', '-pthread',
]  # fmt: skip


class BuildPlainLibrary(build_ext):
    """The library has a plain C interface and no Python module in it."""

    def get_export_symbols(self, ext):
        return ext.export_symbols


setup(
    ext_modules=[
        Extension(
            'mmrotate.ops._mmrotate_ops',
            sources=sorted(str(path) for path in SOURCES.glob('*.cpp')),
            depends=sorted(str(path) for path in SOURCES.glob('*.h')),
            extra_compile_args=FLAGS,
            extra_link_args=[] if sys.platform == 'win32' else ['-pthread'],
            language='c++',
            optional=True,  # without a compiler the operations run in plain PyTorch
        )
    ],
    cmdclass={'build_ext': BuildPlainLibrary},
)
