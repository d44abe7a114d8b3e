"""Dependent atoms of fragments: they are not drawn, but put where the atoms that are have them."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...model.molecule import MoleculeType
from ...model.rigid import Dependents
from ..geometry.dependents import placed

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Followers:
    """Dependent atoms whose parents are all in their own fragment.

    Attributes:
        rows: Those of each fragment row that has any, numbered by places in the fragment.
        whole: Molecule types all of whose dependent atoms are among them, by index, bool.
    """

    rows: dict[int, Dependents]
    whole: tuple[bool, ...]

    @classmethod
    def of(cls, types: Sequence[MoleculeType], atoms: Index, type_: Sequence[int], base: Sequence[int]) -> Followers:
        """Of fragment rows (R, F) of atoms, of the molecule types (R,) with first atom rows ``base``."""
        rows: dict[int, Dependents] = {}
        count = [0] * len(types)
        for row, kind in enumerate(type_):
            dependents = types[kind].dependents
            if not len(dependents) or types[kind].given:
                continue
            number = np.full(types[kind].n_atoms, -1)
            own = atoms[row][atoms[row] >= 0] - base[kind]
            number[own] = np.arange(len(own))
            outside = np.zeros(types[kind].n_atoms, dtype=bool)
            outside[number < 0] = True
            inside = (number[dependents.atoms] >= 0) & ~dependents.moved_by(outside)
            if inside.any():
                rows[row] = dependents.renumbered(number, inside)
                count[kind] += int(inside.sum())
        return cls(rows, tuple(n == len(kind.dependents) or kind.given for n, kind in zip(count, types, strict=True)))

    def placed(self, row: Tensor, positions: Tensor) -> Tensor:
        """Fragments (S, K, F, 3) of the rows (S,) with their dependent atoms where they belong."""
        if not self.rows:
            return positions
        moved = positions.clone()
        for one, dependents in self.rows.items():
            site = torch.nonzero(row == one)[:, 0]
            if len(site):
                found = placed(dependents, positions[site].detach().cpu().double().numpy())
                moved[site] = torch.as_tensor(found, dtype=positions.dtype, device=positions.device)
        return moved
