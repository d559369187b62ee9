"""What concerns all operations: registration, compiling, exporting, threads, endurance."""

import ast
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import nn

from mmrotate.ops import batched_nms_rotated, box_iou_rotated, nms_rotated, roi_align_rotated
from tests.ops.oracles import random_boxes

ROOT = Path(__file__).parents[2]


def decorated(word):
    """(file, function) of every operation's function with this word in a decorator."""
    for path in sorted((ROOT / 'mmrotate' / 'ops').rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text('utf-8'))):
            if isinstance(node, ast.FunctionDef):
                if any(word in ast.unparse(decorator) for decorator in node.decorator_list):
                    yield path, node


def fake_kernels():
    """(file, source) of what gives the results of operations without values: a lambda, or a function by its name."""
    named = {node.name: node for path in sorted((ROOT / 'mmrotate' / 'ops').glob('*.py')) for node in functions(path)}
    for path, node in decorated('operation('):
        fake = node.decorator_list[0].args[1]
        yield path, ast.unparse(named[fake.id] if isinstance(fake, ast.Name) else fake)


def functions(path):
    return [node for node in ast.parse(path.read_text('utf-8')).body if isinstance(node, ast.FunctionDef)]


def test_every_registered_operation_is_checked():
    found = [(path, node.name) for path, node in decorated('operation(')]
    missing = []
    for path, name in found:
        tests = ROOT / 'tests' / path.relative_to(ROOT / 'mmrotate').with_name(f'test_{path.name}')
        text = tests.read_text('utf-8') if tests.is_file() else ''
        if 'opcheck(' not in text or f'.{name}' not in text:
            missing.append(f'{path.name}: {name}')
    assert missing == []
    assert len(found) >= 6


def test_fake_kernels_take_unknown_counts():
    # behind NMS the number of boxes is a symbol: size(0) gives it, len() asks for a number
    found = list(fake_kernels())
    assert [path.name for path, source in found if 'len(' in source] == []
    assert len(found) >= 6


class Second(nn.Module):
    """A second stage in small: regions by NMS, their features, their overlap with all boxes."""

    def forward(self, maps, boxes, scores):
        dets, keep = nms_rotated(boxes, scores, 0.3)
        rois = torch.cat([torch.zeros_like(dets[:, :1]), dets[:, :5]], 1)
        features = roi_align_rotated(maps, rois, 3, 0.25, 2, clockwise=True)
        overlaps = box_iou_rotated(dets[:, :5], boxes)
        return features.flatten(1).sum(1) * overlaps.sum(1), keep


def stage_inputs(count):
    return torch.rand(1, 4, 16, 16), random_boxes(count, 60), torch.rand(count)


def assert_same(got, expected):
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ('compiler', 'counts'),
    [
        ('aot_eager', (30, 21, 1, 0)),
        # PyTorch's own compiler of code cannot index where there is nothing, and takes its time
        pytest.param('inductor', (30, 21, 1), marks=pytest.mark.slow),
    ],
)
def test_one_graph_of_several(backend, compiler, counts):
    stage = Second()
    torch._dynamo.reset()
    # PyTorch 2.4 asks for it; later ones do so by themselves
    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        compiled = torch.compile(stage, fullgraph=True, backend=compiler)
        for count in counts:
            inputs = stage_inputs(count)
            assert_same(compiled(*inputs), stage(*inputs))


def test_gradient_through_a_compiled_graph(backend):
    stage, (maps, boxes, scores) = Second(), stage_inputs(30)
    torch._dynamo.reset()
    grads = []
    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        for run in (stage, torch.compile(stage, fullgraph=True, backend='aot_eager')):
            leaf = maps.clone().requires_grad_()
            run(leaf, boxes, scores)[0].sum().backward()
            grads.append(leaf.grad)
    assert grads[0].abs().max() > 0
    torch.testing.assert_close(*grads)


def test_export(backend):
    stage, inputs = Second(), stage_inputs(30)
    count = torch.export.Dim('count', min=2)
    program = torch.export.export(stage, inputs, dynamic_shapes=(None, {0: count}, {0: count}))
    names = {str(node.target) for node in program.graph.nodes}
    for name in ('box_iou_rotated', 'nms_rotated_sorted', 'roi_align_rotated'):
        assert f'mmrotate.{name}.default' in names
    for inputs in (stage_inputs(30), stage_inputs(7)):
        assert_same(program.module()(*inputs), stage(*inputs))


def work(seed):
    """Answers of several operations for boxes of this seed, and a gradient."""
    generator = torch.Generator().manual_seed(seed)
    u = torch.rand(120, 7, generator=generator)
    boxes = torch.cat([u[:, :2] * 90, 5 + u[:, 2:4] * 40, u[:, 4:5] * 3], 1)
    maps = torch.rand(1, 3, 20, 20, generator=generator).requires_grad_()
    dets, keep = batched_nms_rotated(boxes, u[:, 5], (u[:, 6] * 3).long(), 0.3)
    features = roi_align_rotated(maps, torch.cat([0 * dets[:, :1], dets[:, :5]], 1), 3, 0.2)
    (features * features.detach()).sum().backward()
    return box_iou_rotated(boxes, boxes[:50]), keep, features.detach(), maps.grad


def test_two_threads_at_once(backend):
    expected = [work(seed) for seed in range(40)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(work, range(40)))
    for got, truth in zip(found, expected, strict=True):
        for a, b in zip(got[:3], truth[:3], strict=True):
            assert torch.equal(a, b)
        torch.testing.assert_close(got[3], truth[3])
    assert not torch.equal(expected[0][0], expected[1][0])


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
@pytest.mark.parametrize('rounds', [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_crash_no_leak(backend, rounds):
    # 3 kB a call, as fine for fewer calls of the slow implementations; the allocator itself takes some megabytes
    calls = rounds if backend == 'cpp' else min(rounds, 1000)
    limit = max(6, 0.003 * calls)
    command = [sys.executable, '-m', 'benchmarks.endurance', '--calls', str(calls), '--limit', str(limit)]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts['cpu'] == backend
    assert facts['calls'] == calls
