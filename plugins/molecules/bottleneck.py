"""Bottlenecks of resolution: mass centres of successive beads, as a mapping with or without a file."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backmap.api import BeadModel
from backmap.errors import at
from backmap.model.mapping import Mapping
from backmap.model.molecule import graph_of

from ..files.votca_mapping import WrittenBead, mapping_xml
from .bead_molecule import BeadMolecule
from .groups import Remainder, group_bonds, groups

Index = NDArray[np.int64]

#: Bonded terms by the number of beads that they join.
TERMS = {"bond": 2, "angle": 3, "torsion": 4}


@dataclass(frozen=True, eq=False)
class CoarseMolecule:
    """e_s of one molecule type: G groups of successive beads.

    Attributes:
        molecule: The beads.
        groups: Beads of each group, in order.
    """

    molecule: BeadMolecule
    groups: tuple[Index, ...]

    @classmethod
    def of(cls, molecule: BeadMolecule, size: int, remainder: Remainder) -> CoarseMolecule:
        """Groups of ``size`` beads.

        Raises:
            BackmapError: If beads are left over and ``remainder`` is ``error``.
        """
        with at(molecule.name):
            found = groups(molecule.n_beads, molecule.bonds, molecule.residues, size, remainder)
        return cls(molecule, tuple(found))

    @cached_property
    def mapping(self) -> Mapping:
        """Mass centres of the groups."""
        beads = self.molecule
        return Mapping.from_rows([(group.tolist(), beads.mass[group].tolist()) for group in self.groups],
                                 graph_of(beads.n_beads, beads.bonds), np.ones(beads.n_beads, dtype=bool),
                                 where=beads.name)

    @cached_property
    def bonds(self) -> Index:
        """Pairs of bonded groups, (m, 2)."""
        return group_bonds(self.groups, self.molecule.bonds)

    @cached_property
    def types(self) -> tuple[str, ...]:
        """T1, T2, ... for the sequences of bead types that groups have, one for both directions, (G,)."""
        known: dict[tuple[str, ...], str] = {}
        sequences = [tuple(self.molecule.types[bead] for bead in group) for group in self.groups]
        return tuple(known.setdefault(min(each, each[::-1]), f"T{len(known) + 1}") for each in sequences)

    @property
    def names(self) -> list[str]:
        return [f"G{number}" for number in range(1, len(self.groups) + 1)]

    @property
    def model(self) -> BeadModel:
        """The groups as beads of the beads."""
        first = [int(group[0]) for group in self.groups]
        return BeadModel(bead_names=self.names, bead_types=list(self.types),
                         bead_residue_names=[self.molecule.residue_names[bead] for bead in first],
                         bead_residues=self.molecule.residues[first], bead_bonds=self.bonds, mapping=self.mapping)

    def xml(self, remarks: Sequence[str] = ()) -> str:
        """The mapping as VOTCA reads it, with masses as weights.

        Raises:
            BackmapError: If beads have the same name.
        """
        labels = self.molecule.labels()
        beads = [WrittenBead(name, kind, [labels[bead] for bead in group], self.molecule.mass[group].tolist())
                 for name, group, kind in zip(self.names, self.groups, self.types, strict=True)]
        return mapping_xml(self.molecule.name, self.molecule.name, beads, self.bonds.tolist(), remarks)

    @cached_property
    def terms(self) -> dict[str, Index]:
        """Members of bonds, angles and torsions along the bonds of groups, (n, 2 to 4)."""
        graph = graph_of(len(self.groups), self.bonds)
        near = {bead: sorted(graph[bead]) for bead in graph}
        angles = [(i, j, k) for j in graph for i in near[j] for k in near[j] if i < k]
        torsions = [(i, j, k, last) for j, k in self.bonds.tolist() for i in near[j] for last in near[k]
                    if i != k and last != j and i != last]
        members = self.bonds, angles, torsions
        return {name: np.array(each, dtype=np.int64).reshape(-1, n)
                for (name, n), each in zip(TERMS.items(), members, strict=True)}

    def named(self, term: str) -> dict[str, Index]:
        """Members of a kind of term by the types that they join."""
        found: dict[str, list[Index]] = {}
        for member in self.terms[term]:
            types = [self.types[group] for group in member]
            found.setdefault("-".join(min(types, types[::-1])), []).append(member)
        return {name: np.stack(members) for name, members in sorted(found.items())}
