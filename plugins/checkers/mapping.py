"""The checker ``mapping``: atoms that beads leave out or share, and weights that are nearly masses."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.api import AtomMolecule, BeadModel, Checker
from backmap.model.listing import counted, listed
from backmap.model.survey import Finding, Survey

from ..chemistry.residues import residue_ordinals

Index = NDArray[np.int64]
Array = NDArray[np.float64]

ALIKE = 0.02  #: two weights that differ by less, relatively, are the same
NEARLY = 0.5  #: a weight that differs from a mass by less, relatively, is taken for one, though a wrong one
LARGEST_CAP = 3  #: heavy atoms of a residue that may do without a bead: acetyl has as many
MOSTLY = 0.6  #: share of a bead's atoms that weigh their mass, if the others should, too
SMOOTH = 3  #: bonds over which files share atoms between beads
#: What an atom may weigh in a bead, in masses: atoms between two beads are often split.
SHARES = (0.0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1.0, 4 / 3, 3 / 2, 2.0, 3.0, 4.0)


class MappingChecker(Checker):
    """Checks the mapping: atoms of no bead or of several, disconnected beads, weights that are not quite the masses."""

    def check(self, survey: Survey) -> Iterator[Finding]:
        if survey.topology is None or not survey.models:
            return
        yield from _unmatched(survey)
        for name, model in survey.models.items():
            one = Mapped(survey.topology.types[name], model, survey.place_of("system", "mapping"))
            files = {place.rpartition(":")[0] for place in model.where}
            for remark in model.remarks:
                place, _, said = remark.partition(": ")  # some name their own line
                own = bool(said) and place.rpartition(":")[0] in files
                yield Finding("note", place if own else one.where(), said if own else remark)
            for look in (_left_out, _shared, _in_pieces, _idle, _in_another_order, _not_quite_masses):
                yield from look(one)


@dataclass(frozen=True, eq=False)
class Mapped:
    """A molecule type and its beads.

    Attributes:
        molecule: The molecule type, as the topology has it.
        model: Its beads, as the mapping has them.
        file: Place of the mapping in the recipe, for messages where the mapping knows no lines of its own.
    """

    molecule: AtomMolecule
    model: BeadModel
    file: str

    def where(self, bead: int = 0) -> str:
        """File and line of a bead."""
        return self.model.where[bead] if self.model.where else self.file

    def atoms(self, bead: int) -> Index:
        """The atoms of a bead."""
        return self.model.mapping.atom[self._rows(bead)]

    def weights(self, bead: int) -> Array:
        """Their weights; they sum to one."""
        return self.model.mapping.weight[self._rows(bead)]

    def _rows(self, bead: int) -> slice:
        """Where the atoms of a bead stand in the mapping."""
        first = self.model.mapping.first
        return slice(first[bead], first[bead + 1] if bead + 1 < len(first) else None)

    @property
    def left_out(self) -> Index:
        """Atoms of no bead; virtual sites need none."""
        atoms = np.setdiff1d(np.arange(len(self.molecule.atom_names)), self.model.mapping.atom)
        return np.setdiff1d(atoms, self.molecule.dependents.atoms)

    def graph(self) -> nx.Graph:
        """The atoms and what joins them."""
        return self.molecule.joined

    def names(self, atoms: Index) -> str:
        """Atoms for people."""
        return listed([self.molecule.atom_names[atom] for atom in atoms])

    def beads(self, beads: list[int]) -> str:
        """Beads for people."""
        names = dict.fromkeys(self.model.bead_names[bead] for bead in beads)
        return f"bead{'s' * (len(beads) > 1)} {listed([*names])} of {self.molecule.name}"


def _unmatched(survey: Survey) -> Iterator[Finding]:
    """Mappings of molecule types of which there is none; csg_map writes an empty file then, and is content."""
    there = {name for name, count in survey.blocks if count}
    if not survey.blocks:
        return
    for name, model in survey.models.items():
        if name not in there:
            yield Finding("warning" if there & {*survey.models} else "error", Mapped(
                survey.topology.types[name], model, survey.place_of("system", "mapping")).where(),
                f"maps molecules of '{name}', but the topology has none of them",
                f"There are: {listed(sorted(there))}. Take the mapping out, or correct [ molecules ] or <ident>.")


def _left_out(one: Mapped) -> Iterator[Finding]:
    atoms = one.left_out
    if not len(atoms):
        return
    graph, mapped = one.graph(), {*one.model.mapping.atom.tolist()}
    small = _caps(one)
    oxygen = one.molecule.element == 8  # of a carboxyl group that ends a chain, with its hydrogen, is in no bead
    reach = {atom: {*graph[atom]}.union(*(graph[k] for k in graph[atom] if oxygen[k])) for atom in atoms.tolist()}
    far = np.array([atom for atom in reach if not mapped & reach[atom] and atom not in small], dtype=np.int64)
    subject = f"{counted(len(atoms), 'atom')} of {one.molecule.name} in no bead: {one.names(atoms)}"
    if len(far):
        yield Finding("warning", one.where(), f"{subject}; of these, no neighbour is in one, either: {one.names(far)}",
                      "Nothing says where they are. Add them to a bead.")
    else:
        yield Finding("note", one.where(), subject, "They are placed with the beads of the atoms that they are bonded "
                                                    "to.")


def _caps(one: Mapped) -> set[int]:
    """Atoms of residues without a bead that are as small as the caps of chains: they are near the next bead's."""
    residues = residue_ordinals(one.molecule.residues, one.molecule.residue_names)
    heavy = np.bincount(residues, weights=one.molecule.element > 1)
    small = (heavy <= LARGEST_CAP) & (np.bincount(residues[one.model.mapping.atom], minlength=len(heavy)) == 0)
    return {*np.flatnonzero(small[residues]).tolist()}


