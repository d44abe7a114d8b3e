"""Feature channels: which atoms and beads enter which grid of the condition.

They are made from the topology. Every atom enters the channel of its kind (element and aromaticity, or the
element alone), and one that says how it acts on the atom to be placed: bond (1 edge of the molecular graph),
angle (2), torsion (3), Lennard-Jones (more, or another molecule); beads enter by what they are made of.
Stieffenhofer, Wand and Bereau, Mach. Learn.: Sci. Technol. 1, 045014 (2020), section 2.3.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from backmap.engine.sites.fragments import FragmentTable
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType

#: Elements with a name of their own; others go by their number. Training needs nothing but torch.
SYMBOLS = {1: "H", 5: "B", 6: "C", 7: "N", 8: "O", 9: "F", 14: "Si", 15: "P", 16: "S", 17: "Cl", 35: "Br", 53: "I"}
RELATIONS = 4  #: bond, angle, torsion, Lennard-Jones
DESCRIPTION = 5  #: numbers that describe an atom to be placed beside its kind, the site's noise level the last


@dataclass(frozen=True)
class Vocabulary:
    """The kinds of atoms and beads that a network knows.

    Attributes:
        atoms: Channel of each kind of atom, e.g. ``{"C": 0, "C_AR": 1}``.
        beads: Channel of each kind of bead, e.g. ``{"C6": 0}``; ``{"*": 0}`` takes all beads, nothing leaves them out.
        elements: Kinds are elements alone.
    """

    atoms: dict[str, int]
    beads: dict[str, int]
    elements: bool = False

    @classmethod
    def of(cls, types: Sequence[MoleculeType], atoms: str, beads: str, table: dict[str, list[str]]) -> Vocabulary:
        """Collect what the molecule types hold.

        Args:
            types: Molecule types.
            atoms: What tells kinds of atoms apart: ``chemistry`` or ``elements``.
            beads: What tells kinds of beads apart: ``composition``, ``any`` or ``none``.
            table: Kinds of atoms that share a channel, by name of the channel; others have their own.

        Raises:
            BackmapError: If the table names a kind that there is not, or one twice.
        """
        elements = atoms == "elements"
        kinds = sorted({kind for t in types for kind in atom_kinds(t, elements)})
        named = [kind for group in table.values() for kind in group]
        for kind, count in Counter(named).items():
            if kind not in kinds or count > 1:
                why = "is in two channels" if count > 1 else "is no kind of atom here"
                raise BackmapError(f"'{kind}' {why}", where="voxel_gan.channels", hint=f"Kinds: {', '.join(kinds)}.")
        groups = [*table.values(), *([kind] for kind in kinds if kind not in named)]
        composition = sorted({kind for t in types for kind in bead_kinds(t)})
        channels = {"composition": {k: n for n, k in enumerate(composition)}, "any": {"*": 0}, "none": {}}[beads]
        return cls({kind: n for n, group in enumerate(groups) for kind in group}, channels, elements)

    @property
    def n_atoms(self) -> int:
        """Channels of atoms."""
        return max(self.atoms.values()) + 1

    @property
    def n_beads(self) -> int:
        """Channels of beads."""
        return len(self.beads)

    @property
    def size(self) -> int:
        """Channels of a condition."""
        return self.n_atoms + RELATIONS + self.n_beads

    @property
    def description(self) -> int:
        """Numbers that describe an atom to be placed."""
        return self.n_atoms + DESCRIPTION

    def check(self, types: Sequence[MoleculeType], where: object) -> None:
        """Check that all atoms and beads of the molecule types were learned.

        Raises:
            BackmapError: If the vocabulary has no channel for a kind of atom or of bead.
        """
        missing = {k for t in types for k in atom_kinds(t, self.elements)} - set(self.atoms)
        if missing:
            raise BackmapError(f"the weights know no atoms of kind {', '.join(sorted(missing))}", where=where,
                               hint=f"They know: {', '.join(self.atoms)}. Train with molecules that have them.")
        if self.beads and "*" not in self.beads:
            missing = {k for t in types if not t.given for k in bead_kinds(t)} - set(self.beads)
            if missing:
                raise BackmapError(f"the weights know no beads of {', '.join(sorted(missing))}", where=where,
                                   hint=f"They know: {', '.join(self.beads)}. For other molecules than those of the "
                                        "training set, train with 'beads: any'.")


def atom_kinds(molecule: MoleculeType, elements: bool) -> list[str]:
    """Kind of every atom: element, with ``_AR`` if it or the atom that it hangs on is aromatic; of a bead its type."""
    chemistry = molecule.chemistry
    if molecule.coarse:
        return list(molecule.atom_types)
    symbols = [SYMBOLS.get(int(z), f"Z{int(z)}") for z in chemistry.element]
    if elements:
        return symbols

    def aromatic(atom: int) -> bool:
        hangs = chemistry.element[atom] == 1 and any(chemistry.aromatic[n] for n in molecule.graph[atom])
        return bool(chemistry.aromatic[atom]) or hangs

    return [f"{symbol}_AR" if aromatic(a) else symbol for a, symbol in enumerate(symbols)]


def bead_kinds(molecule: MoleculeType) -> list[str]:
    """Kind of every bead: the heavy atoms it owns, e.g. ``C6``, or the beads with their numbers, e.g. ``A1r1 B1u1``."""
    chemistry = molecule.chemistry
    found = []
    for own in molecule.mapping.fragments():
        if molecule.coarse:
            types = Counter(molecule.atom_types[atom] for atom in own)
            found.append(" ".join(f"{name}{n}" for name, n in sorted(types.items())))
            continue
        count = Counter(SYMBOLS.get(int(z), f"Z{int(z)}") for z in chemistry.element[own] if z != 1)
        found.append("".join(f"{symbol}{n}" for symbol, n in sorted(count.items())) or "H")
    return found


@dataclass(frozen=True, eq=False)
class ChannelTables:
    """The vocabulary laid out over fragment tables: n atom rows, R fragment rows.

    Attributes:
        atom: One-hot channel of each atom row, (n, n_atoms).
        bead: One-hot channel of each fragment row, (R, n_beads).
        hydrogen: Whether each atom row is a hydrogen, (n,) bool.
        description: Of each atom row as an atom to be placed, but for the site's noise level, (n, description - 1).
    """

    atom: Tensor
    bead: Tensor
    hydrogen: Tensor
    description: Tensor

    @classmethod
    def of(cls, vocabulary: Vocabulary, fragments: FragmentTable) -> ChannelTables:
        """Channels of all rows of fragment tables, on the device of these."""
        device = fragments.atoms.device
        kinds = [vocabulary.atoms[k] for t in fragments.types for k in atom_kinds(t, vocabulary.elements)]
        atom = torch.nn.functional.one_hot(torch.tensor(kinds), vocabulary.n_atoms).float()
        names = [k for t in fragments.types for k in bead_kinds(t)]
        bead = torch.zeros(len(names), vocabulary.n_beads)
        for row, name in enumerate(names):
            channel = vocabulary.beads.get(name, vocabulary.beads.get("*"))
            if channel is not None:
                bead[row, channel] = 1
        hydrogens = torch.tensor([sum(t.chemistry.element[n] == 1 for n in t.graph[a]) for t in fragments.types
                                  for a in range(t.n_atoms)], dtype=torch.float32)
        degree = fragments.degree.cpu().float()
        numbers = torch.stack([degree / 4, hydrogens / 3, (degree - hydrogens) / 4,
                               (fragments.ring.cpu() > 0).float()], dim=1)
        return cls(atom.to(device), bead.to(device), (fragments.element == 1),
                   torch.cat([atom, numbers], dim=1).to(device))
