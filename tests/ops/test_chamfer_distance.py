import importlib

import pytest
import torch

from mmrotate.ops import chamfer_distance

op = importlib.import_module('mmrotate.ops.chamfer_distance')


def plain_loop(points, others):
    distances = torch.zeros(points.shape[:2], dtype=points.dtype)
    index = torch.zeros(points.shape[:2], dtype=torch.int32)
    for b, row in enumerate(points):
        for i, point in enumerate(row):
            squared = [float(((point - other) ** 2).sum()) for other in others[b]]
            distances[b, i] = min(squared)
            index[b, i] = squared.index(min(squared))
    return distances, index


@pytest.mark.parametrize('chunk', [1, 40, 4_000_000])
def test_it_is_the_plain_loop(monkeypatch, chunk):
    monkeypatch.setattr(op, '_CHUNK', chunk)
    pts1, pts2 = torch.rand(2, 9, 2), torch.rand(2, 7, 2)
    pts2[1, 5] = pts2[1, 2]  # a tie
    dist1, dist2, idx1, idx2 = chamfer_distance(pts1, pts2)
    expected1, expected2 = plain_loop(pts1, pts2), plain_loop(pts2, pts1)
    for got, expected in zip((dist1, idx1, dist2, idx2), (*expected1, *expected2), strict=True):
        torch.testing.assert_close(got, expected)


def test_an_example_by_hand():
    pts1, pts2 = torch.tensor([[[0, 0], [3, 4.0]]]), torch.tensor([[[0, 1], [3, 2], [9, 4.0]]])
    dist1, dist2, idx1, idx2 = chamfer_distance(pts1, pts2)
    assert dist1.tolist() == [[1, 4]]
    assert dist2.tolist() == [[1, 4, 36]]
    assert idx1.tolist() == [[0, 1]]
    assert idx2.tolist() == [[0, 1, 1]]
    assert idx1.dtype == idx2.dtype == torch.int32


def test_far_points_do_not_cancel():
    pts = torch.tensor([[[1e6, 1e6]]])
    dist1, *_ = chamfer_distance(pts, pts + torch.tensor([0.5, 0]))
    assert dist1.item() == 0.25


def test_gradcheck():
    pts1, pts2 = torch.rand(2, 6, 2).double(), torch.rand(2, 5, 2).double()
    args = pts1.requires_grad_(), pts2.requires_grad_()
    assert torch.autograd.gradcheck(lambda *a: chamfer_distance(*a)[:2], args)


def test_equal_sets_have_a_finite_gradient():
    pts = torch.rand(1, 8, 2)
    first, second = pts.clone().requires_grad_(), pts.clone().requires_grad_()
    dist1, dist2, *_ = chamfer_distance(first, second)
    (dist1.sum() + dist2.sum()).backward()
    assert first.grad.abs().max() == 0
    assert second.grad.abs().max() == 0


@pytest.mark.parametrize('shape', [(0, 3, 2), (2, 0, 2), (0, 0, 2)])
def test_empty(shape):
    dist1, dist2, idx1, idx2 = chamfer_distance(torch.rand(shape), torch.rand(shape))
    assert dist1.shape == dist2.shape == idx1.shape == idx2.shape == shape[:2]


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_types(dtype):
    pts1, pts2 = torch.rand(1, 9, 2).to(dtype), torch.rand(1, 7, 2).to(dtype)
    work = torch.float64 if dtype == torch.float64 else torch.float32
    got, expected = chamfer_distance(pts1, pts2), chamfer_distance(pts1.to(work), pts2.to(work))
    assert got[0].dtype == work
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize(
    ('pts1', 'pts2', 'message'),
    [
        (torch.zeros(4, 2), torch.zeros(4, 2), r'got \(4, 2\) and \(4, 2\)'),
        (torch.zeros(1, 4, 2), torch.zeros(2, 4, 2), r'got \(1, 4, 2\) and \(2, 4, 2\)'),
        (torch.zeros(1, 4, 2), torch.zeros(1, 4, 3), r'and \(1, 4, 3\)'),
        (torch.zeros(1, 4, 2), torch.zeros(1, 4, 2).long(), 'pts2 must be floating point, got torch.int64'),
        (torch.zeros(1, 4, 2), torch.zeros(1, 0, 2), 'got 4 and 0 points'),
    ],
)
def test_bad_input(pts1, pts2, message):
    with pytest.raises(ValueError, match=message):
        chamfer_distance(pts1, pts2)


def test_compiles_as_one_graph():
    pts1, pts2 = torch.rand(2, 9, 2), torch.rand(2, 7, 2)
    got = torch.compile(chamfer_distance, fullgraph=True, backend='aot_eager')(pts1, pts2)
    assert all(torch.equal(a, b) for a, b in zip(got, chamfer_distance(pts1, pts2), strict=True))
