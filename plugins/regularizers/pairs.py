"""Lennard-Jones of drawn atoms with each other and with their neighbours, with gradients, softened at short range."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backmap.engine.energy.pair import sixth_at, softened_tensors
from backmap.engine.energy.tables import RowTables
from backmap.engine.sites.contracts import LocalEnvironment
from backmap.engine.sites.fragments import FragmentTable
from backmap.engine.sites.records import DrawnAtoms, MoleculePairs, SeenAtoms, as_arrays
from backmap.model.parameters import ForceField, MoleculeParameters

from .kernels import SoftPairs, around

Array = NDArray[np.float64]

#: Atoms closer than this never count as closer, nm, whatever their parameters are.
NEAREST = 0.02


def core(c6: Array, c12: Array, cap: float) -> Array:
    """Distance below which c12/r^12 - c6/r^6 is above ``cap``, nm."""
    return np.maximum(sixth_at(cap, c6, c12)**(-1 / 6), NEAREST)


@dataclass(frozen=True, eq=False)
class PairTables:
    """Parameters of all atoms of the fragments, and which pairs of one molecule do not interact, as tensors."""

    tables: SoftPairs

    @classmethod
    def of(cls, fragments: FragmentTable, molecules: Sequence[MoleculeParameters], field: ForceField,
           cap: float) -> PairTables:
        """Tables on the device of ``fragments``."""
        device = fragments.atoms.device
        rows = RowTables.of(molecules, field)
        values = np.stack([field.c6, field.c12, core(field.c6, field.c12, cap)], axis=2)
        kind, values, *excluded = (torch.as_tensor(x, device=device) for x in (rows.kind, values, *rows.excluded))
        return cls(SoftPairs(kind, values, MoleculePairs(*excluded), float(field.cutoff)))

    def around(self, env: LocalEnvironment, drawn: Tensor, slopes: bool) -> tuple[Tensor, Tensor | None]:
        """Energies (S, K) of drawn atoms (S, K, F, 3), and gradients (S, K, F, 3) if asked for."""
        return (self.quickly if drawn.device.type == "cpu" else self.anywhere)(env, drawn, slopes)

    def quickly(self, env: LocalEnvironment, drawn: Tensor, slopes: bool) -> tuple[Tensor, Tensor | None]:
        """The same on a processor."""
        energy = np.zeros(tuple(drawn.shape[:2]))
        slope = np.zeros(tuple(drawn.shape) if slopes else (0, 0, 0, 0))
        around(as_arrays(DrawnAtoms.of(env, drawn)), as_arrays(SeenAtoms.of(env)), as_arrays(self.tables), energy,
               slope)
        found = torch.as_tensor(energy).to(drawn.dtype)
        return found, torch.as_tensor(slope).to(drawn.dtype) if slopes else None

    def anywhere(self, env: LocalEnvironment, drawn: Tensor, slopes: bool) -> tuple[Tensor, Tensor | None]:
        """The same with tensors on any device."""
        own, others = env.atoms, env.neighbours.to(drawn.dtype)[:, None]
        outside = self._parameters(env, env.block, env.neighbour_atom, env.neighbours_placed, env.neighbour_same,
                                   drawn.dtype)
        energy, slope = self._sum(drawn, others, outside, slopes)
        there = own >= 0
        inside = self._parameters(env, there, own.clamp_min(0), there, there, drawn.dtype)
        met = (env.block[:, :, None] | env.block[:, None])[..., None]
        own_energy, own_slope = self._sum(drawn, drawn, inside * met, slopes)
        return energy + 0.5 * own_energy, slope + own_slope if slopes else None

    def _parameters(self, env: LocalEnvironment, drawn: Tensor, other: Tensor, there: Tensor, same: Tensor,
                    dtype: torch.dtype) -> Tensor:
        """c6, c12 and core (S, F, N, 3) of atoms of the fragments and others (S, N); zero where they do not meet."""
        row = env.atoms.clamp_min(0)
        a, b = self.tables.kind[row][:, :, None], self.tables.kind[other][:, None]
        values = self.tables.values.to(dtype)[a, b]
        site, slot = torch.nonzero(same & there, as_tuple=True)
        none = self.tables.excluded.look_up(row[site], other[site, slot][:, None], False)
        meets = drawn[:, :, None] & there[:, None]
        meets[site, :, slot] &= ~none
        return values * meets[..., None]

    def _sum(self, drawn: Tensor, others: Tensor, parameters: Tensor, slopes: bool) -> tuple[Tensor, Tensor | None]:
        """Energies (S, K) of drawn atoms with others (S, 1 or K, N, 3), and gradients by the drawn."""
        c6, c12, core = parameters[:, None].unbind(-1)
        distance = torch.cdist(drawn, others, compute_mode="donot_use_mm_for_euclid_dist")
        values, slope = softened_tensors(distance, c6, c12, core.clamp_min(NEAREST))
        near = distance < self.tables.cutoff
        energy = (values * near).sum(dim=(2, 3))
        if not slopes:
            return energy, None
        pull = slope * near / distance.clamp_min(1e-6)
        return energy, pull.sum(-1, keepdim=True) * drawn - pull @ others.expand(-1, drawn.shape[1], -1, -1)
