"""The law of latent variables: a mixture of Gaussians, fitted to what the training set is encoded as."""
from __future__ import annotations

import math

import torch
from torch import Tensor, nn

ROUNDS = 100  #: of expectation and maximisation
LEAST = 1e-4  #: variance that is added to every component's, so that none falls on a point


class MixtureLaw(nn.Module):
    """K Gaussians in d dimensions, with full covariances; standard normal until it is fitted.

    Attributes:
        weight: Share of each, (K,).
        mean: (K, d).
        root: Lower triangular roots of the covariances, (K, d, d).
    """

    def __init__(self, components: int, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.full((components,), 1 / components))
        self.register_buffer("mean", torch.zeros(components, dimensions))
        self.register_buffer("root", torch.eye(dimensions).repeat(components, 1, 1))

    def draw(self, which: Tensor, normal: Tensor) -> Tensor:
        """Latent variables (n, d) by uniform numbers (n,) and standard normal ones (n, d)."""
        component = torch.searchsorted(self.weight.cumsum(0)[:-1].contiguous(), which.to(self.weight))
        return self.mean[component] + torch.einsum("nij,nj->ni", self.root[component], normal.to(self.mean))

    def log_density(self, z: Tensor) -> Tensor:
        """Of latent variables (n, d), (n,)."""
        return torch.logsumexp(self._joint(z, self.weight.double(), self.mean.double(), self.root.double()), dim=1)

    @staticmethod
    def _joint(z: Tensor, weight: Tensor, mean: Tensor, root: Tensor) -> Tensor:
        """Logarithm of weight and density of each component, (n, K)."""
        away = (z.double()[:, None] - mean).transpose(0, 1).transpose(1, 2)  # (K, d, n)
        square = torch.linalg.solve_triangular(root, away, upper=False).square().sum(dim=1).T
        spread = root.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        return weight.clamp_min(1e-12).log() - 0.5 * square - spread - 0.5 * z.shape[1] * math.log(2 * math.pi)

    @torch.no_grad()
    def fit(self, z: Tensor, order: Tensor) -> None:
        """Fit to latent variables (n, d) by expectation and maximisation (Dempster, Laird and Rubin 1977).

        Args:
            z: At least as many as there are dimensions and components.
            order: Random numbers (n,): components begin at those of the lowest.
        """
        z, k = z.double(), len(self.weight)
        near = torch.cdist(z / z.std(dim=0), (z / z.std(dim=0))[order.argsort()[:k]]).argmin(dim=1)
        share = nn.functional.one_hot(near, k).double()
        for _ in range(ROUNDS):
            weight, mean, root = self._maximised(z, share)
            share = torch.softmax(self._joint(z, weight, mean, root), dim=1)
        for name, value in (("weight", weight), ("mean", mean), ("root", root)):
            getattr(self, name).copy_(value)

    @staticmethod
    def _maximised(z: Tensor, share: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, means and roots of covariances by the shares (n, K) of components in latent variables (n, d)."""
        count = share.sum(dim=0).clamp_min(1e-6)
        mean = share.T @ z / count[:, None]
        away = z[:, None] - mean
        covariance = torch.einsum("nk,nki,nkj->kij", share, away, away) / count[:, None, None]
        eye = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
        # A component of few has no covariance of its own: it has that of all, as far as they are too few.
        few = (2 * z.shape[1] / count).clamp_max(1)[:, None, None]
        covariance = torch.lerp(covariance, torch.cov(z.T).expand_as(covariance), few) + LEAST * eye
        return count / count.sum(), mean, torch.linalg.cholesky(covariance)
