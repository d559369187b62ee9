"""Builds the C++ operations as an optional shared library, and puts the zoo into the package.

All else stands in pyproject.toml.
"""

import contextlib
import os
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

SOURCES = Path('mmrotate', 'ops', 'csrc')
FLAGS = ['/O2', '/std:c++17', '/fp:precise'] if sys.platform == 'win32' else [
    '-O3', '-std=c++17', '-fvisibility=hidden', '-ffp-contract=off', '-fno-math-errno',
    '-fno-trapping-math', '-pthread',
]  # fmt: skip
ZOO = ('configs', 'tools', 'demo', 'model-index.yml')
JUNK = shutil.ignore_patterns('__pycache__', '*.py[cod]', '.*', '*~')


class BuildPlainLibrary(build_ext):
    """The library has a plain C interface and no Python module in it."""

    def get_export_symbols(self, ext):
        return ext.export_symbols


class BuildWithZoo(build_py):
    """Configs, tools and demo go into ``mmrotate/.mim``, where openmim, mmengine and the package itself find them."""

    def run(self):
        super().run()
        target = Path('' if self.editable_mode else self.build_lib, 'mmrotate', '.mim')
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in ZOO:
            if self.editable_mode:
                with contextlib.suppress(OSError):  # no links on this Windows: the package goes to the clone itself
                    (target / name).symlink_to(os.path.relpath(name, target), Path(name).is_dir())
            elif Path(name).is_dir():
                shutil.copytree(name, target / name, ignore=JUNK)
            else:
                shutil.copyfile(name, target / name)


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
    cmdclass={'build_ext': BuildPlainLibrary, 'build_py': BuildWithZoo},
)
