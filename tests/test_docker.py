"""The Dockerfile, as far as it can be checked without Docker."""

import fnmatch
import json
import re
import subprocess
from pathlib import Path

import pytest

import mmrotate

DOCKERFILE = Path(__file__).parents[1] / 'docker/Dockerfile'
KNOWN = {'ARG', 'FROM', 'RUN', 'COPY', 'WORKDIR', 'ENV', 'CMD'}


def instructions():
    """(instruction, its text) one after the other, without comments, lines joined."""
    lines = [line for line in DOCKERFILE.read_text(encoding='utf-8').splitlines() if not line.lstrip().startswith('#')]
    joined = re.sub(r'\\\n\s*', '', '\n'.join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def of_kind(kind):
    return [text for name, text in instructions() if name == kind]


def test_instructions_are_known_and_in_order():
    names = [name for name, _ in instructions()]
    assert set(names) <= KNOWN
    assert names.index('FROM') < min(names.index(name) for name in ('RUN', 'COPY', 'WORKDIR'))
    assert names[-1] == 'CMD'


def test_the_base_is_pinned():
    arguments = dict(re.fullmatch(r'(\w+)="([\d.]+)"', text).groups() for text in of_kind('ARG'))
    (base,) = of_kind('FROM')
    assert set(re.findall(r'\$\{(\w+)\}', base)) == set(arguments)
    assert ':' in base and 'latest' not in base
    assert tuple(map(int, arguments['PYTORCH'].split('.')[:2])) >= (2, 4)  # what the package needs


@pytest.mark.parametrize('step', of_kind('RUN'))
def test_steps_are_shell_and_clean_up(step):
    run = subprocess.run(['sh', '-n'], input=step, text=True, capture_output=True)
    assert run.returncode == 0, run.stderr
    assert not re.search(r'\bsudo\b|\bcd\b', step)
    if 'apt-get install' in step:
        assert 'apt-get update' in step and '-y' in step and 'rm -rf /var/lib/apt/lists' in step
    if 'pip install' in step:
        assert '--no-cache-dir' in step


def test_the_archive_that_is_copied_is_the_one_that_is_built():
    source, target = of_kind('COPY')[0].split()
    assert fnmatch.fnmatch(f'mmrotate-{mmrotate.__version__}.tar.gz', source)
    assert any(f'pip install --no-cache-dir {target}{source}' in step for step in of_kind('RUN'))


def test_the_command_needs_no_shell():
    assert json.loads(of_kind('CMD')[0]) == ['bash']
