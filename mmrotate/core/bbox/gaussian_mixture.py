"""Mixtures of normal distributions, fitted to sets of points."""

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from mmrotate.utils.errors import ArgumentError

from .gaussian import POLYGON_STDS, principal_axes
from .transforms import obb2poly


class GaussianMixture:
    """Mixtures of ``n_components`` normal distributions, one per set of points.

    Expectation maximisation; the result carries the gradient of the points.

    Args:
        n_components: Distributions of each mixture.
        n_features: Coordinates of a point.
        mu_init: Means to begin with, (T, K, d); None takes points that lie far apart.
        var_init: Covariances to begin with, (T, K, d, d), or variances (T, K, d); None is the unit matrix.
        eps: Added to the variances and to the weights' sums.
        requires_grad: Whether the gradient also flows into ``mu_init`` and ``var_init``.
    """

    pi: Tensor  # weights (T, K, 1)
    mu: Tensor  # means (T, K, d)
    var: Tensor  # covariances (T, K, d, d)
    log_likelihood: Tensor  # of the points (T,), per point

    def __init__(
        self,
        n_components: int,
        n_features: int = 2,
        mu_init: Tensor | None = None,
        var_init: Tensor | None = None,
        eps: float = 1e-6,
        requires_grad: bool = False,
    ) -> None:
        self.n_components, self.n_features = n_components, n_features
        self.mu_init, self.var_init, self.requires_grad = mu_init, var_init, requires_grad
        self.eps = eps
        self.fitted = False

    def fit(self, x: Tensor, delta: float = 1e-3, n_iter: int = 10) -> None:
        """Fit the mixtures.

        Args:
            x: Points, see :meth:`check_size`.
            delta: Stop when the mean log likelihood gains less.
            n_iter: Largest number of steps.
        """
        x = self.check_size(x)
        self._start(x)
        last = -torch.inf
        for _ in range(n_iter if x.numel() else 0):
            before = self.pi, self.mu, self.var
            self.em_runner(x)
            now = float(self.log_likelihood.detach().mean())
            if now - last < delta:
                self._update(*before)
                break
            last = now
        self.fitted = True

    def fit_one(self, x: Tensor) -> None:
        """Fit mixtures of one distribution, to which all points belong: in one step, without a branch on a value."""
        x = self.check_size(x)
        self._update(*self.EM_step(x, torch.zeros_like(x[..., :1])))
        self.fitted = True

    def em_runner(self, x: Tensor) -> None:
        """One step from points (T, n, 1, d): the likelihood so far, and parameters that raise it."""
        self.log_likelihood, log_resp = self.log_resp_step(x)
        self._update(*self.EM_step(x, log_resp))

    def _update(self, pi: Tensor, mu: Tensor, var: Tensor) -> None:
        self.update_pi(pi)
        self.update_mu(mu)
        self.update_var(var)

    def update_pi(self, pi: Tensor) -> None:
        """Take the weights (T, K, 1)."""
        self.pi = pi

    def update_mu(self, mu: Tensor) -> None:
        """Take the means (T, K, d)."""
        self.mu = mu

    def update_var(self, var: Tensor) -> None:
        """Take the covariances (T, K, d, d), or variances (T, K, d)."""
        self.var = _matrices(var)

    def log_resp_step(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log likelihood (T,) per point of points (T, n, 1, d), and the logarithms (T, n, K, 1) of the shares."""
        log_prob = self.estimate_log_prob(x) + self.pi[:, None].log()
        return log_prob.logsumexp(2).mean((1, 2)), log_prob.log_softmax(2)

    def estimate_log_prob(self, x: Tensor) -> Tensor:
        """Log densities (T, n, K, 1) of the points (T, n, 1, d) under each distribution."""
        with torch.autocast(x.device.type, enabled=False):
            # through Cholesky factors, so that a thin distribution keeps its width
            parts = MultivariateNormal(self.mu[:, None], self.var[:, None], validate_args=False)
            return parts.log_prob(self.check_size(x))[..., None]

    def check_size(self, x: Tensor) -> Tensor:
        """Points (T, n, 1, d) from those, (T, n, d), or (n, d) of one set.

        Raises:
            ValueError: They are of another shape.
        """
        shape = tuple(x.shape)
        x = x[None] if x.dim() == 2 else x
        x = x[:, :, None] if x.dim() == 3 else x
        if x.dim() != 4 or x.shape[2:] != (1, self.n_features):
            raise ArgumentError(f'points must be of shape (T, n, {self.n_features}), got {shape}')
        return x.to(torch.promote_types(x.dtype, torch.float32))

    def get_score(self, x: Tensor, sum_data: bool = True) -> Tensor:
        """Log likelihood of points (T, n, 1, d): (T,), or (T, n) of each point."""
        score = (self.estimate_log_prob(x) + self.pi[:, None].log()).logsumexp(2).squeeze(-1)
        return score.sum(1) if sum_data else score

    def _start(self, x: Tensor) -> None:
        sets, count = len(x), self.n_components
        unit = torch.eye(self.n_features, dtype=x.dtype, device=x.device)
        mu = _far_apart(x[:, :, 0], count) if self.mu_init is None else self.mu_init
        var = unit if self.var_init is None else _matrices(self.var_init)
        if not self.requires_grad:
            mu, var = mu.detach(), var.detach()
        self.mu = mu.expand(sets, count, -1)
        self.var = var.expand(sets, count, -1, -1)
        self.pi = x.new_full((sets, count, 1), 1 / count)
        self.log_likelihood = x.new_zeros(sets)

    def EM_step(self, x: Tensor, log_resp: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """New weights (T, K, 1), means (T, K, d) and covariances (T, K, d, d).

        Args:
            x: Points (T, n, 1, d).
            log_resp: Logarithms (T, n, K, 1) of the distributions' shares in the points.
        """
        x, share = self.check_size(x), log_resp.exp()
        total = share.sum(1) + self.eps  # (T, K, 1)
        mu = (share * x).sum(1) / total
        gap = x - mu[:, None]  # (T, n, K, d)
        spread = (share[..., None] * gap[..., None] * gap[..., None, :]).sum(1)
        unit = torch.eye(self.n_features, dtype=x.dtype, device=x.device)
        return total / total.sum(1, keepdim=True), mu, spread / total[..., None] + self.eps * unit


def _matrices(var: Tensor) -> Tensor:
    """Covariances (T, K, d, d), also from variances (T, K, d)."""
    return var.diag_embed() if var.dim() == 3 else var


def _far_apart(x: Tensor, count: int) -> Tensor:
    """Points (T, count, d) of ``x``: the one farthest from the mean, then those from the chosen."""
    distance = (x - x.mean(1, keepdim=True)).norm(dim=-1)
    chosen: list[Tensor] = []
    for _ in range(count if x.numel() else 0):
        best = distance.argmax(1)[:, None, None].expand(-1, 1, x.size(-1))
        chosen.append(x.gather(1, best))
        gap = (x - chosen[-1]).norm(dim=-1)
        distance = gap if len(chosen) == 1 else torch.minimum(distance, gap)
    return torch.cat(chosen, 1) if chosen else x.new_zeros(len(x), count, x.size(-1))


def gaussian2bbox(gmm: GaussianMixture) -> Tensor:
    """Rectangles (T, 8) along the axes of fitted mixtures of one distribution, six standard deviations long."""
    if gmm.mu.shape[1:] != (1, 2):
        raise ArgumentError(f'one distribution in the plane is needed, got means {gmm.mu.shape[1:]}')
    (var_x, cov), (_, var_y) = (row.unbind(-1) for row in gmm.var[:, 0].unbind(-2))
    long, short, theta = principal_axes(var_x, cov, var_y, var_x * var_y - cov * cov)
    sides = 2 * POLYGON_STDS * torch.stack([long, short], -1).clamp(min=gmm.eps).sqrt()
    return obb2poly(torch.cat([gmm.mu[:, 0], sides, theta[:, None]], 1))
