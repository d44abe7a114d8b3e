"""Molecules of beads, as a topology of beads or a mapping describes them."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backmap.api import AtomMolecule, BeadModel
from backmap.errors import BackmapError
from backmap.model import box as periodic
from backmap.model.molecule import graph_of, implied_bead_bonds

from ..chemistry.coarse import as_beads
from ..chemistry.residues import residue_ordinals

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BeadMolecule:
    """A molecule type of B beads.

    Attributes:
        name: Of the type.
        names: Of each bead, (B,).
        types: Bead types, (B,).
        residue_names: Of each bead, (B,).
        residues: Residue number of each bead, (B,).
        mass: u, (B,).
        bonds: Pairs of bonded beads, (m, 2).
        weighed: Whether any mass is known; else all are 1.
    """

    name: str
    names: Sequence[str]
    types: Sequence[str]
    residue_names: Sequence[str]
    residues: Index
    mass: Array
    bonds: Index
    weighed: bool = True

    @classmethod
    def of(cls, atoms: AtomMolecule) -> BeadMolecule:
        """A molecule type whose atoms are the beads; those that are held, or placed by others, count as bonded."""
        return cls(atoms.name, atoms.atom_names, atoms.atom_types, atoms.residue_names, atoms.residues, atoms.mass,
                   np.array(sorted(atoms.joined.edges), dtype=np.int64).reshape(-1, 2))

    @classmethod
    def of_topology(cls, atoms: AtomMolecule) -> BeadMolecule:
        """The same as a file describes it; masses that it does not give are 1 u."""
        beads = as_beads(atoms)
        return replace(cls.of(beads), weighed=bool((beads.mass == atoms.mass).any()))

    @classmethod
    def of_mapping(cls, atoms: AtomMolecule, beads: BeadModel) -> BeadMolecule:
        """The beads that a mapping makes of a molecule type; the mass of a bead is that of its atoms."""
        bonds = implied_bead_bonds(atoms.bonds, beads.mapping) if beads.bead_bonds is None else beads.bead_bonds
        return cls(atoms.name, beads.bead_names, beads.bead_types, beads.bead_residue_names, beads.bead_residues,
                   beads.mapping.sums(atoms.mass), bonds)

    @property
    def n_beads(self) -> int:
        return len(self.names)

    @cached_property
    def edges(self) -> Index:
        """(parent, child) of a spanning forest, for making molecules whole, (n, 2)."""
        return periodic.spanning_edges(graph_of(self.n_beads, self.bonds))

    def labels(self) -> list[str]:
        """``RESID:RESNAME:NAME`` of each bead, RESID from 1 in the molecule, (B,).

        Raises:
            BackmapError: If a mapping could not tell beads apart by them.
        """
        ordinals = residue_ordinals(self.residues, self.residue_names).tolist()
        labels = [f"{k}:{residue}:{name}" for k, residue, name in zip(ordinals, self.residue_names, self.names)]
        label, count = Counter(labels).most_common(1)[0]
        if count > 1:
            raise BackmapError(f"{count} beads of one residue are called '{label}'", where=self.name,
                               hint="Give them different names, or residues, so that a mapping can name them.")
        return labels
