"""Every command of the pages: parsed by the program that it names, or held against a table of what cannot run here."""

import argparse
import os
import re
import runpy
import shlex
import subprocess
import sys

import pytest

from mmrotate.cli.main import main as mmrotate
from tests.helpers.pages import ROOT, commands_of

PAGES = sorted([*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md')])
# the start of a command -> why it is only read here
ONLY_READ = {
    'pip install': 'needs a network',
    'python3 -m venv': 'the first part of the two lines of README.md, which .ci/run runs',
    'python -m pytest': 'runs these tests',
    'git clone': 'needs a network',
    'cd mmrotate': 'goes into the clone',
    'pre-commit install': 'changes the repository',
    '.ci/run': 'runs these tests',
    'bash benchmarks/gpu.sh': 'needs a GPU',
    'torchrun ': 'needs machines; tests/cli/test_infer_shared.py runs it on one',
    'curl ': 'needs a server; tests/serve/test_server.py sends it',
    'torchserve ': 'needs TorchServe and Java',
    'trtexec ': 'needs TensorRT and a GPU',
    'polygraphy ': 'needs TensorRT and a GPU',
    'OV=': 'tests/demo/test_exported_cpp.py runs this line and the next two',
    'g++ ': 'as above',
    './detect ': 'as above',
    'python -m mmrotate.export.runtime': 'needs an exported file; tests/export/test_runtime.py makes one',
    'mim ': 'needs openmim; tests/test_package.py reads what it asks for',
}
SCRIPTS = ('tools/', 'demo/', 'benchmarks/', 'docs/', '.ci/')
_VARIABLE = re.compile(r'\w+=\S*$')


COMMANDS = [(page, *found) for page in PAGES for found in commands_of(page)]
EACH = [pytest.param(command, id=f'{page.relative_to(ROOT)}: {command[:60]}') for page, command, _ in COMMANDS]


class Parsed(Exception):
    """The options could be parsed: stop before anything runs."""


@pytest.fixture
def only_parsing(monkeypatch):
    def parse(self, args=None, namespace=None):
        _, unknown = self.parse_known_args(args, namespace)
        assert not unknown, f'{self.prog} does not know {unknown}'
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', parse)


def words_of(command):
    """The words of a command after its variables."""
    words = shlex.split(command, comments=True)
    while _VARIABLE.match(words[0]):
        words.pop(0)
    return words


def parse_python(script, arguments, monkeypatch):
    """The script's own parser takes the arguments."""
    monkeypatch.setattr(sys, 'argv', [script, *arguments])
    monkeypatch.syspath_prepend(str(ROOT / os.path.dirname(script)))
    with pytest.raises(Parsed):
        runpy.run_path(str(ROOT / script), run_name='__main__')


def parse_shell(words, tmp_path):
    """The script's call of Python, which a stand-in tells; gives its words, the script of the package first."""
    python = tmp_path / 'python'
    python.write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    python.chmod(0o755)
    (tmp_path / 'srun').write_text('#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n')
    (tmp_path / 'srun').chmod(0o755)
    environment = dict(os.environ, PYTHON=str(python), PATH=f'{tmp_path}:{os.environ["PATH"]}')
    run = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    told = run.stdout.splitlines()
    place = next(i for i, word in enumerate(told) if word.endswith(('tools/train.py', 'tools/test.py')))
    return [os.path.relpath(told[place], ROOT), *told[place + 1 :]]


def check(words, monkeypatch, tmp_path):
    """Hold one command against what it names."""
    program, *rest = words
    if program == 'mmrotate':
        with pytest.raises(Parsed):
            mmrotate(rest)
    elif program == 'make':
        targets = re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(encoding='utf-8'), re.MULTILINE)
        assert {word for word in rest if '=' not in word} <= set(targets)
    elif program.startswith('python') and rest[0] == '-c':
        exec(compile(rest[1], 'command', 'exec'), {})
    elif program.startswith('python') and rest[0].startswith(SCRIPTS):
        parse_python(rest[0], rest[1:], monkeypatch)
    elif program.startswith(SCRIPTS) or (program in ('bash', 'sh') and rest[0].startswith(SCRIPTS)):
        script, *options = parse_shell(words, tmp_path)
        parse_python(script, options, monkeypatch)
    else:
        pytest.fail('no test knows what this is: ' + ' '.join(words))


@pytest.mark.parametrize('command', EACH)
def test_command(command, only_parsing, monkeypatch, tmp_path):
    for word in shlex.split(command, comments=True):
        if word.startswith(('configs/', *SCRIPTS)) and not re.search('mine|my', word):
            assert (ROOT / word).exists(), word
    if not command.startswith(tuple(ONLY_READ)):
        check(words_of(command), monkeypatch, tmp_path)


def test_exceptions_are_used():
    unused = [start for start in ONLY_READ if not any(command.startswith(start) for _, command, _ in COMMANDS)]
    assert not unused
