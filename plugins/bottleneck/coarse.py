"""Beads coarsened once more: mass centres of groups, their bonds, angles and torsions, and the mapping that says so."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backmap.errors import at
from backmap.model.molecule import graph_of

from ..files.votca_mapping import WrittenBead, mapping_xml
from ..molecules.groups import Remainder, group_bonds, groups
from .beads import BeadFrames, BeadMolecule
from .distances import blocks_of

Array = NDArray[np.float64]
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
    def matrix(self) -> Array:
        """Weights, rows sum to 1, (G, B)."""
        dense = np.zeros((len(self.groups), self.molecule.n_beads))
        for row, group in enumerate(self.groups):
            dense[row, group] = self.molecule.mass[group] / self.molecule.mass[group].sum()
        return dense

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

    def xml(self, remarks: Sequence[str] = ()) -> str:
        """The mapping as VOTCA reads it, with masses as weights."""
        beads = [WrittenBead(f"G{k + 1}", kind, [self.molecule.labels[bead] for bead in group],
                             self.molecule.mass[group].tolist())
                 for k, (group, kind) in enumerate(zip(self.groups, self.types, strict=True))]
        return mapping_xml(self.molecule.name, self.molecule.name, beads, self.bonds.tolist(), remarks)


class CoarseFrames:
    """e_s of frames of beads.

    Args:
        frames: The beads, molecules whole.
        coarse: The groups of each molecule type, by its name.
    """

    def __init__(self, frames: BeadFrames, coarse: dict[str, CoarseMolecule]) -> None:
        self.frames, self.coarse = frames, coarse
        self._parts = [(rows, coarse[kind.name]) for kind, rows in frames.rows.items()]
        sizes = [len(each.groups) for rows, each in self._parts for _ in rows]
        #: Molecule of each group, (N,); its block among those of its molecule type, (N,); its molecule type and type.
        self.molecule = np.repeat(np.arange(len(sizes)), sizes)
        self.block = np.concatenate([np.repeat(blocks_of(len(rows)), len(each.groups)) for rows, each in self._parts])
        self.types = [(each.molecule.name, kind) for rows, each in self._parts for _ in rows for kind in each.types]

    def of_type(self, name: str, frame: int) -> Array:
        """Groups of all molecules of a type, (m, G, 3), nm."""
        rows, coarse = next((rows, each) for rows, each in self._parts if each.molecule.name == name)
        return coarse.matrix @ self.frames.positions[frame][rows]

    def positions(self, frame: int) -> Array:
        """All groups, type by type, (N, 3), nm."""
        found = [coarse.matrix @ self.frames.positions[frame][rows] for rows, coarse in self._parts]
        return np.concatenate([each.reshape(-1, 3) for each in found])

    @property
    def density(self) -> float | None:
        """Groups per nm3, the mean over frames; None where a frame has no box."""
        density = self.frames.density
        return None if density is None else density * len(self.molecule) / self.frames.n_beads
