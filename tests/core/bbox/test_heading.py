"""Boxes with a front (angle version r360)."""

import math

import numpy as np
import pytest
import torch

from mmrotate.compat.box_types import rbox2qbox
from mmrotate.core.bbox import (
    DeltaXYWHAOBBoxCoder,
    DistanceAnglePointCoder,
    bbox_flip,
    build_bbox_coder,
    hbb2obb,
    heading_gap,
    norm_angle,
    obb2hbb,
    obb2poly,
    obb2poly_np,
    poly2obb,
    polys2obb_np,
)
from mmrotate.core.bbox.angle import regularize
from mmrotate.core.bbox.transforms import bbox_mapping_back
from mmrotate.utils.errors import ArgumentError
from tests.helpers import golden

FILE = 'newer/weak.npz'


def reference(name, *keys):
    return [golden.tensor(f'{name}/{key}', FILE) for key in keys]


def same(boxes, others, atol=1e-4):
    torch.testing.assert_close(boxes[:, :4], others[:, :4], atol=1e-3, rtol=0)
    assert heading_gap(boxes, others).max() < atol


def boxes(count=20):
    found = golden.random_boxes(count, 3)
    return torch.cat([found[:, :4], norm_angle(found[:, 4:], 'r360')], 1)


def test_forms_are_those_of_the_reference():
    angle, out = reference('norm_angle_r360', 'angle', 'out')
    torch.testing.assert_close(norm_angle(angle, 'r360'), out, atol=1e-5, rtol=0)
    given, out = reference('rr360_regularize', 'boxes', 'out')
    w, h, theta = regularize(given[:, 2], given[:, 3], given[:, 4], 'r360')
    torch.testing.assert_close(torch.stack([w, h, theta], 1), out[:, 2:], atol=1e-5, rtol=1e-5)
    given, quads, out = reference('rr360_quad', 'boxes', 'quad', 'out')
    torch.testing.assert_close(rbox2qbox(given), quads, atol=1e-3, rtol=0)
    same(poly2obb(quads, 'r360'), out)


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_flips_are_those_of_the_reference(direction):
    given, out = reference(f'rr360_flip_{direction}', 'boxes', 'out')
    shape = {'horizontal': (200, 260), 'vertical': (200, 260), 'diagonal': (200, 260)}[direction]
    flipped = bbox_flip(given, shape, direction, heading=True)
    same(flipped, out)
    back = bbox_mapping_back(flipped, shape, (1, 1, 1, 1), True, direction, heading=True)
    same(back, given)


def test_the_first_two_corners_are_the_front():
    """Whichever way the corners go round; a box of angle 0 points up."""
    up = obb2poly(torch.tensor([[50.0, 50, 10, 30, 0]]), 'r360')[0].reshape(4, 2)
    assert up[:2].tolist() == [[45, 35], [55, 35]]
    given = boxes()
    corners = obb2poly(given, 'r360')
    same(poly2obb(corners, 'r360'), given)
    same(torch.from_numpy(polys2obb_np(corners.numpy(), 'r360')[0]).float(), given)
    same(torch.from_numpy(polys2obb_np(obb2poly_np(given.numpy(), 'r360'), 'r360')[0]).float(), given)
    other_way = corners.reshape(-1, 4, 2)[:, [1, 0, 3, 2]].reshape(-1, 8)
    same(poly2obb(other_way, 'r360'), given)


def test_upright_boxes_point_up():
    assert hbb2obb(torch.tensor([[10.0, 10, 20, 40]]), 'r360')[0].tolist() == [15, 25, 10, 30, 0]
    assert obb2hbb(torch.tensor([[15.0, 25, 30, 10, math.pi / 2]]), 'r360')[0, 2:].tolist() == pytest.approx(
        [10, 30, 0]
    )


def test_the_gap_of_headings_is_that_of_directions():
    first, second = torch.zeros(3, 5), torch.zeros(3, 5)
    first[:, 4], second[:, 4] = torch.tensor([3.0, -1, 0]), torch.tensor([-3.0, 1, 3.14])
    torch.testing.assert_close(heading_gap(first, second), torch.tensor([2 * math.pi - 6, 2, 3.14]))
    np.testing.assert_allclose(heading_gap(first.numpy(), second.numpy()), heading_gap(first, second))


def test_coders_of_boxes_keep_the_front():
    given = boxes()
    points = DistanceAnglePointCoder(angle_version='r360')
    same(points.decode(given[:, :2], points.encode(given[:, :2], given)), given)
    deltas, priors = DeltaXYWHAOBBoxCoder(angle_range='r360'), boxes(20).flip(0)
    same(deltas.decode(priors, deltas.encode(priors, given)), given)
    with pytest.raises(ArgumentError, match='edge_swap'):
        DeltaXYWHAOBBoxCoder(angle_range='r360', edge_swap=True)


@pytest.mark.parametrize(
    ('coder', 'off'),
    [
        (dict(type='CSLCoder', omega=1), math.pi / 360),
        (dict(type='PSCCoder', dual_freq=False), 1e-4),
        (dict(type='ACMCoder', base_omega=1, dual_freq=False), 1e-4),
    ],
)
def test_coders_of_angles_keep_the_front(coder, off):
    made, angles = build_bbox_coder(dict(coder, angle_version='r360')), boxes()[:, 4:]
    gap = (made.decode(made.encode(angles)).reshape(-1) - angles[:, 0] + math.pi) % (2 * math.pi) - math.pi
    assert gap.abs().max() <= off + 1e-4
