"""Mixtures of normal distributions."""

import pytest
import torch

from mmrotate.core import GaussianMixture, gaussian2bbox, gt2gaussian, obb2poly, poly2obb
from mmrotate.core.bbox import gaussian
from tests.helpers.exact import exact_overlap
from tests.helpers.golden import random_boxes


def points(seed: int = 0) -> torch.Tensor:
    return torch.randn(4, 9, 2, generator=torch.Generator().manual_seed(seed)) * 20


def test_one_component_is_mean_and_covariance():
    x = points()
    mixture = GaussianMixture(n_components=1)
    mixture.fit(x)
    expected = gaussian.points_to_gaussian(x)
    torch.testing.assert_close(mixture.mu[:, 0], expected.xy)
    torch.testing.assert_close(mixture.var[:, 0], expected.sigma, rtol=1e-5, atol=1e-3)
    assert mixture.mu.shape == (4, 1, 2)
    assert mixture.var.shape == (4, 1, 2, 2)
    torch.testing.assert_close(mixture.pi, torch.ones(4, 1, 1))


def test_one_step_is_enough_for_one_component():
    steps, step = GaussianMixture(1), GaussianMixture(1)
    steps.fit(points())
    step.fit_one(points())
    assert torch.equal(step.mu, steps.mu) and torch.equal(step.var, steps.var) and torch.equal(step.pi, steps.pi)


def test_two_clouds_are_told_apart():
    g = torch.Generator().manual_seed(0)
    clouds = [torch.randn(1, n, 2, generator=g) + c for n, c in ((300, 0.0), (100, 20.0))]
    mixture = GaussianMixture(2)
    mixture.fit(torch.cat(clouds, 1), n_iter=30)
    order = mixture.pi[0, :, 0].argsort(descending=True)
    torch.testing.assert_close(mixture.pi[0, order, 0], torch.tensor([0.75, 0.25]))
    for row, cloud in zip(order, clouds, strict=True):
        torch.testing.assert_close(mixture.mu[0, row], cloud[0].mean(0), atol=1e-3, rtol=0)


def test_more_steps_fit_better():
    x, scores = points(1), []
    for steps in (1, 3, 20):
        mixture = GaussianMixture(3, eps=1e-2)
        mixture.fit(x, delta=0, n_iter=steps)
        scores.append(float(mixture.get_score(x).sum()))
    assert scores[0] < scores[1] <= scores[2]
    torch.testing.assert_close(mixture.get_score(x, sum_data=False).sum(1), mixture.get_score(x))


def test_gradient_reaches_the_points_and_the_start_if_asked():
    x, start = points().requires_grad_(), points(2)[:, :2].requires_grad_()
    mixture = GaussianMixture(2, mu_init=start, requires_grad=True)
    mixture.fit(x, n_iter=1)
    mixture.mu.square().sum().backward()
    assert x.grad.abs().sum() > 0
    assert start.grad.abs().sum() > 0


def test_no_sets_and_wrong_shapes():
    mixture = GaussianMixture(1)
    mixture.fit(torch.zeros(0, 9, 2))
    assert gaussian2bbox(mixture).shape == (0, 8)
    with pytest.raises(ValueError, match=r'\(T, n, 2\)'):
        mixture.fit(torch.zeros(3, 9, 3))
    two = GaussianMixture(2)
    two.fit(points())
    with pytest.raises(ValueError, match='one distribution'):
        gaussian2bbox(two)


def test_points_and_shares_are_of_the_documented_shapes():
    mixture, x = GaussianMixture(2, var_init=torch.ones(4, 2, 2)), points()[:, :, None]
    mixture.fit(x)
    _, log_resp = mixture.log_resp_step(x)
    assert mixture.estimate_log_prob(x).shape == log_resp.shape == (4, x.size(1), 2, 1)
    torch.testing.assert_close(mixture.get_score(x), mixture.get_score(x[:, :, 0]))
    torch.testing.assert_close(mixture.EM_step(x, log_resp), mixture.EM_step(x[:, :, 0], log_resp))
    matrices = mixture.var
    mixture.update_var(matrices.diagonal(dim1=2, dim2=3))
    torch.testing.assert_close(mixture.var[0, 0], torch.diag(matrices[0, 0].diagonal()))


def test_bbox_of_a_gaussian_is_the_rectangle_it_came_from():
    boxes = random_boxes(30)
    mean, var = gt2gaussian(obb2poly(boxes).view(-1, 4, 2))
    mixture = GaussianMixture(1)
    mixture.mu, mixture.var = mean[:, None], var[:, None]
    got = poly2obb(gaussian2bbox(mixture), 'le90')
    assert min(map(exact_overlap, got, boxes)) == pytest.approx(1, abs=1e-3)


def test_round_gaussian_has_a_finite_gradient():
    mixture = GaussianMixture(1)
    var = torch.eye(2)[None, None].requires_grad_()
    mixture.mu, mixture.var = torch.zeros(1, 1, 2), var
    corners = gaussian2bbox(mixture)
    corners.square().sum().backward()
    assert corners.abs().tolist() == [[3.0] * 8]
    assert var.grad.isfinite().all()
