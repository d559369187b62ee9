import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmrotate.core.bbox import obb2hbb


@pytest.fixture
def weak(monkeypatch):
    """The script, which takes its neighbours from its own folder."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / 'benchmarks'))
    yield importlib.import_module('weak')
    for name in ('weak', 'small', 'stability'):
        sys.modules.pop(name)


def results(boxes):
    return [[torch.cat([own, torch.ones(len(own), 1)], 1).numpy()] for own in boxes]


def test_the_table_tells_turned_boxes_from_upright_ones(weak):
    truth = weak.draw(torch.Generator().manual_seed(0), 20)['gt_bboxes']
    assert weak.row(results(truth), truth) == '0.0 | 1.00 | 1.000 | 1.000'
    # the same rectangles by their shorter side
    swapped = [own[:, [0, 1, 3, 2, 4]] + torch.tensor([0, 0, 0, 0, np.pi / 2]) for own in truth]
    assert weak.row(results(swapped), truth) == '0.0 | 1.00 | 1.000 | 1.000'
    turned = [own + torch.tensor([0, 0, 0, 0, 0.1]) for own in truth]
    assert weak.row(results(turned), truth).startswith('5.7 | 1.00')
    off, share, *scores = map(float, weak.row(results([obb2hbb(own, 'le90') for own in truth]), truth).split('|'))
    assert 15 < off < 30 and share > 0.8 and max(scores) < 0.5
    assert weak.row([[np.zeros((0, 6), np.float32)]] * 20, truth).startswith('nan | 0.00 | 0.000')


def test_objects_are_brighter_and_do_not_touch(weak):
    batch = weak.draw(torch.Generator().manual_seed(1), 5)
    for image, boxes in zip(batch['img'], batch['gt_bboxes'], strict=True):
        x, y = boxes[:, :2].long().T
        assert image[:, y, x].mean() > image.mean() + 1
        assert (boxes[:, 2] >= 2 * boxes[:, 3] - 1e-3).all()
        assert not np.triu(weak.rbbox_overlaps(boxes, boxes).numpy(), 1).any()


def test_directions_of_a_training_lie_within_the_spread(weak):
    angles = torch.cat(weak.draw(torch.Generator().manual_seed(2), 50, 60)['gt_bboxes'])[:, 4].rad2deg()
    assert -30 <= angles.min() < -25 and 25 < angles.max() <= 30
