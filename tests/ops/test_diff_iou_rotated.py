import importlib
import math

import pytest
import torch
from hypothesis import given

from mmrotate.ops import box_iou_rotated, diff_iou_rotated_2d
from mmrotate.ops.geometry import overlaps
from tests.ops.oracles import exact_overlap, hard_pairs, property_test, random_boxes

op = importlib.import_module('mmrotate.ops.diff_iou_rotated')


def gradients(first, second):
    first, second = first.clone().requires_grad_(), second.clone().requires_grad_()
    iou = diff_iou_rotated_2d(first, second)
    iou.sum().backward()
    return iou.detach(), first.grad, second.grad


def test_gradcheck(backend):
    boxes1 = random_boxes(60, 60, dtype=torch.float64).requires_grad_()
    boxes2 = random_boxes(60, 60, dtype=torch.float64).requires_grad_()
    assert 20 < (diff_iou_rotated_2d(boxes1, boxes2) > 0).sum() < 58
    assert torch.autograd.gradcheck(diff_iou_rotated_2d, (boxes1, boxes2))


def test_gradcheck_of_special_positions(backend):
    # contained, crossing, squares, w = h at one angle, needle through a corner, tiny inside huge
    first = [[0, 0, 4, 2, 0.3], [0, 0, 8, 1, 0.2], [0, 0, 3, 3, 0], [0, 0, 40, 0.04, 0.8]]
    second = [[0.1, 0, 9, 8, 1], [0, 0.1, 8, 1, 1.8], [1, 1.5, 3, 3, 0], [10, 12, 9, 8, -0.2]]
    first, second = (torch.tensor(v).double().requires_grad_() for v in (first, second))
    check = torch.autograd.gradcheck
    assert check(diff_iou_rotated_2d, (first, second), eps=1e-7, atol=1e-5, rtol=1e-4)
    assert (diff_iou_rotated_2d(first, second) > 0).all()


def test_autograd_through_the_plain_definition_agrees(backend):
    boxes1, boxes2 = (random_boxes(80, 60, dtype=torch.float64) for _ in range(2))
    _, grad1, grad2 = gradients(boxes1, boxes2)
    boxes1.requires_grad_(), boxes2.requires_grad_()
    overlaps(boxes1, boxes2, 'iou').sum().backward()
    torch.testing.assert_close(grad1, boxes1.grad)
    torch.testing.assert_close(grad2, boxes2.grad)


def test_float32_is_exact(backend):
    boxes1, boxes2 = random_boxes(300, 80), random_boxes(300, 80)
    iou, grad1, _ = gradients(boxes1, boxes2)
    exact = torch.tensor([exact_overlap(*pair) for pair in zip(boxes1, boxes2, strict=True)])
    torch.testing.assert_close(iou, exact, rtol=0, atol=1e-6)
    _, expected, _ = gradients(boxes1.double(), boxes2.double())
    assert grad1.dtype == torch.float32
    torch.testing.assert_close(grad1.double(), expected, rtol=1e-5, atol=1e-6)


@property_test
@given(hard_pairs())
def test_hard_pairs_have_a_right_bound_gradient(backend, pair):
    first, second = (box[None] for box in pair)
    for p, q in ((first, second), (first.float(), second.float())):
        iou, grad1, grad2 = gradients(p, q)
        assert torch.equal(iou, box_iou_rotated(p, q, aligned=True))
        for box, grad in ((p, grad1), (q, grad2)):
            assert grad.isfinite().all()
            # steepest: squares that all but coincide, moved along their diagonal
            assert (grad[:, 2:4] * box[:, 2:4]).abs().max() < 2.001
            assert grad[:, :2].abs().max() * p[:, 2:4].min() < 2.83
        # both boxes moved by the same change nothing
        shift = (grad1 + grad2)[:, :2].abs().max()
        assert shift <= 1e-5 * (1 + grad1[:, :2].abs().max())


def test_edges_that_coincide_but_for_rounding_count_half(backend):
    pairs = [[0, 0, 1e-3, 1e-3, math.pi / 2], [0, 5e-4, 1e-3, 1e-3, 0]]
    first, second = torch.tensor(pairs, dtype=torch.float64).split(1)
    _, grad1, grad2 = gradients(first, second)
    torch.testing.assert_close(grad1[:, :2], torch.tensor([[0, 8e3 / 9]], dtype=torch.float64))
    torch.testing.assert_close(grad2[:, :2], -grad1[:, :2])


