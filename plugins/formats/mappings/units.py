"""Beads of residues or repeat units, put together to those of whole molecules."""
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from backmap.api import AtomMolecule, AtomTopology, BeadModel
from backmap.errors import BackmapError
from backmap.model.inputs import ToldSide
from backmap.model.molecule import graph_of

from ...chemistry.chirality import relative_sign
from ...molecules.residues import residue_ordinals
from .bead_model import Bead, Weights, bead_model, known, weighted


@dataclass(frozen=True)
class Member:
    """An atom of a bead: its name, its share, and its residue, counted from the first of the unit."""

    atom: str
    share: float
    where: str
    residue: int = 0


@dataclass(frozen=True)
class UnitBead:
    """A bead of a unit; ``weights`` says whether shares are of masses."""

    name: str
    kind: str
    members: tuple[Member, ...]
    weights: Weights
    where: str


@dataclass(frozen=True)
class Stereocentre:
    """``a b c d [e]``: atom a is on the side of (c - b) x (d - b) of centre b, and e on the other.

    Each is a residue, counted from the first of the unit, and a name.
    """

    atoms: tuple[tuple[int, str], ...]
    where: str


@dataclass(frozen=True)
class SideOfBond:
    """The torsion of four atoms is ``side``, ``isomers.CIS`` or ``isomers.TRANS``.

    Each is a residue, counted from the first of the unit, and a name.
    """

    atoms: tuple[tuple[int, str], ...]
    side: int
    where: str


@dataclass(frozen=True)
class Unit:
    """Beads of one residue, or of several that follow each other.

    Attributes:
        residues: Their names.
        beads: In order.
        where: File and line.
        stereocentres: Those the file speaks of.
        sides: Torsions that the file calls cis or trans.
        bonds: Pairs of beads, each as (residue the unit is followed by, bead name), or None for those that the
            bonds of the atoms imply.
        unused: What else the file says, and how often.
        first: What takes its place at the first residue of a molecule of several, if something does.
        last: What takes its place at the last residue of a molecule of several, if something does.
    """

    residues: tuple[str, ...]
    beads: tuple[UnitBead, ...]
    where: str
    stereocentres: tuple[Stereocentre, ...] = ()
    sides: tuple[SideOfBond, ...] = ()
    bonds: tuple[tuple[tuple[int, str], tuple[int, str]], ...] | None = None
    unused: tuple[str, ...] = ()
    first: Unit | None = None
    last: Unit | None = None


def read_units(units: Sequence[Unit], topology: AtomTopology, files: str, molecules: Sequence[str] | None) -> \
        dict[str, BeadModel]:
    """Bead models of the molecule types whose residues ``units`` describe, by name.

    Args:
        units: Units of all files.
        topology: The molecule types.
        files: Names of the files, for messages.
        molecules: Names of the molecule types to be mapped. With None, all that have a residue that is described.

    Raises:
        BackmapError: If a residue is described twice, or one of a molecule type is not, or if there is none.
    """
    table: dict[tuple[str, ...], Unit] = {}
    for unit in units:
        if unit.residues in table:
            raise BackmapError(f"residue {' '.join(unit.residues)} is described twice", where=unit.where,
                               hint=f"The other is at {table[unit.residues].where}.")
        table[unit.residues] = unit
    for name in molecules or ():
        if name not in topology.types:
            raise BackmapError(f"'{name}' is no molecule type of {topology.where}", where=files,
                               hint=known(name, topology.types))
    asked = [topology.types[name] for name in molecules or topology.types]
    described = {residue for unit in units for residue in unit.residues}
    models = {molecule.name: compose(molecule, table, files) for molecule in asked
              if molecules or described & set(molecule.residue_names)}
    if not models:
        raise BackmapError(f"describes {', '.join(sorted(described)[:10]) or 'nothing'}, but no molecule type of "
                           f"{topology.where} has such a residue", where=files,
                           hint="Its residues: " + ", ".join(dict.fromkeys(
                               residue for molecule in asked for residue in molecule.residue_names)) + ".")
    return models


