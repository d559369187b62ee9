import importlib
import math

import pytest
import torch
import torchvision
from hypothesis import assume, given
from hypothesis import strategies as st

from mmrotate.ops import batched_nms_rotated, box_iou_rotated, nms_quadri, nms_rotated, soft_nms_rotated
from tests.ops.oracles import exact_nms, exact_overlap, golden, hard_pairs, property_test, random_boxes, wild_boxes

# the package has a function of this name
op = importlib.import_module('mmrotate.ops.nms_rotated')


def test_reference(backend):
    data = golden('nms_rotated')
    dets, keep = nms_rotated(data['boxes'], data['scores'], data['iou_thr'].item())
    assert torch.equal(keep, data['keep'])
    assert torch.equal(dets, data['dets'])


def test_labels_count_where_the_reference_ignores_them(backend):
    # its CPU kernel takes labels and suppresses across them all the same
    data = golden('nms_rotated_labels')
    args = (data['boxes'], data['scores'], data['iou_thr'].item())
    dets, keep = nms_rotated(*args)
    assert torch.equal(keep, data['keep'])
    assert torch.equal(dets, data['dets'])
    _, keep = nms_rotated(*args, labels=data['labels'])
    assert keep.tolist() == exact_nms(*args, labels=data['labels'])
    assert set(keep.tolist()) > set(data['keep'].tolist())


@property_test
@given(
    count=st.integers(1, 25),
    size=st.sampled_from([20.0, 100.0, 400.0]),
    threshold=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    classes=st.integers(0, 3),
    offset=st.sampled_from([0.0, 1e6]),
    seed=st.integers(0, 1000),
)
def test_it_is_the_plain_loop(backend, count, size, threshold, classes, offset, seed):
    torch.manual_seed(seed)
    boxes, scores = random_boxes(count, size, dtype=torch.float64), torch.rand(count)
    boxes[:, :2] += offset
    labels = torch.randint(0, classes, (count,)) if classes else None
    dets, keep = nms_rotated(boxes, scores, threshold, labels)
    assert keep.tolist() == exact_nms(boxes, scores, threshold, labels)
    assert torch.equal(dets, torch.cat([boxes, scores[:, None].double()], 1)[keep])


