"""The tutorial notebook runs from top to bottom, as a program of its cells."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / 'demo/MMRotate_Tutorial.ipynb'


def cells(kind):
    content = json.loads(NOTEBOOK.read_text(encoding='utf-8'))
    return [''.join(cell['source']) for cell in content['cells'] if cell['cell_type'] == kind]


def test_it_is_plain_python_without_results():
    content = json.loads(NOTEBOOK.read_text(encoding='utf-8'))
    assert content['nbformat'] == 4
    assert len({cell['id'] for cell in content['cells']}) == len(content['cells'])
    for cell in content['cells']:
        assert not cell.get('outputs') and cell.get('execution_count') is None
    for source in cells('code'):
        compile(source, NOTEBOOK.name, 'exec')  # no %magic, no !command


@pytest.mark.slow
def test_it_runs(tmp_path):
    folder = tmp_path / 'clone'  # it looks for the clone, and writes into it
    for part in ('configs', 'demo'):
        (folder / part).parent.mkdir(exist_ok=True)
        (folder / part).symlink_to(ROOT / part)
    program = tmp_path / 'notebook.py'
    program.write_text('\n'.join(cells('code')), encoding='utf-8')
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'MPLBACKEND': 'agg', 'OMP_NUM_THREADS': '1'}
    argv = [sys.executable, str(program)]
    run = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    assert re.search(r'Person: 2\d\n', run.stdout)
    last = run.stdout.strip().splitlines()[-1]
    assert int(re.search(r"'Bicycle': (\d+)", last)[1]) > 25
    assert (folder / 'outputs/tutorial/latest.pth').exists()
