import importlib

import pytest

from mmrotate.cli.serve import main
from mmrotate.serve import Limits


@pytest.fixture
def setups(monkeypatch):
    """What the server was told, in place of a server."""
    found = []
    monkeypatch.setattr('mmrotate.serve.server.run', found.append)
    return found


def test_options_become_limits(setups):
    argv = ['a/config.py', 'a.pth', '--model', 'b=b.py,b.pth', '--port', '9', '--batch-size', '3', '--max-body', '0.5']
    assert main([*argv, '--allow-host', 'x.org', 'y.org', '--cfg-options', 'model.depth=3', '--device', 'cpu']) == 0
    (setup,) = setups
    assert [(one.name, one.config, one.checkpoint) for one in setup.models] == [
        ('config', 'a/config.py', 'a.pth'),
        ('b', 'b.py', 'b.pth'),
    ]
    assert setup.limits == Limits(batch=3, body=1 << 19, hosts=('x.org', 'y.org'))
    assert (setup.host, setup.ports, setup.workers, setup.device) == ('127.0.0.1', (9,), 1, 'cpu')
    assert setup.options == {'model.depth': 3}


@pytest.mark.parametrize(
    ('argv', 'text'),
    [
        ([], 'give CONFIG and CHECKPOINT'),
        (['a.py'], 'a.py: its checkpoint is missing'),
        (['a.py', 'a.pth', '--model', 'a=b.py,b.pth'], 'two models are called a'),
        (['--model', 'a=b.py'], '--model NAME=CONFIG,CHECKPOINT is needed'),
    ],
)
def test_what_cannot_be_served_is_said(setups, argv, text, capsys):
    assert main(argv) == 1
    assert text in capsys.readouterr().err
    assert setups == []


def test_a_port_that_there_is_not_is_refused(setups, capsys):
    with pytest.raises(SystemExit):
        main(['a.py', 'a.pth', '--port', '65536'])
    assert "must be a whole number from 1 to 65535, got '65536'" in capsys.readouterr().err
    assert setups == []


def test_help_names_the_defaults_of_the_server(capsys):
    with pytest.raises(SystemExit):
        main(['--help'])
    text = ' '.join(capsys.readouterr().out.split())
    limits = Limits()
    for value in (limits.batch, limits.wait, limits.queue, limits.images, limits.body >> 20, limits.pixels):
        assert f'({value})' in text
    for value in (limits.timeout, limits.upload):
        assert f'({value:g})' in text


def test_a_missing_package_is_named(setups, monkeypatch, capsys):
    real = importlib.import_module

    def without(name, *args):
        if name == 'fastapi':
            raise ImportError('No module named fastapi')
        return real(name, *args)

    monkeypatch.setattr(importlib, 'import_module', without)
    assert main(['a.py', 'a.pth']) == 1
    assert "pip install 'mmrotate[serve]'" in capsys.readouterr().err
