import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'}


def run(*options):
    command = ['bash', 'benchmarks/gpu.sh', '--device', 'cpu', '--tiny', *map(str, options)]
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)


@pytest.mark.slow
def test_it_runs_to_its_end(tmp_path):
    done = run('--out', tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    parts = json.loads((tmp_path / 'gpu.json').read_text())['parts']
    assert list(parts) == ['tests', 'agreement', 'ops', 'speed', 'training']
    assert all(part['rows'] for part in parts.values())
    assert max(max(row['cpp'], row['torch']) for row in parts['agreement']['rows']) < 1e-5
    assert {row['precision'] for row in parts['speed']['rows']} == {'float32', 'float16', 'bfloat16'}
    trained = [(row['seed'], row['precision']) for row in parts['training']['rows']]
    assert trained == [(0, 'bf16'), (0, 'fp16'), (0, 'bf16'), (1, 'bf16')]
    assert '## training' in (tmp_path / 'gpu.md').read_text()


def test_a_part_that_fails_is_named(tmp_path):
    done = run('--out', tmp_path, '--only', 'training', '--data', tmp_path / 'nowhere')
    assert done.returncode == 1
    assert 'error' in json.loads((tmp_path / 'gpu.json').read_text())['parts']['training']
    assert 'Failed' in (tmp_path / 'gpu.md').read_text()


def test_a_part_that_hangs_is_ended(tmp_path):
    done = run('--out', tmp_path, '--only', 'speed', '--minutes', '0.02')
    assert done.returncode == 1
    assert 'not done within' in (tmp_path / 'gpu.md').read_text()
