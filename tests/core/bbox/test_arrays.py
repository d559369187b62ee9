"""Overlaps and suppression of arrays are those of tensors, with the C++ and without."""

import sys

import numpy as np
import pytest
import torch

from mmrotate.core.bbox import arrays
from mmrotate.ops import box_iou_rotated, nms_rotated
from mmrotate.utils import UserError, native
from tests.ops.oracles import random_boxes


@pytest.fixture(params=['cpp', 'torch'])
def backend(request, monkeypatch):
    if request.param == 'torch':
        monkeypatch.setenv(native.VARIABLE, 'torch')


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_overlaps_are_those_of_tensors(backend, dtype):
    boxes = random_boxes(60, 40).to(dtype)
    for mode in ('iou', 'iof', 'giou'):
        wanted = box_iou_rotated(boxes, boxes[:20], mode).numpy()
        found = arrays.box_iou_rotated(boxes.numpy(), boxes[:20].numpy(), mode)
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
    wanted = box_iou_rotated(boxes, boxes.flip(0), aligned=True).numpy()
    np.testing.assert_array_equal(arrays.box_iou_rotated(boxes.numpy(), boxes.flip(0).numpy(), aligned=True), wanted)


@pytest.mark.parametrize('with_labels', [False, True])
def test_suppression_is_that_of_tensors(backend, with_labels):
    boxes, scores = random_boxes(200, 60), torch.rand(200).round(decimals=1)  # some of them alike
    labels = torch.randint(0, 3, (200,)) if with_labels else None
    wanted = nms_rotated(boxes, scores, 0.2, labels)[1].numpy()
    found = arrays.nms_rotated(boxes.numpy(), scores.numpy(), 0.2, None if labels is None else labels.numpy())
    np.testing.assert_array_equal(found, wanted)


def test_what_makes_no_sense_is_refused(monkeypatch):
    boxes = np.zeros((2, 5), np.float32)
    with pytest.raises(ValueError, match=r'boxes \(n, 5\) are needed'):
        arrays.box_iou_rotated(np.zeros((2, 6), np.float32), boxes)
    with pytest.raises(ValueError, match='mode must be'):
        arrays.box_iou_rotated(boxes, boxes, 'area')
    with pytest.raises(ValueError, match='of one count'):
        arrays.box_iou_rotated(boxes, boxes[:1], aligned=True)
    with pytest.raises(ValueError, match='as many scores'):
        arrays.nms_rotated(boxes, np.zeros(3), 0.5)
    with pytest.raises(ValueError, match='iou_threshold must be'):
        arrays.nms_rotated(boxes, np.zeros(2), 2)
    monkeypatch.setattr(native, 'library', lambda: None)
    monkeypatch.setitem(sys.modules, 'torch', None)
    with pytest.raises(UserError, match='install a C\\+\\+ compiler'):
        arrays.box_iou_rotated(boxes, boxes)
