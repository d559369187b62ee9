import importlib
import math

import pytest
import torch
from hypothesis import given, settings

from mmrotate.ops import backend, box_iou_rotated
from tests.ops.oracles import exact_overlap, hard_pairs, property_test, random_boxes

MODES = ['iou', 'iof', 'giou']


def _plain(monkeypatch, *args, **kwargs):
    with monkeypatch.context() as patch:
        patch.setenv('MMROTATE_OPS_BACKEND', 'torch')
        return box_iou_rotated(*args, **kwargs)


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('clockwise', [True, False])
def test_it_is_the_plain_one(device, monkeypatch, mode, dtype, clockwise):
    # neither count fits the tiles; most tiles of the far boxes touch nothing
    boxes1 = random_boxes(35, dtype=dtype)
    boxes2 = torch.cat([random_boxes(30, dtype=dtype), random_boxes(40, dtype=dtype) + 500])
    for first, second, aligned in ((boxes1, boxes2, False), (boxes1, boxes2[:35], True)):
        got = box_iou_rotated(first.to(device), second.to(device), mode, aligned, clockwise=clockwise).cpu()
        expected = _plain(monkeypatch, first, second, mode, aligned, clockwise=clockwise)
        assert got.dtype == dtype
        torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-7)
        assert (expected > 0.1).any()


@settings(property_test, max_examples=15)
@given(hard_pairs())
def test_hard_pairs_are_exact(device, monkeypatch, pair):
    first, second = (box[None].to(device) for box in pair)
    for mode in ('iou', 'iof'):
        got = box_iou_rotated(first, second, mode).item()
        assert got == pytest.approx(exact_overlap(*pair, mode), rel=1e-6, abs=1e-8)
        assert 0 <= got <= 1
    there = box_iou_rotated(first, second, 'giou').item()
    assert there == pytest.approx(box_iou_rotated(second, first, 'giou').item(), abs=1e-7)
    plain = _plain(monkeypatch, first.cpu(), second.cpu(), 'giou').item()
    assert there == pytest.approx(plain, abs=1e-7)


def test_boxes_without_area_or_not_finite(device):
    nan, inf = math.nan, math.inf
    bad = [[5, 5, 0, 0, 0], [5, 5, 3, 0, 1], [5, 5, -3, 2, 0], [nan, 5, 3, 3, 0]]
    boxes = torch.tensor([*bad, [5, 5, inf, 3, 0], [5, 5, 3, 3, nan], [5, inf, 3, 3, 0]])
    good = torch.tensor([[5, 5, 4, 4, 0.0]])
    for mode in MODES:
        for pair in ((boxes, good), (good, boxes), (boxes, boxes)):
            got = box_iou_rotated(*(b.to(device) for b in pair), mode)
            assert (got == (-1 if mode == 'giou' else 0)).all()


@pytest.mark.parametrize(('n', 'm'), [(0, 3), (3, 0), (0, 0), (1, 1)])
def test_few(device, n, m):
    boxes = random_boxes(3).to(device)
    assert box_iou_rotated(boxes[:n], boxes[:m]).shape == (n, m)
    assert box_iou_rotated(boxes[:n], boxes[:n], aligned=True).shape == (n,)


def test_the_kernels_are_called(device, monkeypatch):
    answer = torch.rand(2, 3, device=device)
    kernels = backend.triton_kernels()
    monkeypatch.setattr(kernels, 'box_iou_rotated', lambda *args: answer.clone())
    got = box_iou_rotated(random_boxes(2).to(device), random_boxes(3).to(device))
    assert torch.equal(got, answer)


def test_the_grid_fits_cuda(device, monkeypatch):
    # which takes 65535 programs at most on all axes but the first
    module = importlib.import_module('mmrotate.ops.triton.box_iou_rotated')
    grids = []

    class Recorder:
        def __getitem__(self, grid):
            grids.append(grid)
            return lambda *args, **kwargs: None

    monkeypatch.setattr(module, '_pairwise', Recorder())
    box_iou_rotated(torch.zeros(1, 5, device=device), torch.zeros(65536 * 32, 5, device=device))
    assert all(size <= 65535 for size in grids[0][1:])
