"""Normal distributions of boxes and points against PyTorch's own and the textbook's forms."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal
from torch.distributions import kl_divergence as torch_kl

from mmrotate.core import bbox
from mmrotate.core.bbox import gaussian
from mmrotate.core.bbox.gaussian import Gaussian
from tests.helpers.golden import random_boxes


@pytest.fixture
def pair() -> tuple[Gaussian, Gaussian]:
    first, second = random_boxes(30, 0, 60).double(), random_boxes(30, 1, 60).double()
    return gaussian.boxes_to_gaussian(first), gaussian.boxes_to_gaussian(second)


def normal(g: Gaussian) -> MultivariateNormal:
    return MultivariateNormal(g.xy, g.sigma)


def trace(m: Tensor) -> Tensor:
    return m.diagonal(dim1=-2, dim2=-1).sum(-1)


def test_divergence_is_torchs(pair):
    p, q = pair
    torch.testing.assert_close(gaussian.kl_divergence(p, q), torch_kl(normal(p), normal(q)))


def test_wasserstein_is_the_form_with_traces(pair):
    p, q = pair
    mixed = trace(p.sigma @ q.sigma) + 2 * (p.sigma.det() * q.sigma.det()).sqrt()
    expected = (p.xy - q.xy).square().sum(-1) + 4 * (trace(p.sigma + q.sigma) - 2 * mixed.sqrt())
    torch.testing.assert_close(gaussian.wasserstein(p, q, alpha=2.0), expected)


def test_wasserstein_of_nearly_equal_large_boxes_keeps_its_digits():
    box = torch.tensor([[0, 0, 900.0, 100, 0.3]])
    grown = box + torch.tensor([0, 0, 0.01, 0, 0])
    p, q = gaussian.boxes_to_gaussian(box), gaussian.boxes_to_gaussian(grown)
    assert float(gaussian.wasserstein(p, q)) == pytest.approx(0.005**2, rel=1e-2)


def test_bhattacharyya_is_the_form_with_determinants(pair):
    p, q = pair
    mean = (p.sigma + q.sigma) / 2
    gap = (p.xy - q.xy)[..., None]
    ratio = mean.det() / (p.sigma.det() * q.sigma.det()).sqrt()
    expected = (gap.mT @ mean.inverse() @ gap)[:, 0, 0] / 8 + ratio.log() / 2
    torch.testing.assert_close(gaussian.bhattacharyya(p, q), expected)


def test_kalman_overlap_is_the_filters(pair):
    p, q = pair
    gain = p.sigma @ (p.sigma + q.sigma).inverse()
    shared, first, second = (4 * s.det().sqrt() for s in (p.sigma - gain @ p.sigma, p.sigma, q.sigma))
    torch.testing.assert_close(gaussian.kalman_overlap(p, q, eps=0), shared / (first + second - shared))


def test_pairs_broadcast(pair):
    first, second = random_boxes(4, 2), random_boxes(3, 3)
    every = gaussian.kl_divergence(gaussian.boxes_to_gaussian(first[:, None]), gaussian.boxes_to_gaussian(second))
    one = gaussian.kl_divergence(gaussian.boxes_to_gaussian(first[2]), gaussian.boxes_to_gaussian(second[1]))
    assert every.shape == (4, 3)
    torch.testing.assert_close(every[2, 1], one)


def test_covariance_of_a_box():
    xy, sigma = bbox.xy_wh_r_2_xy_sigma(torch.tensor([[3, 4, 8.0, 2, math.pi / 2]]))
    torch.testing.assert_close(xy, torch.tensor([[3.0, 4]]))
    torch.testing.assert_close(sigma, torch.tensor([[[1.0, 0], [0, 16]]]), atol=1e-5, rtol=0)


def test_covariance_of_deviations_and_correlation():
    _, sigma = bbox.xy_stddev_pearson_2_xy_sigma(torch.tensor([[0, 0, 2.0, 3, -0.5]]))
    torch.testing.assert_close(sigma, torch.tensor([[[4.0, -3], [-3, 9]]]))


def test_covariance_of_points():
    points = torch.rand(5, 9, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.stack([torch.cov(p.T, correction=0) for p in points])
    got = gaussian.points_to_gaussian(points, eps=0.5).sigma
    torch.testing.assert_close(got, expected + 0.5 * torch.eye(2, dtype=torch.float64))


def test_rectangle_and_box_agree_up_to_their_scale():
    boxes = random_boxes(20)
    _, expected = bbox.xy_wh_r_2_xy_sigma(boxes)
    centre, sigma = bbox.gt2gaussian(bbox.obb2poly(boxes).view(-1, 4, 2))
    torch.testing.assert_close(centre, boxes[:, :2], atol=1e-3, rtol=0)
    # six standard deviations to a side, and two
    torch.testing.assert_close(sigma, expected / 9, atol=2e-3, rtol=1e-4)


def test_polygons_may_be_flat():
    flat = bbox.obb2poly(random_boxes(3))
    for got, expected in zip(bbox.gt2gaussian(flat), bbox.gt2gaussian(flat.view(3, 4, 2)), strict=True):
        assert torch.equal(got, expected)
