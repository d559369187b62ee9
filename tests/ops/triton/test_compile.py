"""The kernels compile to machine code for GPUs, also where there is none."""

import subprocess
import sys
from importlib import util

import pytest

SCRIPT = """
import importlib
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

def kernels(name):
    return importlib.import_module(f'mmrotate.ops.triton.{name}')

def build(kernel, constants, num_warps=4, **types):
    signature = {name: types.get(name, 'i32') for name in kernel.arg_names}
    signature.update(dict.fromkeys(constants, 'constexpr'))
    source = ASTSource(kernel, signature, constants)
    for generation in (80, 90):
        target = GPUTarget('cuda', generation, 32)
        built = triton.compile(source, target=target, options=dict(num_warps=num_warps))
        assert len(built.asm['cubin']) > 1000
    print(kernel.__name__)

iou, nms, roi = map(kernels, ('box_iou_rotated', 'nms_rotated', 'roi_align_rotated'))
table = dict(first='*fp64', second='*fp64', out='*fp32')
for mode in ('iou', 'giou'):
    build(iou._pairwise, dict(mode=mode, ROWS=16, COLS=32), **table)
    build(iou._aligned, dict(mode=mode, BLOCK=128), **table)
boxes = dict(table='*fp64', labels='*i64', limit='*fp64', keep='*u8', mask='*i64')
orders = dict(rows='*i64', row_bounds='*fp64', cols='*i64', col_bounds='*fp64')
build(nms._mask, dict(WORDS=32, ROWS=16, LABELS=True), **boxes)
build(nms._decide, dict(WORDS=32), num_warps=1, **boxes)
build(nms._clear, dict(BLOCK=2048, ROWS=16, COLS=32, LABELS=False), **boxes, **orders)
maps = dict(maps='*fp32', features='*fp32', table='*fp64')
for backward in (False, True):
    build(roi._kernel, dict(CELLS=64, CHANNELS=32, BACKWARD=backward), **maps)
# Triton makes arguments of 1 constants, which the interpreter does not
single = dict.fromkeys(('height', 'width', 'channels', 'out_h', 'out_w'), 1)
build(roi._kernel, dict(CELLS=1, CHANNELS=32, BACKWARD=True, **single), **maps)
build(iou._pairwise, dict(mode='giou', ROWS=16, COLS=32, n=1, m=1), **table)
build(nms._mask, dict(WORDS=1, ROWS=16, LABELS=True, n=1), **boxes)
build(nms._decide, dict(WORDS=1, n=1), num_warps=1, **boxes)
"""


@pytest.mark.slow
@pytest.mark.skipif(util.find_spec('triton') is None, reason='Triton is not installed')
def test_kernels_compile_for_gpus(tmp_path, monkeypatch):
    # in a process of its own: the interpreter of the other tests replaces the compiler
    monkeypatch.delenv('TRITON_INTERPRET', raising=False)
    monkeypatch.setenv('TRITON_CACHE_DIR', str(tmp_path))
    done = subprocess.run([sys.executable, '-c', SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('_kernel\n') == 3