def compose(molecule: AtomMolecule, units: dict[tuple[str, ...], Unit], files: str, strict: bool = False) -> BeadModel:
    """The beads of a molecule type, residue by residue; the longest unit that fits is taken.

    Residues at the ends of a longer molecule may lack atoms of their unit, as chain ends do; this is among the
    remarks. With ``strict`` they may not.
    """
    return _Composition(molecule, units, files, strict).model()


@dataclass
class _Composition:
    molecule: AtomMolecule
    units: dict[tuple[str, ...], Unit]
    files: str
    strict: bool
    beads: list[Bead] = field(default_factory=list)
    #: Bead by (residue, name).
    index: dict[tuple[int, str], int] = field(default_factory=dict)
    stereocentres: dict[int, tuple[list[int], str]] = field(default_factory=dict)
    sides: list[ToldSide] = field(default_factory=list)
    lacking: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    unused: Counter = field(default_factory=Counter)

    def model(self) -> BeadModel:
        """The beads of the molecule.

        Raises:
            BackmapError: If the units do not cover its residues, or name atoms that these do not have.
        """
        ordinals = residue_ordinals(self.molecule.residues, self.molecule.residue_names)
        self.names: list[str] = []
        self.atoms: list[dict[str, int]] = []
        for atom, ordinal in enumerate(ordinals.tolist()):
            if ordinal > len(self.names):
                self.names.append(self.molecule.residue_names[atom])
                self.atoms.append({})
            name, here = self.molecule.atom_names[atom], self.atoms[-1]
            here[name] = -1 if name in here else atom
        self.graph = graph_of(len(self.molecule.atom_names), self.molecule.bonds)
        placed = self._placed()
        for start, unit in placed:
            for bead in unit.beads:
                self._add(start, unit, bead)
            for stereocentre in unit.stereocentres:
                self._stereocentre(start, stereocentre)
            for side in unit.sides:
                self._side(start, side)
            self.unused.update(unit.unused)
        quads = [[centre, *arms] for centre, (arms, _) in self.stereocentres.items()]
        return bead_model(self.molecule, self.beads, bonds=self._bonds(placed), remarks=self._remarks(),
                          stereocentres=np.array(quads, dtype=np.int64).reshape(-1, 4) if quads else None,
                          sides=self.sides)

    def _placed(self) -> list[tuple[int, Unit]]:
        """The unit that begins at each residue."""
        placed, start, longest = [], 0, max(map(len, self.units))
        while start < len(self.names):
            fitting = (self.units.get(tuple(self.names[start:start + length])) for length in range(longest, 0, -1))
            unit = next(filter(None, fitting), None)
            if unit is None:
                raise BackmapError(f"residue {start + 1} of molecule type '{self.molecule.name}', "
                                   f"{self.names[start]}, is not described", where=self.files,
                                   hint=("Add it. " if self.strict else "Add it, or name the molecule types that "
                                         "these files are for under `molecules`. ")
                                   + known(self.names[start], [" ".join(names) for names in self.units]))
            end = start + len(unit.residues)
            if (unit.first or unit.last) and len(self.names) == len(unit.residues):
                raise BackmapError(f"molecule type '{self.molecule.name}' is a single unit, first and last at once",
                                   where=unit.where, hint="Describe it by an entry of its own.")
            if start == 0 and end < len(self.names):
                chosen = unit.first or unit
            elif start and end == len(self.names):
                chosen = unit.last or unit
            else:
                chosen = unit
            placed.append((start, chosen))
            start = end
        return placed

    def _add(self, start: int, unit: Unit, bead: UnitBead) -> None:
        found = [(self._atom(start, unit, bead, member), member.share) for member in bead.members]
        atoms = [atom for atom, _ in found if atom is not None]
        shares = [share for atom, share in found if atom is not None]
        self.index[start, bead.name] = len(self.beads)
        self.beads.append(Bead(bead.name, bead.kind, atoms, weighted(self.molecule, atoms, shares, bead.weights),
                               bead.where))

    def _atom(self, start: int, unit: Unit, bead: UnitBead, member: Member) -> int | None:
        """The atom, or None where the end of a molecule may do without it."""
        residue = start + member.residue
        inside = 0 <= residue < len(self.names)
        atom = self.atoms[residue].get(member.atom) if inside else None
        if atom is not None and atom >= 0:
            return atom
        place = f"residue {residue + 1} of molecule type '{self.molecule.name}'"
        if atom is not None:
            raise BackmapError(f"'{member.atom}' is the name of two atoms of {place}", where=member.where,
                               hint="Give them different names in the topology.")
        at_end = start == 0 or start + len(unit.residues) == len(self.names)
        if at_end and len(self.names) > len(unit.residues) and not self.strict:
            self.lacking[residue].append(member.atom)
            return None
        if not inside:
            raise BackmapError(f"bead '{bead.name}' of residue {start + 1} needs atom '{member.atom}' of a residue "
                               f"that molecule type '{self.molecule.name}' does not have", where=member.where,
                               hint="Describe the end of the chain under 'first' or 'last'.")
        raise BackmapError(f"there is no atom '{member.atom}' in {place}, {self.names[residue]}", where=member.where,
                           hint=known(member.atom, self.atoms[residue]))

    def _stereocentre(self, start: int, stereocentre: Stereocentre) -> None:
        """Note a stereocentre whose neighbours are named; other statements only say how to begin."""
        a, centre, c, d, *rest = (self.atoms[start + step].get(name, -1) if start + step < len(self.atoms) else -1
                                  for step, name in stereocentre.atoms)
        if centre < 0:
            return
        neighbours = set(self.graph[centre])
        arms = [a, c, d] if a in neighbours or not rest else [d, c, *rest[:1]]
        hydrogens = sum(int(self.molecule.element[atom]) == 1 for atom in neighbours)
        if not neighbours.issuperset(arms) or len(neighbours) > 4 or hydrogens > 1:
            return
        arms_before, where = self.stereocentres.setdefault(centre, (arms, stereocentre.where))
        if relative_sign(arms, arms_before) < 0:
            raise BackmapError(f"says the opposite of {where} about '{stereocentre.atoms[1][1]}'",
                               where=stereocentre.where, hint="Keep the one that is true.")

    def _side(self, start: int, told: SideOfBond) -> None:
        """Note on which sides of a bond atoms are, if they are bonded one to the next."""
        atoms = tuple(self.atoms[start + step].get(name, -1) if 0 <= start + step < len(self.atoms) else -1
                      for step, name in told.atoms)
        if len({*atoms}) == 4 and all(self.graph.has_edge(*pair) for pair in pairwise(atoms)):
            self.sides.append(ToldSide(atoms, told.side, told.where))

    def _bonds(self, placed: Sequence[tuple[int, Unit]]) -> list[tuple[int, int]] | None:
        if all(unit.bonds is None for _, unit in placed):
            return None
        bonds = []
        for start, unit in placed:
            for one, other in unit.bonds or ():
                pair = [self.index.get((start + step, name)) for step, name in (one, other)]
                if None not in pair:
                    bonds.append(tuple(pair))
        return bonds

    def _remarks(self) -> list[str]:
        remarks = []
        if self.lacking:
            listed = "; ".join(f"residue {residue + 1} has no {', '.join(dict.fromkeys(atoms))}"
                               for residue, atoms in sorted(self.lacking.items()))
            remarks.append(f"{self.molecule.name}: {listed}: their beads go without")
        if self.unused:
            listed = ", ".join(f"{count} [ {what} ]" for what, count in self.unused.items())
            remarks.append(f"{self.molecule.name}: not used of {self.files}: {listed}")
        return remarks
