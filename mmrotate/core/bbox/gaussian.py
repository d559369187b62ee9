"""Boxes and points as normal distributions in the plane, and how far these are apart.

A covariance is kept as ``U diag(s)^2 U^T`` with det U = 1: for a box U turns by theta and s is half of the
sides, so determinants, inverses and square roots are products and quotients that cancel nothing, whether a box
is 1e-3 or 1e6 pixels long. All of it is element by element, thus stays in the type of its input under autocast;
a matrix product would not.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

# centres and sides are brought into these ranges, in pixels: their squares and quotients are finite
_FAR = 1e7
_SIDES = (1e-7, 1e7)
# from the centre of a polygon to its sides, in standard deviations
POLYGON_STDS = 3.0


class Gaussian(NamedTuple):
    """Normal distributions; all parts broadcast."""

    xy: Tensor  # means (..., 2)
    axes: Tensor  # U (..., 2, 2), of determinant 1
    std: Tensor  # s (..., 2), positive

    @property
    def root(self) -> Tensor:
        """A square root (..., 2, 2) of the covariance, ``root @ root.mT``."""
        return self.axes * self.std[..., None, :]

    @property
    def sigma(self) -> Tensor:
        """Covariance (..., 2, 2)."""
        a, b, c, d = self.root.flatten(-2).unbind(-1)
        cov = a * c + b * d
        return _matrix(a * a + b * b, cov, cov, c * c + d * d)

    @property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Means (..., 2) and covariances (..., 2, 2)."""
        return self.xy, self.sigma

    @property
    def root_det(self) -> Tensor:
        """Square root (...) of the covariance's determinant: a quarter of a box's area."""
        return self.std.prod(-1)


