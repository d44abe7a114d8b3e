"""What draws are compared by: equations 8.1 to 8.4 of the source, and the divergence of 8.6.

8.5, of energies, is a regularizer of the ``train`` step.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .seeing import VoxelSight

#: Weights of voxels, coordinates, distances and beads, as the authors' program has them.
VOXELS, COORDINATES, DISTANCES, BEADS = 1.0, 1.0, 0.05, 0.1


def divergence(mean: Tensor, log_sd: Tensor) -> Tensor:
    """KL(N(mean, sd^2) || N(0, 1)) of latent variables (S, d), (S,)."""
    return 0.5 * (mean.square() + (2 * log_sd).exp() - 2 * log_sd - 1).sum(dim=1)


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Draws of S sites beside what is true.

    Attributes:
        sight: The sites.
        density: That was drawn, (S, A, G).
        placed: Atoms that were drawn, by channel, in the local frame, nm, (S, A, 3).
        true: The same of those that are true; far away where a channel is empty.
        there: Which channels have an atom, (S, A) bool.
    """

    sight: VoxelSight
    density: Tensor
    placed: Tensor
    true: Tensor
    there: Tensor

    @classmethod
    def of(cls, sight: VoxelSight, density: Tensor, placed: Tensor, true: Tensor) -> Reconstruction:
        """Put draws beside what is true."""
        return cls(sight, density, placed, true, true.abs().amax(dim=2) < 100)

    def values(self) -> dict[str, Tensor]:
        """Each loss with its weight, () each: means over sites, nm^2 but for voxels."""
        return {"voxels": VOXELS * self._voxels(), "coordinates": COORDINATES * self._coordinates(),
                "distances": DISTANCES * self._distances(), "beads": BEADS * self._beads()}

    def _voxels(self) -> Tensor:
        square = (self.density - self.sight.densities(self.true)).square().mean(dim=2)
        return square[self.there].mean()

    def _coordinates(self) -> Tensor:
        return (self.placed - self.true)[self.there].square().mean()

    def _distances(self) -> Tensor:
        both = self.there[:, :, None] & self.there[:, None]
        drawn, true = (_apart(points)[both] for points in (self.placed, self.true))
        return (drawn - true).square().mean()

    def _beads(self) -> Tensor:
        env = self.sight.env
        weight = env.fragments.weight_own[env.row]
        # Beads of which other fragments have a part are left to these.
        whole = weight.sum(dim=2) > 1 - 1e-4
        mapped = weight @ self.sight.by_atom(self.placed)
        off = (mapped - self.sight.local(env.beads)).square().mean(dim=2)
        return torch.where(whole, off, 0.0).sum() / whole.sum().clamp_min(1)


def _apart(points: Tensor) -> Tensor:
    """Distances (S, A, A) of points (S, A, 3), with finite gradients where they are zero."""
    return ((points[:, :, None] - points[:, None]).square().sum(dim=3) + 1e-8).sqrt()
