"""mmrotate split and convert on several machines: each image once, whoever dies."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mmrotate.cli import main
from tests.helpers.scenes import write_scene
from tests.helpers.tiny import free_port

ROOT = Path(__file__).parents[2]
# notes what it works on; the second process dies in its second image, once
WORKER = """
import os, signal, sys, time
from pathlib import Path
from mmrotate.apis import split
from mmrotate.cli import main
from mmrotate.datasets.convert import Task

place, seen = Path({place!r}), []

def noted(one, name_of):
    def work(*args, **options):
        name = name_of(*args)
        seen.append(name)
        with open(place / f'log-{{os.getpid()}}', 'a') as log:
            print(name, file=log)
        if os.environ['RANK'] == '1' and len(seen) == 2 and not (place / 'died').exists():
            (place / 'died').write_text(name)
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.5)
        return one(*args, **options)
    return work

split.split_image = noted(split.split_image, lambda job: job.name)
Task.__call__ = noted(Task.__call__, lambda task, unit: Path(unit.name).stem)
sys.exit(main(sys.argv[1:]))
"""


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def split_command(folder):
    base = folder / 'base.json'
    base.write_text(json.dumps({'sizes': [200], 'gaps': [50], 'nproc': 1}))
    return ['split', str(folder / 'data'), '--base-json', str(base), '--save-dir']


def convert_command(folder):
    return ['convert', str(folder / 'data'), '--to', 'coco']


@pytest.mark.slow
@pytest.mark.parametrize('command', [split_command, convert_command])
def test_a_killed_machine_loses_nothing_and_doubles_nothing(tmp_path, command):
    for i in range(8):
        write_scene(tmp_path / 'data', f'P{i}', (500, 400))
    worker = tmp_path / 'worker.py'
    worker.write_text(WORKER.format(place=str(tmp_path)))
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT)}
    launch = [sys.executable, '-m', 'torch.distributed.run', '--nnodes', '2', '--nproc-per-node', '1', '--rdzv-backend',
              'c10d', '--rdzv-endpoint', f'127.0.0.1:{free_port()}', '--max-restarts', '2', str(worker)]  # fmt: skip
    argv = command(tmp_path)
    shared = [*launch, *argv, str(tmp_path / 'out'), '--launcher', 'pytorch']
    nodes = [
        subprocess.Popen(shared, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)
    ]
    try:
        texts = [node.communicate(timeout=300)[0].decode() for node in nodes]
    finally:
        for node in nodes:
            node.kill()
    assert [node.returncode for node in nodes] == [0, 0], texts
    logs = [path.read_text().split() for path in tmp_path.glob('log-*')]
    assert len(logs) == 4 and {name for log in logs for name in log} == {f'P{i}' for i in range(8)}
    times = Counter(name for log in logs for name in log)
    last = {log[-1] for log in logs}  # of each process, with which it may have died
    assert all(count == 1 or name in last for name, count in times.items())
    assert sum('8 images' in text and 'written: ' in text for text in texts) == 1
    assert main([*argv, str(tmp_path / 'alone')]) == 0
    assert files(tmp_path / 'out') == files(tmp_path / 'alone')