def _matrix(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return torch.stack([a, b, c, d], -1).unflatten(-1, (2, 2))


def _adjugate_times(m: Tensor, x: Tensor) -> Tensor:
    """Adjugate of ``m`` (..., 2, 2) times the columns of ``x`` (..., 2, k)."""
    a, b, c, d = m[..., None].flatten(-3, -2).unbind(-2)
    top, bottom = x.unbind(-2)
    return torch.stack([d * top - b * bottom, a * bottom - c * top], -2)


def _sheared(var_x: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Axes and first deviation of a covariance by its variance of x and the slope of y on x."""
    one = torch.ones_like(slope)
    return _matrix(one, torch.zeros_like(slope), slope, one), var_x.sqrt()


# -------------------------------------------------------------------------------------- making one
def boxes_to_gaussian(boxes: Tensor) -> Gaussian:
    """Boxes (..., 5), whose sides are two standard deviations long (Yang et al., ICML 2021)."""
    cos, sin = boxes[..., 4].cos(), boxes[..., 4].sin()
    std = 0.5 * boxes[..., 2:4].clamp(*_SIDES)
    return Gaussian(boxes[..., :2].clamp(-_FAR, _FAR), _matrix(cos, -sin, sin, cos), std)


def uniform_to_gaussian(boxes: Tensor) -> Gaussian:
    """Boxes (..., 5) with the variance of what fills them evenly: sides are the root of 12 standard deviations."""
    whole = boxes_to_gaussian(boxes)
    return whole._replace(std=whole.std / math.sqrt(3))


def pearson_to_gaussian(params: Tensor) -> Gaussian:
    """Means, standard deviations along x and y and their correlation, (..., 5)."""
    std = params[..., 2:4].clamp(*_SIDES)
    x, y = std.unbind(-1)
    pearson = params[..., 4].clamp(1e-7 - 1, 1 - 1e-7)
    axes, std_x = _sheared(x * x, pearson * y / x)
    rest = y * ((1 - pearson) * (1 + pearson)).sqrt()
    return Gaussian(params[..., :2].clamp(-_FAR, _FAR), axes, torch.stack([std_x, rest], -1))


def moments_to_gaussian(xy: Tensor, sigma: Tensor) -> Gaussian:
    """Means (..., 2) and covariances (..., 2, 2), symmetric and positive definite."""
    var_x, cov, _, var_y = sigma.flatten(-2).unbind(-1)
    axes, std_x = _sheared(var_x, cov / var_x)
    left = (var_y - cov * cov / var_x).clamp(min=torch.finfo(sigma.dtype).eps * var_y.detach())
    return Gaussian(xy, axes, torch.stack([std_x, left.sqrt()], -1))


def points_to_gaussian(points: Tensor, eps: float = 1e-6) -> Gaussian:
    """Mean and covariance of point sets (..., k, 2); ``eps`` px^2 is added to the variances."""
    xy = points.mean(-2)
    x, y = (points - xy[..., None, :]).unbind(-1)
    var_x, cov = (x * x).mean(-1) + eps, (x * y).mean(-1)
    slope = cov / var_x
    axes, std_x = _sheared(var_x, slope)
    # what the slope leaves of y: var_y - cov^2 / var_x, without its cancellation
    left = (y - slope[..., None] * x).square().mean(-1) + eps * (1 + slope * slope)
    return Gaussian(xy, axes, torch.stack([std_x, left.sqrt()], -1))


def cholesky_to_gaussian(params: Tensor) -> Gaussian:
    """Means and factors alpha, beta, gamma, (..., 5), of covariances L L^T with L = [[alpha, 0], [gamma, beta]]."""
    std = params[..., 2:4].clamp(*_SIDES)
    axes, _ = _sheared(std[..., 0], params[..., 4].clamp(-_FAR, _FAR) / std[..., 0])
    return Gaussian(params[..., :2].clamp(-_FAR, _FAR), axes, std)


def boxes_to_cholesky(boxes: Tensor) -> Tensor:
    """The means and factors (..., 5) of boxes (..., 5); see :func:`cholesky_to_gaussian`."""
    gaussian = boxes_to_gaussian(boxes)
    (var_x, cov), _ = (row.unbind(-1) for row in gaussian.sigma.unbind(-2))
    alpha = var_x.sqrt()
    return torch.cat([gaussian.xy, torch.stack([alpha, gaussian.root_det / alpha, cov / alpha], -1)], -1)


def polygons_to_gaussian(polygons: Tensor) -> Gaussian:
    """Rectangles (..., 4, 2), whose sides are six standard deviations long."""
    edges = polygons[..., 1:3, :] - polygons[..., :2, :]
    sides = edges.square().sum(-1).clamp(min=_SIDES[0] ** 2).sqrt()
    cos, sin = (edges[..., 0, :] / sides[..., :1]).unbind(-1)
    std = sides / (2 * POLYGON_STDS)
    return Gaussian(polygons.mean(-2), _matrix(cos, -sin, sin, cos), std)


# --------------------------------------------------------------------------------- and a box of one
def principal_axes(var_x: Tensor, cov: Tensor, var_y: Tensor, det: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Variances (...) along the long and short axes of covariances of determinant ``det``, and the long one's angle.

    The angle is in radians, in (-pi/2, pi/2].
    """
    half, both = (var_x - var_y) / 2, (var_x + var_y) / 2
    # a round one has no direction: the gradient of atan2(0, 0) is not finite
    round_ = (half == 0) & (cov == 0)
    half = half.masked_fill(round_, 1)
    long = both + torch.hypot(half, cov).masked_fill(round_, 0)
    # the short one without the cancellation of a difference
    return long, det / long, torch.atan2(cov, half) / 2


def gaussian_to_boxes(gaussian: Gaussian) -> Tensor:
    """Boxes (..., 5) whose sides are two standard deviations long, the longer one first."""
    (var_x, cov), (_, var_y) = (row.unbind(-1) for row in gaussian.sigma.unbind(-2))
    long, short, theta = principal_axes(var_x, cov, var_y, gaussian.root_det.square())
    return torch.cat([gaussian.xy, 2 * torch.stack([long, short], -1).sqrt(), theta[..., None]], -1)


# ---------------------------------------------------------------------------------------- distances
def wasserstein(p: Gaussian, q: Gaussian, alpha: float = 1.0) -> Tensor:
    """Squared Wasserstein distance (...) in px^2; ``alpha`` weighs shapes against centres.

    As the smallest ``|P Q - T|^2`` over rotations Q of the square roots P and T, which is the same as the usual
    form with two traces, but exact for boxes that are nearly equal.
    """
    first, second = p.root, q.root
    a, b, c, d = (first.mT[..., None] * second[..., None, :, :]).sum(-2).flatten(-2).unbind(-1)
    # the best rotation; the distance does not change with it in first order
    cos, sin = (a + d).detach(), (c - b).detach()
    length = torch.hypot(cos, sin)
    rotation = _matrix(cos, -sin, sin, cos) / length[..., None, None]
    turned = (first[..., None] * rotation[..., None, :, :]).sum(-2)
    centres = (p.xy - q.xy).square().sum(-1)
    return centres + alpha * alpha * (turned - second).square().sum((-2, -1))


def kl_divergence(p: Gaussian, q: Gaussian, alpha: float = 1.0) -> Tensor:
    """Kullback-Leibler divergence (...) of ``p`` from ``q``; ``alpha`` plays down the centres."""
    # p where q is the unit normal distribution
    centre = _adjugate_times(q.axes, (p.xy - q.xy)[..., None])[..., 0] / q.std
    root = _adjugate_times(q.axes, p.root) / q.std[..., None]
    logs = (p.std.log() - q.std.log()).sum(-1)
    centres, shapes = centre.square().sum(-1), root.square().sum((-2, -1))
    return 0.5 * centres / (alpha * alpha) + 0.5 * shapes - logs - 1


def _root_det_of_sum(p: Gaussian, q: Gaussian) -> Tensor:
    """Square root (...) of the determinant of the sum of both covariances."""
    mixed = _adjugate_times(p.root, q.root).square().sum((-2, -1))
    return (p.root_det.square() + q.root_det.square() + mixed).sqrt()


def bhattacharyya(p: Gaussian, q: Gaussian) -> Tensor:
    """Bhattacharyya distance (...)."""
    det = _root_det_of_sum(p, q)
    offset = (p.xy - q.xy)[..., None]
    parts = [_adjugate_times(g.root, offset)[..., 0] / det[..., None] for g in (p, q)]
    centres = sum(part.square().sum(-1) for part in parts)
    logs = (p.std.log() + q.std.log()).sum(-1)
    return 0.25 * centres + det.log() - 0.5 * logs - math.log(2)


def hellinger(distance: Tensor) -> Tensor:
    """Hellinger distance in [0, 1] of distributions with this Bhattacharyya distance; above 0 for a gradient."""
    return (-torch.expm1(-distance)).sqrt()


def kalman_overlap(p: Gaussian, q: Gaussian, eps: float = 1e-6) -> Tensor:
    """KFIoU (...) in [0, 1/3] of shapes, wherever their centres are (Yang et al., ICLR 2023)."""
    shared = 4 * p.root_det * (q.root_det / _root_det_of_sum(p, q))
    return shared / (4 * (p.root_det + q.root_det) - shared + eps)


# -------------------------------------------------------------------------------- under 0.x's names
def xy_wh_r_2_xy_sigma(xywhr: Tensor) -> tuple[Tensor, Tensor]:
    """Means (..., 2) and covariances (..., 2, 2) of boxes (..., 5)."""
    return boxes_to_gaussian(xywhr).moments


def xy_stddev_pearson_2_xy_sigma(xy_stddev_pearson: Tensor) -> tuple[Tensor, Tensor]:
    """The same of means, standard deviations and correlations (..., 5)."""
    return pearson_to_gaussian(xy_stddev_pearson).moments


def gt2gaussian(target: Tensor) -> tuple[Tensor, Tensor]:
    """Means (n, 2) and covariances (n, 2, 2) of rectangles (n, 8) or (n, 4, 2)."""
    return polygons_to_gaussian(target.reshape(-1, 4, 2)).moments
