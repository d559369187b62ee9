"""Forms of boxes, and what becomes of them, as box types of MMRotate 1.x have them."""

import math

import numpy as np
import pytest
import torch

from mmrotate.core.bbox import along_sides, bbox_flip, hbb2obb, obb2poly, obb2xyxy, poly2obb, rbbox_overlaps
from mmrotate.core.bbox.angle import AngleVersion, regularize
from mmrotate.core.bbox.transforms import polys2obb_np
from mmrotate.models.turn import Turn
from mmrotate.ops import points_in_polygons
from tests.helpers import golden

VERSIONS = {'le90': 'le90', 'le135': 'le135', 'start0': AngleVersion(0.0, math.pi, True, 0.0, False)}


def tensor(name):
    return golden.tensor(name, 'newer/box_types.npz')


def gap(corners, others):
    """Pixels between corners (n, 8) of the same rectangles, whichever comes first."""
    return (corners.view(-1, 4, 1, 2) - others.view(-1, 1, 4, 2)).norm(dim=-1).amin(-1).max()


def corner_gap(boxes, others):
    return gap(obb2poly(boxes), obb2poly(others))


@pytest.mark.parametrize('version', VERSIONS)
def test_forms(version):
    boxes = tensor('boxes')
    form = regularize(*boxes[:, 2:].unbind(1), VERSIONS[version])
    torch.testing.assert_close(torch.stack(form, 1), tensor(f'regularize_{version}/out')[:, 2:])


def test_the_older_form_is_the_same_rectangle():
    """1.x counts it from -90 degrees to 0, as OpenCV once did; 0.x, and this, from 0 to 90."""
    boxes = tensor('boxes')
    form = regularize(*boxes[:, 2:].unbind(1), 'oc')
    found, theirs = torch.cat([boxes[:, :2], torch.stack(form, 1)], 1), tensor('regularize_oc/out')
    assert corner_gap(found, theirs) < 1e-3
    assert (found[:, 4] > 0).all() and (theirs[:, 4] < 0).all()


def test_from_one_kind_to_another():
    boxes, upright = tensor('box_types/rbox'), tensor('box_types/rbox2hbox')
    assert gap(obb2poly(boxes), tensor('box_types/rbox2qbox')) < 1e-3
    torch.testing.assert_close(obb2xyxy(boxes), upright)
    assert corner_gap(hbb2obb(upright, 'le90'), tensor('box_types/hbox2rbox')) < 1e-3
    assert corner_gap(poly2obb(tensor('box_types/rbox2qbox'), 'le90'), tensor('box_types/qbox2rbox_exact')) < 1e-3
    # of any quadrilateral the smallest rectangle around it
    found, good = polys2obb_np(tensor('box_types/qbox').numpy(), 'le90')
    assert np.all(good) and corner_gap(torch.from_numpy(found), tensor('box_types/qbox2rbox')) < 1e-2


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_flips(direction):
    found = bbox_flip(tensor('boxes'), (200, 260, 3), direction)
    assert corner_gap(found, tensor(f'rboxes_flip_{direction}/out')) < 1e-3


@pytest.mark.parametrize('degrees', [37.0, 90.0, -110.0])
def test_turns(degrees):
    found = Turn(math.radians(degrees), 200, 260).boxes(tensor('boxes'))
    assert corner_gap(found, tensor(f'rboxes_rotate_{degrees}/out')) < 1e-3


@pytest.mark.parametrize('mode', ['iou', 'iof'])
def test_overlaps(mode):
    found = rbbox_overlaps(tensor('overlaps/a'), tensor('overlaps/b'), mode)
    torch.testing.assert_close(found, tensor(f'overlaps/{mode}'), rtol=0, atol=1e-6)


def test_points_inside():
    points, boxes = tensor('find_inside_points/points'), tensor('find_inside_points/rboxes')
    along, across = along_sides(points[:, None], boxes)
    inside = (along.abs() < boxes[:, 2] / 2) & (across.abs() < boxes[:, 3] / 2)
    assert torch.equal(inside, tensor('find_inside_points/rbox')) and inside.sum() > 100
    found = points_in_polygons(points, tensor('find_inside_points/qboxes'))
    assert torch.equal(found.bool(), tensor('find_inside_points/qbox'))
