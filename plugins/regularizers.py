"""Regularizers: differentiable energies of fragments in their surroundings."""
from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from backmap.api import Options, Regularizer
from backmap.engine.contracts import LocalEnvironment
from backmap.hookspecs import hookimpl

#: Contact radii by atomic number, nm: half the distance below which two such atoms, four or more bonds
#: apart, are hardly ever found in a liquid (about 0.85 of Bondi's radii, J. Phys. Chem. 68, 441 (1964)).
CONTACT = {1: 0.095, 6: 0.145, 7: 0.135, 8: 0.130, 9: 0.125, 15: 0.155, 16: 0.155, 17: 0.150, 35: 0.160, 53: 0.170}
OTHER = 0.15


@hookimpl
def backmap_regularizers():
    return {"steric": Steric}


class StericOptions(Options):
    """Options of the ``steric`` regularizer."""

    stiffness: float = Field(4.0e4, gt=0, description="Force constant of an overlap, kJ/mol/nm^2.")
    scale: float = Field(1.0, gt=0, description="Multiplies the contact radii.")
    bonds: int = Field(4, ge=3, description="Atoms of one molecule fewer bonds apart do not count.")


class Steric(Regularizer):
    """Half-harmonic repulsion k/2 (d0 - d)^2 of atoms closer than the sum of their contact radii."""

    Options = StericOptions

    def energy(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        tables = env.fragments
        radius = self._radii(tables.element, positions)
        own = env.atoms
        candidates = positions.to(torch.float32)
        drawn = (own >= 0)[:, None, :, None]
        distance = torch.cdist(candidates.flatten(1, 2), env.neighbours).reshape(*candidates.shape[:3], -1)
        contact = radius[own.clamp_min(0)][:, :, None] + radius[env.neighbour_atom][:, None]
        counts = env.neighbours_placed[:, None] & ~self._near(env)
        overlap = ((contact * self.options.scale)[:, None] - distance).clamp_min(0)
        outside = (overlap**2 * (counts[:, None] & drawn)).sum(dim=(2, 3))
        return 0.5 * self.options.stiffness * (outside + self._inside(env, candidates, radius))

    def _near(self, env: LocalEnvironment) -> Tensor:
        """Neighbours of the same molecule fewer bonds away than count, (S, F, N)."""
        tables = env.fragments
        kind = tables.type[env.row][:, None, None]
        own, other = env.atoms.clamp_min(0)[:, :, None], env.neighbour_atom[:, None]
        same = env.neighbour_same[:, None]
        other = torch.where(same, other, own)
        return same & (tables.bonds_between(kind, own, other) < self.options.bonds)

    def _inside(self, env: LocalEnvironment, candidates: Tensor, radius: Tensor) -> Tensor:
        """Overlap of a fragment with itself, (S, K)."""
        tables, own = env.fragments, env.atoms
        kind = tables.type[env.row][:, None, None]
        first, second = own.clamp_min(0)[:, :, None], own.clamp_min(0)[:, None]
        far = (tables.bonds_between(kind, first, second) >= self.options.bonds) & (own >= 0)[:, :, None] & (own >= 0)[:, None]
        if not bool(far.any()):
            return torch.zeros(candidates.shape[:2], device=candidates.device)
        contact = (radius[first] + radius[second]) * self.options.scale
        overlap = (contact[:, None] - torch.cdist(candidates, candidates)).clamp_min(0)
        return 0.5 * (overlap**2 * far[:, None]).sum(dim=(2, 3))

    @staticmethod
    def _radii(element: Tensor, like: Tensor) -> Tensor:
        radius = torch.full((len(element),), OTHER, device=like.device)
        for number, value in CONTACT.items():
            radius = torch.where(element == number, value, radius)
        return radius