@property_test
@given(
    pairs=st.lists(hard_pairs(offsets=(0.0,)), min_size=1, max_size=5),
    threshold=st.sampled_from([0.1, 0.3, 0.5, 0.7]),
    seed=st.integers(0, 1000),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_hard_boxes_in_any_order(backend, pairs, threshold, seed, dtype):
    boxes = torch.stack([box for pair in pairs for box in pair]).to(dtype)
    torch.manual_seed(seed)
    order = torch.randperm(len(boxes))
    overlap = [[exact_overlap(a, b) for b in boxes] for a in boxes]
    assume(all(abs(iou - threshold) > 1e-6 for row in overlap for iou in row))
    expected = []
    for index in order.tolist():
        if all(overlap[index][kept] <= threshold for kept in expected):
            expected.append(index)
    scores = 1 - order.argsort() / len(boxes)
    assert nms_rotated(boxes, scores, threshold)[1].tolist() == expected
    _, keep = nms_rotated(boxes[order], scores[order], threshold)
    assert order[keep].tolist() == expected


@property_test
@given(st.one_of(wild_boxes(32), wild_boxes(64)))
def test_any_numbers_leave_the_best(backend, boxes):
    _, keep = nms_rotated(boxes, torch.tensor([0.5, 0.9, math.nan]), 0.5)
    usable = boxes.isfinite().all(1) & (boxes[:, 2:4] > 0).all(1)
    # what is no box neither falls nor makes fall
    assert set(keep.tolist()) >= set((~usable).nonzero().flatten().tolist())
    assert len(keep) == len(keep.unique()) > 0


@pytest.mark.parametrize('threshold', [0.1, 0.5])
def test_many_boxes_keep_what_they_should(backend, threshold):
    boxes, scores, labels = random_boxes(1500, 400), torch.rand(1500), torch.arange(1500) % 3
    for values in (None, labels):
        _, keep = nms_rotated(boxes, scores, threshold, values)
        assert (scores[keep].diff() <= 0).all()
        hits = box_iou_rotated(boxes, boxes) > threshold
        if values is not None:
            hits &= values[:, None] == values
        # the kept do not suppress each other, and all else falls to a better one that is kept
        assert not (hits[keep][:, keep] & ~torch.eye(len(keep), dtype=torch.bool)).any()
        gone = torch.ones(1500, dtype=torch.bool).index_fill(0, keep, False)
        better = scores[:, None] < scores[keep]
        assert (hits[:, keep] & better).any(1)[gone].all()
        assert 200 < len(keep) < 1450


def test_upright_boxes_are_those_of_torchvision(backend):
    boxes, scores = random_boxes(600, 300), torch.rand(600)
    boxes[:, 4] = 0
    corners = torch.cat([boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2], 1)
    _, keep = nms_rotated(boxes, scores, 0.3)
    assert torch.equal(keep, torchvision.ops.nms(corners, scores, 0.3))


def test_backends_agree(monkeypatch):
    boxes, scores, labels = random_boxes(1300, 300), torch.rand(1300), torch.arange(1300) % 4
    monkeypatch.delenv('MMROTATE_OPS_BACKEND', raising=False)
    got = nms_rotated(boxes, scores, 0.3, labels)[1]
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    assert torch.equal(got, nms_rotated(boxes, scores, 0.3, labels)[1])
    for tile in (1, 7):
        monkeypatch.setattr(op, '_TILE', tile)
        assert torch.equal(got[:50], nms_rotated(boxes, scores, 0.3, labels)[1][:50])


def test_order_does_not_matter(backend):
    boxes, scores = random_boxes(200, 150), torch.rand(200)
    order = torch.randperm(200)
    _, keep = nms_rotated(boxes, scores, 0.2)
    _, shuffled = nms_rotated(boxes[order], scores[order], 0.2)
    assert torch.equal(order[shuffled], keep)


def test_of_equal_scores_the_first_goes_first(backend):
    boxes = torch.tensor([[0, 0, 9, 9, 0], [50, 0, 9, 9, 0], [0, 1, 9, 9, 0.0]])
    _, keep = nms_rotated(boxes, torch.ones(3), 0.5)
    assert keep.tolist() == [0, 1]


def test_an_overlap_of_the_threshold_is_allowed(backend):
    # half of each other: a third of the union
    boxes = torch.tensor([[0, 0, 4, 2, 0], [2, 0, 4, 2, 0.0]], dtype=torch.float64)
    scores = torch.tensor([0.9, 0.8])
    assert len(nms_rotated(boxes, scores, 1 / 3)[1]) == 2
    assert len(nms_rotated(boxes, scores, 1 / 3 - 1e-9)[1]) == 1
    assert len(nms_rotated(boxes[[0, 0]], scores, 1.0)[1]) == 2


def test_large_labels_and_places_lose_nothing(backend):
    boxes = torch.tensor([[1e6, 1e6, 8, 4, 0.5], [1e6 + 1, 1e6, 8, 4, 0.5], [1e6, 1e6, 8, 4, 0.5]])
    labels = torch.tensor([2**40, 2**40, 2**40 + 1])
    _, keep = batched_nms_rotated(boxes, torch.tensor([0.7, 0.8, 0.9]), labels, 0.5)
    assert keep.tolist() == [2, 1]


def test_class_agnostic(backend):
    boxes = torch.tensor([[0, 0, 8, 4, 0.5]]).repeat(3, 1)
    scores, labels = torch.tensor([0.7, 0.8, 0.9]), torch.tensor([0, 1, 1])
    assert batched_nms_rotated(boxes, scores, labels, 0.5)[1].tolist() == [2, 0]
    assert batched_nms_rotated(boxes, scores, labels, 0.5, class_agnostic=True)[1].tolist() == [2]


def test_the_sense_of_rotation(backend):
    # a bar, and a box at its right lower end if it is turned clockwise on the screen
    boxes = torch.tensor([[0, 0, 20, 1, math.pi / 4], [6, 6, 3, 3, 0]])
    scores = torch.tensor([0.9, 0.8])
    assert len(nms_rotated(boxes, scores, 0.05)[1]) == 1
    assert len(nms_rotated(boxes, scores, 0.05, clockwise=False)[1]) == 2


def test_empty(backend):
    labels = torch.zeros(0, dtype=torch.int64)
    for values in (None, labels):
        dets, keep = nms_rotated(torch.zeros(0, 5), torch.zeros(0), 0.5, values)
        assert dets.shape == (0, 6)
        assert keep.shape == (0,)
        assert keep.dtype == torch.int64


@pytest.mark.parametrize('threshold', [0.0, 0.5, 1.0])
def test_one_box_and_equal_boxes(backend, threshold):
    box, scores = torch.tensor([[5, 6, 30, 7, 0.4]]), torch.rand(20)
    dets, keep = nms_rotated(box, scores[:1], threshold)
    assert keep.tolist() == [0]
    assert torch.equal(dets, torch.cat([box, scores[:1, None]], 1))
    order = scores.sort(descending=True, stable=True).indices.tolist()
    _, keep = nms_rotated(box.repeat(20, 1), scores, threshold)
    # no overlap is more than 1
    assert keep.tolist() == (order if threshold == 1 else order[:1])


def test_at_threshold_0_touching_boxes_stay(backend):
    boxes = torch.tensor([[0, 0, 4, 2, 0], [4, 0, 4, 2, 0], [4, 2, 4, 2, 0], [3, 0, 4, 2, 0.0]])
    _, keep = nms_rotated(boxes, torch.tensor([0.9, 0.8, 0.7, 0.6]), 0.0)
    assert keep.tolist() == [0, 1, 2]


def test_boxes_without_area_or_not_finite_are_kept(backend):
    boxes = torch.tensor([[5, 5, 0, 0, 0], [5, 5, math.nan, 3, 0], [5, 5, 4, 4, 0], [5, 5, 4, 4, 0]])
    _, keep = nms_rotated(boxes, torch.tensor([0.9, 0.8, 0.7, 0.6]), 0.1)
    assert keep.tolist() == [0, 1, 2]


def test_strides_do_not_matter(backend):
    boxes, scores, labels = random_boxes(100, 80), torch.rand(100), torch.randint(0, 3, (100,))
    table = torch.zeros(100, 9)
    table[:, 2:7], table[:, 8] = boxes, scores
    wide_labels = labels[:, None].repeat(1, 2)
    got = nms_rotated(table[:, 2:7], table[:, 8], 0.2, wide_labels[:, 0])
    for a, b in zip(got, nms_rotated(boxes, scores, 0.2, labels), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_computes_in_float32(backend, dtype):
    boxes, scores = random_boxes(60, 100).to(dtype), torch.rand(60).to(dtype)
    dets, keep = nms_rotated(boxes, scores, 0.2)
    assert dets.dtype == dtype
    assert torch.equal(keep, nms_rotated(boxes.float(), scores.float(), 0.2)[1])


def test_the_gradient_passes_through_what_is_kept(backend):
    boxes = torch.tensor([[0, 0, 8, 4, 0.5], [0, 0, 8, 4, 0.5]]).requires_grad_()
    nms_rotated(boxes, torch.tensor([0.1, 0.9]), 0.5)[0].sum().backward()
    assert boxes.grad.tolist() == [[0.0] * 5, [1.0] * 5]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(dets=torch.zeros(2, 6)), r'dets must have shape \(n, 5\), got \(2, 6\)'),
        (dict(scores=torch.zeros(3)), r'scores must have shape \(2,\), got \(3,\)'),
        (dict(labels=torch.zeros(2, 1)), r'labels must have shape \(2,\), got \(2, 1\)'),
        (dict(iou_threshold=-0.1), 'got -0.1'),
        (dict(iou_threshold=math.nan), 'got nan'),
    ],
)
def test_bad_input(change, message):
    args = dict(dets=torch.zeros(2, 5), scores=torch.zeros(2), iou_threshold=0.5)
    with pytest.raises(ValueError, match=message):
        nms_rotated(**{**args, **change})


