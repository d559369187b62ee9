import math

import pytest
import torch
import torchvision

from mmrotate.ops import box_iou_upright, nms_upright
from mmrotate.ops import upright as op


def boxes(count, size=60.0, dtype=torch.float32):
    centre, sides = torch.rand(count, 2, dtype=dtype) * 100, torch.rand(count, 2, dtype=dtype) * size
    return torch.cat([centre - sides, centre + sides], 1)


def odd_boxes():
    """Boxes without area, upside down, infinite, of no numbers."""
    infinite, nothing = math.inf, math.nan
    rows = [[5, 5, 5, 5], [5, 5, 5, 5], [9, 9, 1, 1], [0, 0, infinite, 9], [-infinite, 0, infinite, 9]]
    return torch.cat([boxes(8), torch.tensor([*rows, [nothing, 0, 1, 1], [1e30, 0, 2e30, 1e30]])])


@pytest.mark.parametrize('backend', ['cpp', 'torch'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_overlaps_are_those_of_torchvision(monkeypatch, backend, dtype):
    if backend == 'torch':
        monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    for first, second in [
        (boxes(300), boxes(37)),
        (odd_boxes(), odd_boxes()),
        (boxes(0), boxes(3)),
        (boxes(3), boxes(0)),
    ]:
        first, second = first.to(dtype), second.to(dtype)
        expected = torchvision.ops.box_iou(first, second).nan_to_num(0.0)
        torch.testing.assert_close(box_iou_upright(first, second), expected, rtol=0, atol=0)


def test_half_precision_is_widened():
    first = boxes(5).half()
    assert torch.equal(box_iou_upright(first, first), box_iou_upright(first.float(), first.float()))


@pytest.mark.parametrize('backend', ['cpp', 'torch'])
@pytest.mark.parametrize(('count', 'kinds', 'size'), [(0, 1, 1), (1, 1, 1), (300, 1, 20), (1500, 4, 60), (1500, 1, 9)])
def test_suppression_is_that_of_torchvision_in_each_label(monkeypatch, backend, count, kinds, size):
    if backend == 'torch':
        monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    dets, scores, labels = boxes(count, size), torch.rand(count), torch.randint(kinds, (count,))
    for threshold in (0.0, 0.5, 0.7, 1.0):
        places = [(labels == kind).nonzero().squeeze(1) for kind in range(kinds)]
        kept = torch.cat([at[torchvision.ops.nms(dets[at], scores[at], threshold)] for at in places])
        expected = kept[scores[kept].argsort(descending=True)]
        assert torch.equal(nms_upright(dets, scores, threshold, labels), expected)
        assert kinds > 1 or torch.equal(nms_upright(dets, scores, threshold), expected)


def test_of_equal_scores_the_first_goes_first():
    same = torch.tensor([[0.0, 0, 10, 10]]).repeat(3, 1)
    assert nms_upright(same, torch.tensor([0.5, 0.9, 0.9]), 0.5).tolist() == [1]


def test_wrong_arguments():
    for call in (
        lambda: box_iou_upright(torch.zeros(1, 5), torch.zeros(1, 4)),
        lambda: nms_upright(torch.zeros(1, 5), torch.zeros(1), 0.5),
        lambda: nms_upright(torch.zeros(1, 4), torch.zeros(1), 1.5),
    ):
        with pytest.raises(ValueError, match='must'):
            call()


@pytest.mark.parametrize('labels', [None, torch.tensor([0, 1, 0, 1])])
def test_registered_as_operations_of_pytorch(labels):
    torch.library.opcheck(op._iou, (boxes(4), boxes(3)))
    torch.library.opcheck(op._nms, (boxes(4), labels, 0.3))
