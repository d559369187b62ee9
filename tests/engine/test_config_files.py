"""Config files that cannot be read, and those that must not be obeyed."""

import sys

import pytest
from mmengine.config import Config

from mmrotate.cli import main
from mmrotate.engine import load_config
from mmrotate.utils import UserError

EVIL = '!!python/object/apply:os.system ["touch pwned.txt"]'


def refused(path):
    with pytest.raises(UserError) as error:
        load_config(path)
    text = str(error.value)
    assert '\n' not in text
    return text


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content)
    return path


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('a.py', 'x = 1\ny = 1 / 0', 'line 2: ZeroDivisionError: division by zero'),
        ('a.py', 'x = None.foo', "line 1: AttributeError: 'NoneType'"),
        ('a.py', 'x = [][0]', 'line 1: IndexError: list index out of range'),
        ('a.py', 'x = len(3)', 'line 1: TypeError'),
        ('a.py', 'x = y', "line 1: NameError: name 'y'"),
        ('a.py', 'import sys; sys.exit(3)', r'line 1: it ends the program (exit code 3)'),
        ('a.py', '\nx = dict(\na==', "line 2: '(' was never closed"),
        ('a.py', '\ufeffx = 1', 'line 1: invalid non-printable character U+FEFF'),
        ('a.py', b'\xff\xfe bad', 'it is no UTF-8 text (byte 0xff at 0)'),
        ('a.py', '', 'is empty'),
        ('a.py', '_base_ = "nope.py"', 'nope.py: it does not exist'),
        ('a.py', f'x = {"[" * 60}{"]" * 60}', 'x holds more than 50 dicts'),
        ('a.json', '{"model": \n', 'line 2: no JSON: Expecting value'),
        ('a.json', '[1, 2]', 'it holds a list where keys with values are needed'),
        ('a.yaml', 'model: {a: 1\n', "line 2: no YAML: expected ',' or '}'"),
        ('a.yaml', 'x: "\x7f"', 'no YAML: unacceptable character #x007f'),
        ('a.yaml', '', 'it is empty'),
        ('a.yaml', '1: 2', 'the key 1 is no text'),
        ('a.yaml', EVIL, 'line 1: the tag !!python/object/apply:os.system is refused'),
        ('a.yml', f'x: 1\ny: {EVIL}', 'line 2: the tag !!python/object/apply:os.system is refused'),
        ('a.pkl', '{}', 'a file .py, .json, .yaml, .yml is needed'),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named_with_its_line(tmp_path, monkeypatch, name, content, words):
    monkeypatch.chdir(tmp_path)
    text = refused(written(tmp_path, name, content))
    assert name in text
    assert words in text
    assert not (tmp_path / 'pwned.txt').exists()


def test_the_base_at_fault_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, 'base.py', 'x = 1\n\ny = 1 / 0')
    text = refused(written(tmp_path, 'leaf.py', '_base_ = "base.py"'))
    reason = 'base.py, line 3: ZeroDivisionError: division by zero'
    assert text == f'config {tmp_path / "leaf.py"} cannot be read: {reason}'


def test_a_circle_of_bases_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, 'one.py', '_base_ = "two.py"')
    written(tmp_path, 'two.py', '_base_ = "one.py"')
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)  # is soon reached
    try:
        assert 'circle: one.py -> two.py -> one.py' in refused(tmp_path / 'one.py')
    finally:
        sys.setrecursionlimit(limit)


def test_a_long_chain_of_bases_is_read(tmp_path):
    for number in range(20):
        written(tmp_path, f'{number}.py', f'_base_ = "{number + 1}.py"\nx = {number}')
    written(tmp_path, '20.py', 'y = 20')
    assert load_config(tmp_path / '0.py').to_dict() == dict(x=0, y=20)


@pytest.mark.parametrize('leaf', ['leaf.py', 'leaf.json', 'leaf.yaml'])
def test_no_base_in_yaml_runs_code(tmp_path, monkeypatch, leaf):
    monkeypatch.chdir(tmp_path)
    base = written(tmp_path, 'base.yaml', f'a: 1\nx: {EVIL}')
    given = {
        'leaf.py': '_base_ = "base.yaml"',
        'leaf.json': '{"_base_": "base.yaml"}',
        'leaf.yaml': '_base_: base.yaml',
    }
    assert 'base.yaml, line 2: the tag' in refused(written(tmp_path, leaf, given[leaf]))
    with pytest.raises(Exception, match=r'os\.system'):
        Config.fromfile(base)
    assert not (tmp_path / 'pwned.txt').exists()


@pytest.mark.parametrize('argv', [['train'], ['test', 'x.pth', '--eval', 'mAP'], ['infer', 'x.pth']])
def test_no_command_runs_code_of_yaml(tmp_path, monkeypatch, capsys, argv):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, 'a.yaml', EVIL)
    written(tmp_path, 'a.png', b'')
    command, *rest = argv
    assert main([command, *(['a.png'] if command == 'infer' else []), 'a.yaml', *rest]) == 1
    assert 'error: config a.yaml cannot be read: line 1: the tag' in capsys.readouterr().err
    assert not (tmp_path / 'pwned.txt').exists()


def test_plain_values_and_tuples_of_yaml_are_read(tmp_path):
    path = written(tmp_path, 'a.yaml', 'x: {y: [1, 2.5, null]}\nsize: !!python/tuple [3, 4]')
    assert load_config(path).to_dict() == dict(x=dict(y=[1, 2.5, None]), size=(3, 4))
    leaf = written(tmp_path, 'leaf.py', '_base_ = "a.yaml"\nx = dict(z=1)')
    assert load_config(leaf).x == dict(y=[1, 2.5, None], z=1)


def test_debug_keeps_the_error_of_the_file(tmp_path):
    with pytest.raises(UserError) as error:
        main(['train', str(written(tmp_path, 'a.py', 'x = 1 / 0')), '--debug'])
    assert isinstance(error.value.__cause__, ZeroDivisionError)
