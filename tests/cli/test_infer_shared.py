"""Many scenes, several machines: each scene once, whoever dies."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mmrotate.cli import main
from mmrotate.engine.queue import SharedQueue
from tests.helpers.tiny import free_port, write_config, write_data, write_weights

ROOT = Path(__file__).parents[2]
# a worker that notes what it detects in, and of which the second dies in its second scene, once
WORKER = """
import os, signal, sys, time
from pathlib import Path
from mmrotate.apis import scenes
from mmrotate.cli import main

place, search, seen = Path({place!r}), scenes._search, []

def noted(model, scene, *args):
    seen.append(scene.path.name)
    with open(place / f'log-{{os.getpid()}}', 'a') as log:
        print(scene.path.name, file=log)
    if os.environ['RANK'] == '1' and len(seen) == 2 and not (place / 'died').exists():
        (place / 'died').write_text(scene.path.name)
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.3)
    return search(model, scene, *args)

scenes._search = noted
sys.exit(main(sys.argv[1:]))
"""


def test_alone_a_queue_gives_all():
    assert list(SharedQueue(3)) == [0, 1, 2]


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_doubles_nothing(tmp_path):
    config = write_config(tmp_path)
    write_data(tmp_path / 'scenes', 8, 160)
    worker, out = tmp_path / 'worker.py', tmp_path / 'out'
    worker.write_text(WORKER.format(place=str(tmp_path)))
    write_weights(config, tmp_path / 'm.pth')
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT)}
    launch = [sys.executable, '-m', 'torch.distributed.run', '--nnodes', '2', '--nproc-per-node', '1', '--rdzv-backend',
              'c10d', '--rdzv-endpoint', f'127.0.0.1:{free_port()}', '--max-restarts', '2', str(worker)]  # fmt: skip
    argv = ['infer', tmp_path / 'scenes/images', config, tmp_path / 'm.pth', '--out', out, '--tile', '64', '--to',
            'json,csv', '--launcher', 'pytorch', '--device', 'cpu', '--score-thr', '0.1']  # fmt: skip
    nodes = [
        subprocess.Popen([*launch, *map(str, argv)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    try:
        texts = [node.communicate(timeout=300)[0].decode() for node in nodes]
    finally:
        for node in nodes:
            node.kill()
    assert [node.returncode for node in nodes] == [0, 0], texts
    logs = [path.read_text().split() for path in tmp_path.glob('log-*')]
    images = [f'img{i}.png' for i in range(8)]
    assert {name for log in logs for name in log} == set(images)
    assert [log[-1] for log in logs].count((tmp_path / 'died').read_text()) >= 1
    # the last of a log may have died with its process, and is then done by another
    done = Counter(name for log in logs for name in log[:-1])
    assert set(done.values()) == {1}
    found = json.loads((out / 'detections.json').read_text())['images']
    assert [Path(one['image']).name for one in found] == images
    assert sorted(path.name for path in out.iterdir()) == ['detections.csv', 'detections.json']
    alone = [*argv[:5], tmp_path / 'alone', *argv[6:10], *argv[12:]]
    assert main(list(map(str, alone))) == 0
    assert (tmp_path / 'alone/detections.json').read_bytes() == (out / 'detections.json').read_bytes()