@pytest.mark.parametrize('labels', [None, torch.tensor([0, 1, 0, 1])])
def test_registration(backend, labels):
    torch.library.opcheck(op._op, (random_boxes(4), labels, 0.3, True))


def test_compiles_as_one_graph(backend):
    boxes, scores, labels = random_boxes(50, 60), torch.rand(50), torch.arange(50) % 2
    compiled = torch.compile(nms_rotated, fullgraph=True, backend='aot_eager')
    expected = nms_rotated(boxes, scores, 0.2, labels)
    # PyTorch 2.4 asks for it; later ones do so by themselves
    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        got = compiled(boxes, scores, 0.2, labels)
    for a, b in zip(got, expected, strict=True):
        assert torch.equal(a, b)


def _plain_soft_nms(boxes, scores, factor, min_score, labels):
    left = {i: float(score) for i, score in enumerate(scores) if score >= min_score}
    taken = []
    while left:
        best = max(left, key=lambda i: (left[i], -i))
        taken.append((best, left.pop(best)))
        for i in left:
            if labels[i] == labels[best]:
                left[i] *= factor(exact_overlap(boxes[i], boxes[best]))
        left = {i: score for i, score in left.items() if score >= min_score}
    return taken


@pytest.mark.parametrize('classes', [1, 3])
@pytest.mark.parametrize(
    ('method', 'factor'),
    [
        ('linear', lambda iou: 1 - iou if iou > 0.3 else 1),
        ('gaussian', lambda iou: math.exp(-(iou**2) / 0.5)),
        ('naive', lambda iou: 0 if iou > 0.3 else 1),
    ],
)
def test_soft_nms_is_the_plain_loop(backend, method, factor, classes):
    boxes, scores = random_boxes(40, 60, dtype=torch.float64), torch.rand(40, dtype=torch.float64)
    labels = torch.arange(40) % classes
    expected = _plain_soft_nms(boxes, scores, factor, 0.05, labels.tolist())
    given_labels = None if classes == 1 else labels
    dets, keep = soft_nms_rotated(boxes, scores, min_score=0.05, method=method, labels=given_labels)
    assert keep.tolist() == [index for index, _ in expected]
    assert dets[:, 5].tolist() == pytest.approx([score for _, score in expected])
    assert torch.equal(dets[:, :5], boxes[keep])
    if method == 'naive':
        _, hard = nms_rotated(boxes, scores, 0.3, given_labels)
        assert torch.equal(keep, hard[scores[hard] >= 0.05])


