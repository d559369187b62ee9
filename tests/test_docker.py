"""The Dockerfile, as far as it can be checked without Docker."""

import fnmatch
import json
import re
import subprocess
from pathlib import Path

import pytest

import mmrotate

FILES = [Path(__file__).parents[1] / 'docker' / name for name in ('Dockerfile', 'serve/Dockerfile')]
KNOWN = {'ARG', 'FROM', 'RUN', 'COPY', 'WORKDIR', 'ENV', 'CMD', 'USER', 'EXPOSE', 'HEALTHCHECK', 'ENTRYPOINT'}
both = pytest.mark.parametrize('file', FILES, ids=lambda file: file.parent.name)


def instructions(file):
    """(instruction, its text) one after the other, without comments, lines joined."""
    lines = [line for line in file.read_text(encoding='utf-8').splitlines() if not line.lstrip().startswith('#')]
    joined = re.sub(r'\\\n\s*', '', '\n'.join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def of_kind(file, kind):
    return [text for name, text in instructions(file) if name == kind]


@both
def test_instructions_are_known_and_in_order(file):
    names = [name for name, _ in instructions(file)]
    assert set(names) <= KNOWN
    assert names.index('FROM') < min(names.index(name) for name in ('RUN', 'COPY', 'WORKDIR'))
    assert names[-1] == 'CMD'


@both
def test_the_base_is_pinned(file):
    arguments = dict(re.fullmatch(r'(\w+)="([\d.]+)"', text).groups() for text in of_kind(file, 'ARG'))
    (base,) = of_kind(file, 'FROM')
    assert set(re.findall(r'\$\{(\w+)\}', base)) == set(arguments)
    assert ':' in base and 'latest' not in base
    assert tuple(map(int, arguments['PYTORCH'].split('.')[:2])) >= (2, 4)  # what the package needs


@pytest.mark.parametrize('step', [step for file in FILES for step in of_kind(file, 'RUN')])
def test_steps_are_shell_and_clean_up(step):
    run = subprocess.run(['sh', '-n'], input=step, text=True, capture_output=True)
    assert run.returncode == 0, run.stderr
    assert not re.search(r'\bsudo\b|\bcd\b', step)
    if 'apt-get install' in step:
        assert 'apt-get update' in step and '-y' in step and 'rm -rf /var/lib/apt/lists' in step
    if 'pip install' in step:
        assert '--no-cache-dir' in step


@both
def test_the_archive_that_is_copied_is_the_one_that_is_built(file):
    source, target = of_kind(file, 'COPY')[0].split()
    assert fnmatch.fnmatch(f'mmrotate-{mmrotate.__version__}.tar.gz', source)
    installs = [step for step in of_kind(file, 'RUN') if 'pip install --no-cache-dir' in step]
    assert any(f'{target}{source}' in step for step in installs)


def test_the_command_needs_no_shell():
    assert json.loads(of_kind(FILES[0], 'CMD')[0]) == ['bash']