def test_equal_boxes_are_at_rest(backend):
    boxes = random_boxes(20)
    boxes[:5, 2] = boxes[:5, 3]
    boxes[5:10, 2:4] = 1e-3
    iou, *grads = gradients(boxes, boxes)
    torch.testing.assert_close(iou, torch.ones(20))
    for grad in grads:
        assert (grad[:, :4] * boxes[:, [2, 3, 2, 3]]).abs().max() < 1e-5
        assert grad[:, 4].abs().max() < 1e-5


def test_descent_brings_a_box_onto_another(backend):
    target = torch.tensor([[10, 12, 8, 4, 0.5]]).double()
    box = torch.tensor([[8, 13, 5, 6, 0.1]]).double().requires_grad_()
    optimizer = torch.optim.Adam([box], lr=0.05)
    for step in range(400):
        optimizer.param_groups[0]['lr'] = 0.05 * (1 - step / 400)
        optimizer.zero_grad()
        loss = 1 - diff_iou_rotated_2d(box, target).sum()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.01
    torch.testing.assert_close(box.detach(), target, rtol=0.02, atol=0.02)


def test_nothing_shared_no_gradient(backend):
    nan, inf = math.nan, math.inf
    others = [[9, 0, 2, 2, 0], [2, 0, 2, 2, 0], [2, 2, 2, 2, 0], [0, 0, 0, 2, 0], [0, 0, -2, 2, 0]]
    second = torch.tensor([*others, [nan, 0, 2, 2, 0], [0, 0, inf, 2, 0], [0, 0, 2, 2, nan]])
    first = torch.tensor([[0, 0, 2, 2, 0.0]]).repeat(len(second), 1)
    for values in gradients(first, second):
        assert torch.equal(values, torch.zeros_like(values))


def test_batches_as_in_mmcv(backend):
    first, second = random_boxes(12, 60).view(2, 6, 5), random_boxes(12, 60).view(2, 6, 5)
    iou = diff_iou_rotated_2d(first, second)
    assert iou.shape == (2, 6)
    assert torch.equal(iou[1], diff_iou_rotated_2d(first[1], second[1]))
    for empty in (first[:0], first[:, :0], first[0, :0]):
        iou, grad, _ = gradients(empty, empty)
        assert iou.shape == empty.shape[:-1]
        assert grad.shape == empty.shape


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_computes_in_float32(backend, dtype):
    first, second = random_boxes(20, 60).to(dtype), random_boxes(20, 60).to(dtype)
    got, expected = gradients(first, second), gradients(first.float(), second.float())
    assert torch.equal(got[0], expected[0])
    assert torch.equal(got[1], expected[1].to(dtype))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(gradients(first.float(), second.float())[1], expected[1])


def test_strides_do_not_matter(backend):
    table = torch.cat([random_boxes(20, 60), random_boxes(20, 60)], 1)
    got = gradients(table[::2, :5], table[::2, 5:])
    expected = gradients(table[::2, :5].contiguous(), table[::2, 5:].contiguous())
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize(
    ('first', 'second', 'message'),
    [
        (torch.zeros(2, 5), torch.zeros(3, 5), r'got \(2, 5\) and \(3, 5\)'),
        (torch.zeros(5), torch.zeros(5), r'got \(5,\)'),
        (torch.zeros(2, 4), torch.zeros(2, 4), r'\(n, 5\), got \(2, 4\)'),
        (torch.zeros(2, 5).long(), torch.zeros(2, 5).long(), 'got torch.int64'),
    ],
)
def test_bad_input(first, second, message):
    with pytest.raises(ValueError, match=message):
        diff_iou_rotated_2d(first, second)


def test_registration(backend):
    first, second = (random_boxes(6, 40, dtype=torch.float64) for _ in range(2))
    torch.library.opcheck(op._op, (first.requires_grad_(), second.requires_grad_()))
    grad, overlap = torch.rand(6).double(), op._op(first, second).detach()
    torch.library.opcheck(op._backward_op, (grad, first.detach(), second.detach(), overlap))


def test_compiles_as_one_graph(backend):
    first, second = random_boxes(6, 40), random_boxes(6, 40)
    expected = gradients(first, second)[1]
    leaf = first.requires_grad_()
    torch.compile(diff_iou_rotated_2d, fullgraph=True, backend='aot_eager')(leaf, second).sum().backward()
    assert torch.equal(leaf.grad, expected)