def test_soft_nms_of_nothing(backend):
    for scores in (torch.zeros(0), torch.zeros(4), torch.full((4,), math.nan)):
        dets, keep = soft_nms_rotated(random_boxes(len(scores)), scores)
        assert dets.shape == (0, 6)
        assert keep.shape == (0,)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(method='cubic'), "method must be one of .*, got 'cubic'"),
        (dict(sigma=0.0), 'sigma must be positive and finite, got 0.0'),
        (dict(scores=torch.zeros(3)), r'scores must have shape \(2,\), got \(3,\)'),
        (dict(iou_threshold=-1.0), r'in \[0, 1\], got -1.0'),
    ],
)
def test_soft_nms_says_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        soft_nms_rotated(**{'dets': torch.zeros(2, 5), 'scores': torch.zeros(2), **change})


@pytest.mark.parametrize('value', [math.nan, math.inf, 0.0, -1.0])
def test_boxes_that_overlap_nothing_are_not_compared(monkeypatch, backend, value):
    boxes, scores = random_boxes(3000, 400), torch.rand(3000)
    broken = torch.arange(3000) % 3 > 0
    boxes[broken, 2] = value
    compared = []

    def count(first, second, **kwargs):
        compared.append(len(first) * len(second))
        return box_iou_rotated(first, second, **kwargs)

    monkeypatch.setattr(op, 'box_iou_rotated', count)
    keep = nms_rotated(boxes, scores, 0.1)[1]
    assert sum(compared) <= 1000 * 1512  # of the third that has an area
    assert broken[keep].sum() == 2000
    whole = (~broken).nonzero().squeeze(1)
    expected = whole[nms_rotated(boxes[whole], scores[whole], 0.1)[1]]
    assert torch.equal(keep[~broken[keep]], expected)
    compared.clear()
    dets, soft = soft_nms_rotated(boxes[:300], scores[:300], labels=torch.arange(300) % 2)
    assert sum(compared) <= 100 * 100
    assert broken[soft].sum() == (scores[:300][broken[:300]] >= 1e-3).sum()
    assert (dets[:, 5].diff() <= 0).all()


@pytest.mark.parametrize('count', [200_000])
def test_many_boxes_that_overlap_nothing_cost_nothing(backend, count):
    """A time that grew with their square would be minutes."""
    for boxes in (torch.full((count, 5), math.nan), torch.zeros(count, 5)):
        assert len(nms_rotated(boxes, torch.zeros(count), 0.5)[1]) == count
        assert len(soft_nms_rotated(boxes, torch.ones(count))[1]) == count
    assert len(nms_quadri(torch.zeros(count, 8), torch.zeros(count), 0.5)[1]) == count


def test_labels_in_threads_give_what_each_gives_alone():
    count = 9000
    dets = torch.cat([torch.rand(count, 2) * 300, torch.rand(count, 2) * 40 + 4, torch.rand(count, 1) * 3], 1)
    scores, labels = torch.rand(count), torch.randint(5, (count,))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        _, found = batched_nms_rotated(dets, scores, labels, 0.3)
    finally:
        torch.set_num_threads(threads)
    places = [(labels == label).nonzero().squeeze(1) for label in range(5)]
    alone = torch.cat([at[nms_rotated(dets[at], scores[at], 0.3)[1]] for at in places])
    assert torch.equal(found, alone[scores[alone].argsort(descending=True)])