def _shared(one: Mapped) -> Iterator[Finding]:
    mapping, names = one.model.mapping, one.model.bead_names
    count = np.bincount(mapping.atom, minlength=mapping.n_atoms)
    atoms = np.flatnonzero(count > 1)
    if len(atoms):
        told = [f"{one.molecule.atom_names[a]} ({', '.join(names[b] for b in mapping.bead[mapping.atom == a])})"
                for a in atoms]
        yield Finding("note", one.where(), f"{counted(len(atoms), 'atom')} of {one.molecule.name} in more than one "
                                           f"bead: {listed(told, 3)}",
                      "Each is placed by the bead in which it weighs most; 'owners' in topology says otherwise.")


def _in_pieces(one: Mapped) -> Iterator[Finding]:
    """Beads whose atoms are not bonded to one another, not even through atoms of no bead.

    An atom of several beads that is near is no slip: files share atoms to go over smoothly from one bead to the next.
    One that weighs nothing does not move its bead.
    """
    shared = np.bincount(one.model.mapping.atom, minlength=one.model.mapping.n_atoms) > 1
    torn: list[tuple[int, Index, bool]] = []
    for bead in range(len(one.model.bead_names)):
        atoms, weights = one.atoms(bead), one.weights(bead)
        main = _heaviest_piece(one, atoms, weights)
        astray = [row for row, atom in enumerate(atoms.tolist()) if atom not in main
                  and not (shared[atom] and _near(one, atom, main))]
        if astray:
            torn.append((bead, atoms[astray], bool(weights[astray].any())))
    for weighs, severity in ((True, "warning"), (False, "note")):
        if some := [(bead, atoms) for bead, atoms, heavy in torn if heavy == weighs]:
            bead, atoms = some[0]
            yield Finding(severity, one.where(bead),
                          f"{one.beads([bead for bead, _ in some])}: {one.names(atoms)} not bonded to the other atoms "
                          f"of the bead" + ("" if weighs else ", where they weigh nothing"),
                          "Check the list of atoms: is there one of another bead?")


