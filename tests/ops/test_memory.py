"""IoU and NMS never allocate more than their output and 256 MB."""

import json
import os
import subprocess
import sys

import pytest

LIMIT = 256 * 2**20
pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
# a process of its own: what others left behind would hide an allocation, or be taken for one
SCRIPT = """
import json, sys
from pathlib import Path
import torch
from mmrotate.ops import box_iou_rotated, nms_rotated

def status(key):
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))

def boxes(count, size):
    u = torch.rand(count, 5)
    return torch.cat([u[:, :2] * size, 10 + u[:, 2:4] * 50, u[:, 4:]], 1)

def grown(operation, *args, **kwargs):
    '''Bytes that a call takes at its height, without those of its output.'''
    operation(*(a[:9] if isinstance(a, torch.Tensor) else a for a in args), **kwargs)
    Path('/proc/self/clear_refs').write_text('5')  # forgets the height so far
    before = status('VmRSS')
    out = operation(*args, **kwargs)
    out = out if isinstance(out, torch.Tensor) else out[0]
    return status('VmHWM') - before - out.numel() * out.element_size()

torch.set_num_threads(1)
torch.manual_seed(0)
print(json.dumps({name: eval(call) for name, call in json.loads(sys.argv[1]).items()}))
"""
QUICK = {
    'spread': 'grown(box_iou_rotated, boxes(21824, 1024.0), boxes(100, 1024.0))',
    'every pair overlaps': 'grown(box_iou_rotated, boxes(5000, 9.0), boxes(60, 9.0))',
    'float64': 'grown(box_iou_rotated, boxes(21824, 1e3).double(), boxes(100, 1e3).double())',
    'many columns': 'grown(box_iou_rotated, boxes(8, 4e3), boxes(700_000, 4e3))',
    'aligned': 'grown(box_iou_rotated, boxes(600_000, 2e3), boxes(600_000, 2e3), aligned=True)',
    'nms': 'grown(nms_rotated, boxes(20_000, 3e3), torch.rand(20_000), 0.1)',
    'nms of a pile': 'grown(nms_rotated, boxes(100_000, 1e2), torch.rand(100_000), 0.1)',
}
LARGE = {
    'large': 'grown(box_iou_rotated, boxes(20_000, 4e3), boxes(5000, 4e3))',
    'large nms': 'grown(nms_rotated, boxes(100_000, 1e4), torch.rand(100_000), 0.1)',
}


@pytest.mark.parametrize('calls', [QUICK, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_they_stay_within_their_limit(backend, calls):
    command = [sys.executable, '-c', SCRIPT, json.dumps(calls)]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    grown = json.loads(done.stdout)
    assert {name: size for name, size in grown.items() if size > LIMIT} == {}


def test_it_would_notice():
    calls = {'hungry': 'grown(lambda: torch.ones(80_000_000).sum()[None])'}
    command = [sys.executable, '-c', SCRIPT, json.dumps(calls)]
    assert json.loads(subprocess.check_output(command))['hungry'] > LIMIT
