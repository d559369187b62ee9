"""Boxes as Cholesky factors."""

import math

import pytest
import torch

from mmrotate.core import build_bbox_coder
from mmrotate.core.bbox.angle import VERSIONS, regularize
from mmrotate.core.bbox.gaussian import boxes_to_cholesky, boxes_to_gaussian, cholesky_to_gaussian, gaussian_to_boxes
from tests.helpers.golden import random_boxes, tensor

# no size to speak of, a square, along the axes, and far
HARD = torch.tensor([[5, 5, 1e-3, 1e-3, 0], [5, 5, 20, 20, 0.3], [5, 5, 20, 10, math.pi / 2], [9e3, 5, 4e3, 2, -1]])


def regular(boxes, version):
    w, h, theta = regularize(*boxes[:, 2:].T, version)
    return torch.stack([*boxes[:, :2].T, w, h, theta], 1)


def coder(kind, version='le90', **kwargs):
    name = 'angle_version' if kind == 'GauChoPointCoder' else 'angle_range'
    return build_bbox_coder(dict(type=kind, **{name: version}, **kwargs))


def test_distributions_and_boxes_are_those_of_the_source():
    points, deltas, cov, obb = (
        tensor(f'gaucho_decode/{key}', 'newer/angles.npz') for key in ('points', 'deltas', 'cov', 'obb')
    )
    points_coder = coder('GauChoPointCoder')
    xy, sigma = cholesky_to_gaussian(points_coder.factors(points, deltas)).moments
    found = torch.cat([xy, sigma[:, 0, :1], sigma[:, 1, 1:], sigma[:, 0, 1:]], 1)
    torch.testing.assert_close(found, cov, rtol=1e-5, atol=1e-5)
    boxes = points_coder.decode(points, deltas)
    torch.testing.assert_close(boxes[:, :4], obb[:, :4], rtol=1e-5, atol=1e-3)
    assert ((boxes - obb)[:, 4] / math.pi).round(decimals=4).frac().abs().max() == 0


@pytest.mark.parametrize('kind', ['GauChoPointCoder', 'GauChoDeltaCoder'])
def test_a_distribution_has_no_front(kind):
    with pytest.raises(ValueError, match='it loses the front of r360'):
        coder(kind, 'r360')


@pytest.mark.parametrize('version', [name for name, version in VERSIONS.items() if not version.heading])
@pytest.mark.parametrize('kind', ['GauChoPointCoder', 'GauChoDeltaCoder'])
def test_boxes_come_back(kind, version):
    boxes = regular(torch.cat([random_boxes(50), HARD]), version)
    priors = regular(random_boxes(len(boxes), seed=1), version)
    priors[50:] = boxes[50:] + torch.tensor([1, 1, 1e-4, 1e-4, 0.1])
    made = coder(kind, version)
    places = priors[:, :2] if kind == 'GauChoPointCoder' else priors
    found = made.decode(places, made.encode(places, boxes))
    torch.testing.assert_close(found[:, :2], boxes[:, :2], rtol=1e-5, atol=1e-3)
    ours, theirs = (boxes_to_gaussian(each).sigma for each in (found, boxes))
    scale = theirs.abs().amax((1, 2), keepdim=True)
    assert ((ours - theirs) / scale).abs().max() < 1e-4
    torch.testing.assert_close(found[:50, 2:], boxes[:50, 2:], rtol=1e-3, atol=1e-3)


def test_factors_do_not_know_which_side_is_which():
    boxes = random_boxes(30)
    turned = torch.cat([boxes[:, :2], boxes[:, [3, 2]], boxes[:, 4:] + math.pi / 2], 1)
    torch.testing.assert_close(boxes_to_cholesky(turned), boxes_to_cholesky(boxes), rtol=1e-4, atol=1e-3)


def test_a_round_one_has_a_gradient():
    """The source divides 0 by 0 there."""
    factors = torch.tensor([[5.0, 5, 10, 10, 0], [5, 5, 10, 20, 0], [5, 5, 20, 10, 0]], requires_grad=True)
    boxes = gaussian_to_boxes(cholesky_to_gaussian(factors))
    assert boxes[:, 2:4].tolist() == [[20, 20], [40, 20], [40, 20]]
    boxes.sum().backward()
    assert factors.grad.isfinite().all()


@pytest.mark.parametrize('kind', ['GauChoPointCoder', 'GauChoDeltaCoder'])
def test_none_and_half_precision(kind):
    made, size = coder(kind), 2 if kind == 'GauChoPointCoder' else 5
    assert made.encode(torch.zeros(0, size), torch.zeros(0, 5)).shape == (0, 5)
    assert made.decode(torch.zeros(0, size), torch.zeros(0, 5)).shape == (0, 5)
    assert made.decode(torch.ones(1, size).half(), torch.ones(1, 5).half()).dtype == torch.float32
    with pytest.raises(ValueError, match='got 1, 2'):
        made.encode(torch.zeros(1, size), torch.zeros(2, 5))