def _heaviest_piece(one: Mapped, atoms: Index, weights: Array) -> set[int]:
    """Those atoms of a bead, and of none between them, that are bonded to one another and weigh most."""
    weight = dict(zip(atoms.tolist(), weights.tolist(), strict=True))
    pieces = nx.connected_components(one.graph().subgraph([*weight, *one.left_out.tolist()]))
    return max(pieces, key=lambda piece: (sum(weight.get(atom, 0.0) for atom in piece), not piece.isdisjoint(weight)))


def _near(one: Mapped, atom: int, others: set[int]) -> bool:
    """Whether an atom is at most ``SMOOTH`` bonds from some of others."""
    return not others.isdisjoint(nx.single_source_shortest_path_length(one.graph(), atom, cutoff=SMOOTH))


def _idle(one: Mapped) -> Iterator[Finding]:
    idle = np.setdiff1d(np.arange(len(one.model.bead_names)), one.model.mapping.owner)
    if len(idle):
        yield Finding("note", one.where(int(idle[0])), f"{one.beads(idle.tolist())}: no atom is placed by it",
                      "All its atoms weigh more in other beads.")


def _in_another_order(one: Mapped) -> Iterator[Finding]:
    """Weights that are the masses of the atoms, but of other ones."""
    swapped = []
    for bead in range(len(one.model.bead_names)):
        mass, weights = one.molecule.mass[one.atoms(bead)], one.weights(bead)
        if len(mass) > 1 and mass.min() > 0:
            mass = mass / mass.sum()
            if _alike(np.sort(mass), np.sort(weights)).all() and not _alike(mass, weights).all():
                swapped.append((bead, np.flatnonzero(~_alike(mass, weights))))
    if swapped:
        bead, rows = swapped[0]
        yield Finding("warning", one.where(bead),
                      f"{one.beads([bead for bead, _ in swapped])}: the weights are the masses of its atoms in another "
                      f"order, see {one.names(one.atoms(bead)[rows])}",
                      "Write weights in the order in which the bead lists its atoms.")


def _not_quite_masses(one: Mapped) -> Iterator[Finding]:
    """Weights that are the masses of most atoms of a bead, but not of all."""
    count = np.bincount(one.model.mapping.atom, minlength=one.model.mapping.n_atoms)
    wrong = []
    for bead in range(len(one.model.bead_names)):
        atoms, weights = one.atoms(bead), one.weights(bead)
        mass = one.molecule.mass[atoms]
        if len(atoms) < 3 or mass.min() <= 0 or np.ptp(mass) < ALIKE or _alike(weights, weights.mean()).all():
            continue  # equal weights are a centre of geometry
        share = weights / mass
        share = share / np.median(share[share > 0])
        odd = ~_alike(share, np.ones(len(share)))
        if not odd.any():
            continue
        if 1 - odd.mean() >= MOSTLY and (np.ptp(mass[~odd]) > ALIKE or _alike(share[odd], 1.0, NEARLY).all()):
            fair = np.array([count[atom] > 1 or _alike(np.array(SHARES), value).any()
                             for atom, value in zip(atoms, share, strict=True)])
            if not fair.all():
                wrong.append((bead, atoms[~fair], share[~fair]))
    if wrong and not any(True for _ in _in_another_order(one)):
        bead, atoms, share = wrong[0]
        yield Finding("warning", one.where(bead),
                      f"{one.beads([bead for bead, *_ in wrong])}: the weights are the masses of its atoms but for "
                      f"{one.names(atoms)}, which {'weigh' if len(atoms) > 1 else 'weighs'} {share[0]:.3g} times as "
                      "much", "Correct the weights, or the masses in the topology.")


def _alike(one: Array, other: Array | float, tolerance: float = ALIKE) -> NDArray[np.bool_]:
    return np.abs(one - other) <= 1e-6 + tolerance * np.abs(other)
