"""Beads of residues or repeat units, put together to those of whole molecules."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from backmap.api import AtomMolecule, AtomTopology, BeadModel
from backmap.errors import BackmapError, Errors
from backmap.model.inputs import ToldSide
from backmap.model.molecule import graph_of

from ...chemistry.chirality import relative_sign
from .atom_names import CAPS, Matched, is_hydrogen, match, match_exactly, relatives, residues_of
from .bead_model import Bead, bead_model, closest, known, weighted
from .remarks import Remarks
from .units import Member, SideOfBond, Stereocentre, Unit, UnitBead


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
    listed = ", ".join(sorted(described)[:10])
    described |= {other for name in described for other in relatives(name)}
    chosen = [molecule for molecule in asked if molecules or described & set(molecule.residue_names)]
    errors = Errors()
    models = {molecule.name: errors.attempt(compose, molecule, table, files) for molecule in chosen}
    errors.expect_none()
    if not models:
        raise BackmapError(f"describes {listed or 'nothing'}, but no molecule type of "
                           f"{topology.where} has such a residue", where=files,
                           hint="Its residues: " + ", ".join(dict.fromkeys(
                               residue for molecule in asked for residue in molecule.residue_names)) + ".")
    return models


def compose(molecule: AtomMolecule, units: dict[tuple[str, ...], Unit], files: str, strict: bool = False) -> BeadModel:
    """The beads of a molecule type, residue by residue; the longest unit that fits is taken.

    Atoms and residues may be spelled as other force fields do (``atom_names``), a residue may have fewer hydrogens than
    its unit, and those at the ends of a longer molecule may lack any atoms, as chain ends do; all of this is among the
    remarks. With ``strict`` nothing of it is allowed.

    Raises:
        BackmapError: If the units do not cover its residues, or name atoms that these do not have; with all others.
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
    #: What the names of a unit mean, by its first residue, and the residue counted from it.
    matched: dict[tuple[int, int], Matched] = field(default_factory=dict)
    lacking: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    #: Residues in which a line of a mapping names an atom that is not there.
    missing: dict[Member, list[int]] = field(default_factory=lambda: defaultdict(list))
    remarks: Remarks = field(default_factory=Remarks)
    errors: Errors = field(default_factory=Errors)

    def model(self) -> BeadModel:
        """The beads of the molecule.

        Raises:
            BackmapError: If the units do not cover its residues, or name atoms that these do not have.
        """
        self.residues = residues_of(self.molecule)
        self.graph = graph_of(len(self.molecule.atom_names), self.molecule.bonds)
        placed = self._placed()
        for start, unit in placed:
            for bead in unit.beads:
                self._add(start, unit, bead)
        for member, residues in self.missing.items():
            self.errors.add(self._mended(member, residues))
        self.errors.expect_none()
        for start, unit in placed:
            for stereocentre in unit.stereocentres:
                self._stereocentre(start, stereocentre)
            for side in unit.sides:
                self._side(start, side)
            self.remarks.take(unit)
        quads = [[centre, *arms] for centre, (arms, _) in self.stereocentres.items()]
        return bead_model(self.molecule, self.beads, bonds=self._bonds(placed),
                          remarks=self.remarks.lines(self.molecule.name, self.files, self.lacking),
                          stereocentres=np.array(quads, dtype=np.int64).reshape(-1, 4) if quads else None,
                          sides=self.sides)

    def _placed(self) -> list[tuple[int, Unit]]:
        """The unit that begins at each residue; residues that none describes are errors."""
        placed, start, strangers = [], 0, defaultdict(list)
        while start < len(self.residues):
            unit = self._unit(start)
            if unit is None:
                if self._is_cap(start):
                    self.remarks.caps[self.residues[start].name] += 1
                else:
                    strangers[self.residues[start].name].append(start + 1)
                start += 1
                continue
            end = start + len(unit.residues)
            if (unit.first or unit.last) and len(self.residues) == len(unit.residues):
                raise BackmapError(f"molecule type '{self.molecule.name}' is a single unit, first and last at once",
                                   where=unit.where, hint="Describe it by an entry of its own.")
            if start == 0 and end < len(self.residues):
                chosen = unit.first or unit
            elif start and end == len(self.residues):
                chosen = unit.last or unit
            else:
                chosen = unit
            self._match(start, chosen)
            placed.append((start, chosen))
            start = end
        for name, numbers in strangers.items():
            more = f" ({len(numbers) - 1} more)" if len(numbers) > 1 else ""
            self.errors.add(BackmapError(
                f"residue {numbers[0]} of molecule type '{self.molecule.name}', {name}, is not described{more}",
                where=self.files, hint=("Add it. " if self.strict else "Add it, or name the molecule types that these "
                                        "files are for under `molecules`. ")
                + known(name, [" ".join(names) for names in self.units])))
        return placed

    def _is_cap(self, residue: int) -> bool:
        """Whether a residue that no unit describes ends a chain: a cap of a peptide, or one heavy atom, as methyl is.

        Its atoms follow their neighbours.
        """
        own = {*self.residues[residue].atoms.values()} - {-1}
        bonded = {other for atom in own for other in self.graph[atom]} - own
        small = sum(int(self.molecule.element[atom]) != 1 for atom in own) <= 1
        return not self.strict and (small or self.residues[residue].name in CAPS) and len(bonded) == 1

    def _unit(self, start: int) -> Unit | None:
        """What describes the residues from ``start`` on: the longest unit; of forms of one residue, that which fits."""
        names = [residue.name for residue in self.residues[start:start + max(map(len, self.units))]]
        for length in range(len(names), 1, -1):
            if tuple(names[:length]) in self.units:
                return self.units[tuple(names[:length])]
        forms = [self.units[(name,)] for name in (names[0], *(() if self.strict else relatives(names[0])))
                 if (name,) in self.units]
        if len(forms) < 2:
            best = next(iter(forms), None)
        else:
            best = min(forms, key=lambda unit: self._matched(start, unit, 0).misfit(
                self.residues[start], unit.residues[0]))
        if best is not None and best.residues != (names[0],):
            self.remarks.forms[names[0], best.residues[0]] += 1
        return best

    def _match(self, start: int, unit: Unit) -> None:
        for step in {member.residue for bead in unit.beads for member in bead.members}:
            if 0 <= start + step < len(self.residues):
                found = self.matched[start, step] = self._matched(start, unit, step)
                self.remarks.spelled(found, self.molecule)

    def _matched(self, start: int, unit: Unit, step: int) -> Matched:
        names: dict[str, list[str]] = defaultdict(list)
        for bead in unit.beads:
            for member in bead.members:
                if member.residue == step:
                    names[member.atom].append(bead.name)
        residue = self.residues[start + step]
        return match_exactly(names, residue) if self.strict else match(names, residue)

    def _add(self, start: int, unit: Unit, bead: UnitBead) -> None:
        found = [(self._atom(start, unit, bead, member), member.share) for member in bead.members]
        atoms = [atom for atom, _ in found if atom is not None]
        shares = [share for atom, share in found if atom is not None]
        if bead.members and not atoms and not self.missing:
            self.errors.add(self._empty(start, bead))
        self.index[start, bead.name] = len(self.beads)
        self.beads.append(Bead(bead.name, bead.kind, atoms, weighted(self.molecule, atoms, shares, bead.weights),
                               bead.where))

    def _empty(self, start: int, bead: UnitBead) -> BackmapError:
        """The error of a bead none of whose atoms is at the end of a chain that may do without some."""
        residue = self.residues[start]
        asked = ", ".join(dict.fromkeys(member.atom for member in bead.members))
        return BackmapError(f"bead '{bead.name}' has none of its atoms ({asked}) in residue {start + 1} of molecule "
                            f"type '{self.molecule.name}', {residue.name}", where=bead.where,
                            hint=f"Its atoms: {', '.join([*residue.atoms][:10])}.")

    def _atom(self, start: int, unit: Unit, bead: UnitBead, member: Member) -> int | None:
        """The atom, or None where the residue may do without it, or it is missing, which is noted."""
        residue = start + member.residue
        matched = self.matched.get((start, member.residue))
        atom = matched.found.get(member.atom) if matched else None
        if atom is not None and atom >= 0:
            return atom
        at_end = start == 0 or start + len(unit.residues) == len(self.residues)
        if atom is not None:
            self.errors.add(BackmapError(
                f"'{member.atom}' is the name of two atoms of residue {residue + 1} of molecule type "
                f"'{self.molecule.name}'", where=member.where, hint="Give them different names in the topology."))
        elif not self.strict and ((matched and member.atom in matched.lacking)
                                  or (at_end and len(self.residues) > len(unit.residues))):
            self.lacking[residue].append(member.atom)
        elif matched is None:
            self.errors.add(BackmapError(
                f"bead '{bead.name}' of residue {start + 1} needs atom '{member.atom}' of a residue that molecule type "
                f"'{self.molecule.name}' does not have", where=member.where,
                hint="Describe the end of the chain under 'first' or 'last'."))
        else:
            self.missing[member].append(residue)
        return None

    def _mended(self, member: Member, residues: list[int]) -> BackmapError:
        """The error of a line that names an atom that is not there, with the line that would be right."""
        residue = self.residues[residues[0]]
        matched = self.matched[residues[0] - member.residue, member.residue]
        hydrogen = is_hydrogen(member.atom)
        spare = [name for name, atom in matched.spare.items() if residue.hydrogen(atom) == hydrogen]
        hint = known(member.atom, residue.atoms)
        if member.text and spare:
            best = closest(member.atom, spare)
            line = " ".join(best if word == member.atom else word for word in member.text.split())
            hint = f"Atoms that no line names: {', '.join(spare[:10])}. Perhaps '{line}'."
        elif member.text:
            hint += f" All its {'hydrogens' if hydrogen else 'other atoms'} are named: take it out."
        more = f" ({len(residues) - 1} more residues)" if len(residues) > 1 else ""
        return BackmapError(f"there is no atom '{member.atom}' in residue {residues[0] + 1} of molecule type "
                            f"'{self.molecule.name}', {residue.name}{more}", where=member.where, hint=hint)

    def _named(self, residue: int, first: int, name: str) -> int:
        """The atom that a unit which begins at residue ``first`` calls so, -1 if there is none."""
        if residue >= len(self.residues):
            return -1
        matched = self.matched.get((first, residue - first))
        own = self.residues[residue].atoms.get(name, -1)
        return own if matched is None else matched.found.get(name, own)

    def _stereocentre(self, start: int, stereocentre: Stereocentre) -> None:
        """Note a stereocentre whose neighbours are named; other statements only say how to begin."""
        a, centre, c, d, *rest = (self._named(start + step, start, name) for step, name in stereocentre.atoms)
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
        atoms = tuple(self._named(start + step, start, name) for step, name in told.atoms)
        if -1 not in atoms and len({*atoms}) == 4 and all(self.graph.has_edge(*pair) for pair in pairwise(atoms)):
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
