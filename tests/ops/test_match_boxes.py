import importlib

import pytest
import torch

from mmrotate.ops import box_iou_rotated, box_iou_upright, match_boxes
from mmrotate.ops.backend import uses_cpp
from tests.helpers.golden import random_boxes
from tests.ops.test_upright import boxes, odd_boxes

CPP = uses_cpp(torch.zeros(1))
pytestmark = pytest.mark.skipif(not CPP, reason='the C++ operations were not built')


def by_table(objects, priors, ignored, least, all_best):
    """What a table of the overlaps of an image says."""
    table = (box_iou_upright if objects.size(1) == 4 else box_iou_rotated)(objects, priors)
    best, owner = table.masked_fill_(ignored, -1.0).max(0)
    forced = torch.zeros_like(owner)
    for index, row in enumerate(table):
        if row.max() > 0 and row.max() >= least:
            places = (row == row.max()).nonzero().squeeze(1)
            forced[places if all_best else places[:1]] = index + 1
    return best, owner, forced


def priors_and_objects(columns):
    """Priors of which many are equally near, in more than one block, and objects of which one is on a prior."""
    corners = torch.cartesian_prod(torch.arange(0, 100, 4.0), torch.arange(0, 100, 4.0))
    if columns == 4:
        priors = torch.cat([corners, corners + 16], 1).repeat(3, 1)
        return priors, torch.cat([boxes(40, 20), priors[7:8], torch.full((1, 4), 500.0), odd_boxes()[8:]])
    priors = torch.cat([corners, torch.tensor([[16.0, 9, 0.3]]).expand(len(corners), 3)], 1).repeat(3, 1)
    return priors, torch.cat(
        [random_boxes(40, 0, 100), priors[7:8], torch.tensor([[500.0, 9, 9, 9, 0], [9, 9, 0, 9, 0]])]
    )


@pytest.mark.parametrize('columns', [4, 5])
@pytest.mark.parametrize('all_best', [True, False])
@pytest.mark.parametrize('least', [0.0, 0.3])
def test_matching_is_that_by_the_table_of_overlaps(columns, all_best, least):
    priors, objects = priors_and_objects(columns)
    ignored = torch.rand(len(priors)) < 0.1
    found = match_boxes(objects, priors, ignored, least=least, all_best=all_best)
    assert all(map(torch.equal, found, by_table(objects, priors, ignored, least, all_best)))


@pytest.mark.parametrize('columns', [4, 5])
def test_images_of_a_batch_are_apart(columns):
    priors, objects = priors_and_objects(columns)
    ignored = torch.rand(len(priors)) < 0.1
    counts = [(10, 900), (0, 300), (20, 0), (len(objects) - 30, len(priors) - 1200)]
    found = match_boxes(objects, priors, ignored, counts)
    fields = (priors, ignored, *found)
    images = zip(
        objects.split([m for m, _ in counts]), *(field.split([n for _, n in counts]) for field in fields), strict=True
    )
    first = 0
    for gts, *facts, best, owner, forced in images:
        if len(gts) and len(best):
            expected = by_table(gts, *facts, 0.0, True)
            assert torch.equal(best, expected[0]) and torch.equal(owner, expected[1] + first)
            assert torch.equal(forced, torch.where(expected[2] > 0, expected[2] + first, 0))
        else:
            assert not forced.any() and (best <= 0).all()
        first += len(gts)


@pytest.mark.parametrize('columns', [4, 5])
def test_registered_as_an_operation_of_pytorch(columns):
    objects, priors = torch.rand(3, columns), torch.rand(4, columns)
    operation = importlib.import_module('mmrotate.ops.match_boxes')._op
    torch.library.opcheck(
        operation, (objects, priors, torch.zeros(4, dtype=torch.bool), torch.tensor([[3], [4]]), 0.3, True)
    )


def test_wrong_arguments():
    none = torch.zeros(2, dtype=torch.bool)
    for objects, priors, ignored, counts in [
        (torch.zeros(1, 6), torch.zeros(2, 5), none, None),
        (torch.zeros(1, 4), torch.zeros(2, 5), none, None),
        (torch.zeros(1, 4), torch.zeros(2, 4), none[:1], None),
        (torch.zeros(1, 4), torch.zeros(2, 4), none, [(1, 1)]),
    ]:
        with pytest.raises(ValueError, match='must'):
            match_boxes(objects, priors, ignored, counts)
