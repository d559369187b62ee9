import os
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch

from mmrotate.ops import backend, backends, box_iou_rotated, nms_rotated, roi_align_rotated
from tests.ops.oracles import random_boxes

BUILT = pytest.mark.skipif(backend._library() is None, reason='the C++ operations were not built')


@pytest.fixture
def free(monkeypatch):
    """No choice is forced from outside."""
    monkeypatch.delenv('MMROTATE_OPS_BACKEND', raising=False)
    return monkeypatch


def test_plain_torch_serves_where_nothing_was_built(free):
    free.setattr(backend, '_library', lambda: None)
    assert backends()['cpu'] == 'torch'
    boxes = torch.tensor([[0, 0, 4, 2, 0.0]])
    assert box_iou_rotated(boxes, boxes).tolist() == [[1.0]]


@BUILT
def test_cpp_is_used_where_it_was_built(free):
    assert backends()['cpu'] == 'cpp'
    assert backend.uses_cpp(torch.zeros(1))
    assert not backend.uses_cpp(torch.zeros(1), torch.zeros(1, device='meta'))


@pytest.mark.skipif(os.environ.get('MMROTATE_REQUIRE_CPP') != '1', reason='MMROTATE_REQUIRE_CPP is not 1')
def test_cpp_is_there_where_it_is_required(free):
    # elsewhere all tests of C++ are skipped in silence if its build failed
    assert backends()['cpu'] == 'cpp'


def test_a_backend_can_be_forced(free):
    free.setenv('MMROTATE_OPS_BACKEND', 'torch')
    assert backends()['cpu'] == 'torch'
    free.setenv('MMROTATE_OPS_BACKEND', 'cuda')
    with pytest.raises(ValueError, match=r"'cpp', 'triton', 'torch'.* got 'cuda'"):
        backends()


def test_triton_serves_cuda_and_under_its_interpreter_the_cpu(free):
    free.setattr(backend, '_has_triton', lambda: False)
    assert backends()['cuda'] == 'torch'
    free.setenv('MMROTATE_OPS_BACKEND', 'triton')
    with pytest.raises(RuntimeError, match='pip install triton'):
        backends()
    free.setattr(backend, '_has_triton', lambda: True)
    free.setenv('TRITON_INTERPRET', '1')
    assert backends() == {'cpu': 'triton', 'cuda': 'triton'}
    free.delenv('TRITON_INTERPRET')
    assert backends() == {'cpu': 'torch', 'cuda': 'triton'}
    free.delenv('MMROTATE_OPS_BACKEND')
    assert backends()['cuda'] == 'triton'


def test_plain_torch_serves_a_gpu_on_which_triton_does_not_start(free):
    free.setattr(backend, '_has_triton', lambda: True)
    free.setattr(backend, '_gpu_failure', lambda: 'no C compiler was found')
    backend._warn_of.cache_clear()
    with pytest.warns(UserWarning, match='no C compiler was found.* plain PyTorch serves the GPU'):
        assert backends()['cuda'] == 'torch'
    free.setenv('MMROTATE_OPS_BACKEND', 'triton')
    with pytest.raises(RuntimeError, match='=triton, but no C compiler was found'):
        backends()


def test_tensors_of_the_cpu_ask_nothing_of_the_gpu(free):
    # it would start CUDA, which must not happen before workers fork
    free.setattr(backend, '_gpu_failure', lambda: pytest.fail('asked the GPU'))
    assert backend.chosen(torch.zeros(1)) in ('cpp', 'torch')


def test_why_triton_does_not_start(free):
    def no_compiler(name):
        raise OSError('Failed to find C compiler')

    why = backend._gpu_failure.__wrapped__
    free.delenv('TRITON_INTERPRET', raising=False)
    free.setattr(torch.cuda, 'is_available', lambda: False)
    assert why() is None
    free.setattr(torch.cuda, 'is_available', lambda: True)
    free.setattr(torch.cuda, 'get_device_capability', lambda: (6, 1))
    assert 'compute capability 7.0' in why()
    free.setattr(torch.cuda, 'get_device_capability', lambda: (8, 0))
    with free.context() as patch:
        patch.setattr(backend.importlib, 'import_module', no_compiler)
        assert 'OSError: Failed to find C compiler. It needs a C compiler' in why()


def test_cpp_cannot_be_forced_where_it_was_not_built(free):
    free.setattr(backend, '_library', lambda: None)
    free.setenv('MMROTATE_OPS_BACKEND', 'cpp')
    with pytest.raises(RuntimeError, match='install a C'):
        backends()
    with pytest.raises(RuntimeError, match='not built'):
        backend.call('box_iou_rotated', torch.float32)


def test_a_failing_call_raises(monkeypatch):
    monkeypatch.setattr(backend, '_library', lambda: SimpleNamespace(some_op_f32=lambda *args: 1))
    # a plain function takes an attribute as a ctypes function does
    with pytest.raises(MemoryError, match='some_op ran out of memory'):
        backend.call('some_op', torch.float32, 1, 2.0, True, None, torch.zeros(1))


def test_computing_types():
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        assert backend.compute_dtype(torch.zeros(1, dtype=dtype)) == torch.float32
    assert backend.compute_dtype(torch.zeros(1, dtype=torch.float64)) == torch.float64


@BUILT
def test_results_do_not_depend_on_the_number_of_threads(free):
    boxes, scores = random_boxes(3000, 400), torch.rand(3000)
    maps = torch.rand(1, 64, 40, 40)
    rois = torch.cat([torch.zeros(40, 1), boxes[:40]], 1)

    def results():
        leaf = maps.clone().requires_grad_()
        features = roi_align_rotated(leaf, rois, 5, 0.1, 2)
        features.pow(2).sum().backward()
        return (
            box_iou_rotated(boxes, boxes[:300]),
            box_iou_rotated(boxes, boxes.flip(0), aligned=True),
            nms_rotated(boxes, scores, 0.2)[1],
            features,
            leaf.grad,
        )

    count = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = results()
        torch.set_num_threads(3)
        three = results()
    finally:
        torch.set_num_threads(count)
    for a, b in zip(one, three, strict=True):
        assert torch.equal(a, b)


def test_two_callers_at_once_do_not_disturb_each_other(backend):
    maps, boxes, scores = torch.rand(1, 8, 30, 30), random_boxes(800, 150), torch.rand(2, 400)
    boxes, index = boxes.view(2, 400, 5), torch.zeros(40, 1)

    def results(k):
        leaf = maps.clone().requires_grad_()
        rois = torch.cat([index, boxes[k][:40]], 1)
        features = roi_align_rotated(leaf, rois, 3, 0.2, 2)
        features.pow(2).sum().backward()
        keep = nms_rotated(boxes[k], scores[k], 0.2)[1]
        return box_iou_rotated(boxes[k], boxes[k]), keep, features.detach(), leaf.grad

    expected = [results(k) for k in (0, 1)]
    assert not torch.equal(expected[0][0], expected[1][0])
    with ThreadPoolExecutor(2) as pool:
        for k, got in enumerate(pool.map(results, [0, 1] * 4)):
            for a, b in zip(got, expected[k % 2], strict=True):
                assert torch.equal(a, b)
