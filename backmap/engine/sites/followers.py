"""Dependent atoms of fragments: they are not drawn, but put where the atoms that are have them."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...model.molecule import MoleculeType
from ...model.pairs import places_in
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
            own = atoms[row][atoms[row] >= 0] - base[kind]
            inside = [d for d in dependents.children(own) if np.isin(dependents.needed([d]), own).all()]
            if inside:
                rows[row] = dependents.renumbered(partial(places_in, own), np.array(inside))
                count[kind] += len(inside)
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
