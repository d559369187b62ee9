import runpy
import sys
from pathlib import Path

import pytest

import mmrotate
from mmrotate.cli.main import COMMANDS, main


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as end:
        main(['--help'])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_has_a_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, '--help'])
    assert end.value.code == 0
    assert f'mmrotate {command}' in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(['--version'])
    assert mmrotate.__version__ in capsys.readouterr().out


@pytest.mark.parametrize('argv', [[], ['trian']])
def test_what_is_no_command_is_an_error(argv, capsys):
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == 2
    assert 'usage: mmrotate' in capsys.readouterr().err


def test_tools_and_demo_run_the_same_functions(capsys, monkeypatch):
    root = Path(__file__).parents[2]
    for path in ('tools/train.py', 'tools/test.py', 'demo/image_demo.py'):
        monkeypatch.setattr(sys, 'argv', [path, '--help'])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(root / path), run_name='__main__')
        assert end.value.code == 0
    assert capsys.readouterr().out.count('--cfg-options') >= 3


@pytest.mark.parametrize('pair', ['a', 'a=[dict(b=1,c=2)]', 'a=(1,2'])
def test_a_value_for_the_config_that_cannot_be_read_is_one_line(capsys, pair):
    with pytest.raises(SystemExit, match='2'):
        main(['train', 'config.py', '--cfg-options', 'ok=1', pair])
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    assert f'argument --cfg-options/--options: {pair!r} cannot be read: KEY=VALUE is needed' in error
