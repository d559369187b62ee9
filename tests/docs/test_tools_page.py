"""docs/tools.md: every tool and every option is told of, and the commands run."""

import argparse
import importlib
import runpy
import shlex
import sys

import pytest

from tests.helpers.pages import ROOT, blocks, make_project, run_page

PAGE = ROOT / 'docs/tools.md'
TEXT = PAGE.read_text(encoding='utf-8')
ALIKE = {'--cfg-options', '--options', '--device', '--gpu-id', '--gpu-ids', '--launcher', '--debug', '--help'}
COMMANDS = 'browse print_config download_dataset benchmark flops robustness robustness_eval anchors publish upgrade'
# what the shell scripts share; what TorchServe runs
OTHERS = {'slurm.sh', 'torchrun.sh', 'mmrotate_handler.py'}


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp('project'))


def test_every_script_is_told_of():
    scripts = [*ROOT.glob('tools/*.py'), *ROOT.glob('tools/*.sh'), *ROOT.glob('tools/*/*.py')]
    untold = [path for path in scripts if path.name not in TEXT and path.name not in OTHERS]
    # those of the analysis have a page of their own
    assert [path.name for path in untold if 'mmrotate.cli.analy' not in path.read_text('utf-8')] == []


@pytest.mark.parametrize('command', COMMANDS.split())
def test_every_option_is_told_of(command):
    parser = argparse.ArgumentParser(add_help=False)
    importlib.import_module(f'mmrotate.cli.{command}').add_arguments(parser)
    shown = {action.option_strings[0] for action in parser._actions if action.option_strings}
    hidden = {a.option_strings[0] for a in parser._actions if a.option_strings and a.help == argparse.SUPPRESS}
    assert sorted(option for option in shown - hidden - ALIKE if f'`{option}' not in TEXT) == []


def lines():
    """The commands that the page says run as they stand."""
    for code, _, runs in blocks(PAGE, 'bash'):
        if runs:
            yield from code.splitlines()


@pytest.mark.parametrize('line', list(lines()))
def test_the_commands_run(line, project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    python, *argv = shlex.split(line)
    assert python == 'python'
    monkeypatch.setattr(sys, 'argv', argv)
    with pytest.raises(SystemExit) as end:
        runpy.run_path(argv[0], run_name='__main__')
    assert end.value.code == 0
    assert capsys.readouterr().out


def test_the_example_of_a_program(project, monkeypatch):
    monkeypatch.chdir(project)
    run_page(PAGE)
