"""A clone's root to follow the tutorials in."""

import sys

import pytest
from mmengine.registry import OPTIMIZERS

from mmrotate import registry
from tests.helpers.pages import make_project

OWN = 'my_project'  # the package of the pages' own modules
REGISTRIES = [registry.MODELS, registry.TASK_UTILS, registry.DATASETS, registry.PIPELINES, registry.HOOKS, OPTIMIZERS]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The working directory, where modules are found too; those of a page, and their names, are forgotten after it."""
    monkeypatch.chdir(make_project(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for names in REGISTRIES:
        for name in [name for name, part in names.module_dict.items() if part.__module__.startswith(OWN)]:
            del names.module_dict[name]
    for name in [name for name in sys.modules if name.startswith(OWN)]:
        del sys.modules[name]
