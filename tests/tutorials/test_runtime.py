"""docs/tutorials/runtime.md does what it says."""

import pytest

from mmrotate.engine import load_config, read_plan
from tests.helpers.pages import ROOT, run_page, write_files

PAGE = ROOT / 'docs/tutorials/runtime.md'


@pytest.mark.slow
def test_page(project):
    assert len(write_files(PAGE, project)) >= 10
    assert run_page(PAGE) >= 7


def test_every_config_can_be_trained_by(project):
    configs = [name for name in write_files(PAGE, project) if name.startswith('configs/mine/')]
    plans = {name[13:-3]: read_plan(load_config(name)) for name in configs}
    assert plans['adam'].optim_wrapper['optimizer'] == dict(type='Adam', lr=0.0003, weight_decay=0.0001)
    assert all(plans[name].lr for name in ('cosine', 'poly', 'cyclic'))
    assert plans['cyclic'].momentum
