import importlib

import pytest
import torch

from mmrotate.ops import box_iou_rotated, nms_rotated
from tests.ops.oracles import exact_nms, random_boxes


@pytest.fixture
def small_blocks(device, monkeypatch):
    """Blocks of 64 boxes, so that few boxes make several."""
    module = importlib.import_module('mmrotate.ops.triton.nms_rotated')
    monkeypatch.setattr(module, '_BLOCK', 64)


@pytest.mark.parametrize('count', [1, 63, 65, 150])
@pytest.mark.parametrize('classes', [None, 3])
def test_it_is_the_plain_loop(device, small_blocks, count, classes):
    boxes, scores = random_boxes(count, 120), torch.rand(count)
    labels = None if classes is None else torch.arange(count) % classes
    on_device = [None if t is None else t.to(device) for t in (boxes, scores, labels)]
    dets, keep = nms_rotated(*on_device[:2], 0.1, on_device[2])
    assert keep.tolist() == exact_nms(boxes, scores, 0.1, labels)
    assert torch.equal(dets.cpu(), torch.cat([boxes, scores[:, None]], 1)[keep.cpu()])


def test_a_block_of_several_words(device, monkeypatch):
    boxes, scores = random_boxes(200, 300), torch.rand(200)
    _, keep = nms_rotated(boxes.to(device), scores.to(device), 0.3)
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    _, expected = nms_rotated(boxes, scores, 0.3)
    assert torch.equal(keep.cpu(), expected)
    assert 50 < len(keep) < 200


@pytest.mark.parametrize(('size', 'threshold'), [(60, 0.0), (400, 0.3), (4000, 0.1)])
def test_all_kinds_of_boxes_in_several_blocks(device, small_blocks, monkeypatch, size, threshold):
    boxes, labels = random_boxes(230, size), torch.arange(230) % 2
    boxes[::17, 2], boxes[5::23, 3] = torch.nan, -1
    boxes[7::31, 0] += 1e6
    boxes[11::50, 2:4] *= 100
    boxes[9::40] = boxes[3]
    scores = (torch.rand(230) * 40).round() / 40  # many are equal
    got = nms_rotated(boxes.to(device), scores.to(device), threshold, labels.to(device))[1]
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    assert torch.equal(got.cpu(), nms_rotated(boxes, scores, threshold, labels)[1])


def test_groups_of_neighbours(device, monkeypatch):
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')  # of the overlaps
    module = importlib.import_module('mmrotate.ops.triton.nms_rotated')
    boxes, block = random_boxes(1000, 2000).to(device), 256
    boxes[100, 2] = 0
    table = module.prepare(boxes, True)
    rows, row_bounds, cols, col_bounds = module._groups(table, block)
    assert torch.equal(cols.sort().values.cpu(), torch.arange(1000))
    for part in rows.split(block):  # a block keeps its boxes
        assert part.max() - part.min() == len(part) - 1
    near = (row_bounds[:, :, None] + col_bounds.roll(2, 0)[:, None] <= 0).all(0)
    assert near.float().mean() < 0.3  # 1 in the order of the list
    # no boxes that touch are in groups apart; one without an area touches nothing
    touch = box_iou_rotated(boxes[rows], boxes[cols]).nonzero()
    assert len(touch) > 1000
    assert near[touch[:, 0] // module._ROWS, touch[:, 1] // module._COLS].all()


def test_ties_and_the_threshold(device):
    # of equal scores the first; an overlap of exactly the threshold is allowed
    boxes = torch.tensor([[0, 0, 4, 4, 0], [0, 0, 4, 4, 0], [2, 0, 4, 4, 0.0]], device=device)
    scores = torch.full((3,), 0.5, device=device)
    third = (boxes.new_tensor(1, dtype=torch.float64) / 3).item()
    assert nms_rotated(boxes, scores, third)[1].tolist() == [0, 2]
    assert nms_rotated(boxes, scores, third - 1e-12)[1].tolist() == [0]


def test_nothing(device):
    dets, keep = nms_rotated(torch.zeros(0, 5, device=device), torch.zeros(0, device=device), 0.1)
    assert dets.shape == (0, 6)
    assert keep.shape == (0,)
