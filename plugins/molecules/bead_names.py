"""Do the beads of a file stand in the order of the topology? Told from their names, where it has any."""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType

from ..chemistry.residues import residue_ordinals

Index = NDArray[np.int64]
Blocks = Sequence[tuple[MoleculeType, int]]

WIDTH = 5  #: characters of a name in .gro
ATOMS = ("It holds as many as there are atoms: beads are made of atoms by csg_map or the step 'coarsen', and true "
         "atoms are for 'reference' (init, check: --aa).")
LISTED, FEW = 5, 12  #: kinds of beads that a message names, and at most if it names all
DECLARE = ("Declare sites without atoms in topology as 'ignore: [{example}]', and molecules that are not to be "
           "backmapped as 'exclude: {{MOLECULE: {example}}}'. With init, sites without atoms are --ignore {example}.")
OTHER_MODEL = ("{bead} is in residue {residue}, of which the mapping has {own}: is it for the model that these beads "
               "are of (init: --from martini2, martini3)? ")


def _called(names: Sequence[str]) -> str:
    """How many beads there are of each name, where these are few."""
    counts = Counter(names)
    return f": {', '.join(f'{count} {name}' for name, count in counts.items())}" if 0 < len(counts) <= FEW else ""


@dataclass(frozen=True, eq=False)
class Beads:
    """Beads of a file that should be those of some molecules, in order.

    Attributes:
        where: The file.
        rows: Their numbers in the file, counted from 0, (n,).
        names: Bead names of the whole file; None if it has none.
        residues: Residue names of the whole file; None if it has none.
        aside: What was left out of the file, for messages; empty for nothing.
        by_type: Whether names are those of types, by which copies of a molecule may differ, as in groups of LAMMPS.
    """

    where: str
    rows: Index
    names: Sequence[str] | None = None
    residues: Sequence[str] | None = None
    aside: str = ""
    by_type: bool = False

    def expect(self, blocks: Blocks, listed: str) -> None:
        """Raise BackmapError unless there are as many beads as in ``blocks``, under fitting names in this order.

        Other names for the same beads are common and harmless if they are the same in every copy of a molecule
        and belong to no other molecule type; the same names in another order are not.

        Args:
            blocks: Molecule types and counts.
            listed: The same for people.
        """
        expected = sum(kind.n_beads * count for kind, count in blocks)
        if len(self.rows) != expected:
            raise self._wrong_number(blocks, f"the topology ({listed}) has {expected}")
        if self.names is not None:
            spellings = [(self.names, "called", lambda kind: kind.bead_names, lambda kind: kind.bead_types)]
            if self.residues is not None:
                spellings.append((self.residues, "in residue", lambda kind: kind.bead_residue_names,
                                  lambda kind: [kind.name] * kind.n_beads))
            for spelling in spellings:
                self._expect_order(blocks, *spelling)

    def arranged(self, blocks: Blocks) -> tuple[Beads, list[str]]:
        """The same with the beads of each residue in the order of the mapping, and a line for each type that differs.

        Names tell the order if a residue has each of its mapping's once, and all copies of a molecule type agree.
        """
        if self.names is None or len(self.rows) != sum(kind.n_beads * count for kind, count in blocks):
            return self, []
        rows, start, lines = self.rows.copy(), 0, {}
        orders: dict[str, tuple[int, ...] | None] = {}
        for kind, count in blocks:
            known: dict[tuple[str, ...], tuple[int, ...] | None] = {}
            for _ in range(count):
                found = tuple(self.names[row][:WIDTH] for row in self.rows[start:start + kind.n_beads])
                if found not in known:
                    known[found] = _order(kind, found)
                order = known[found]
                if orders.setdefault(kind.name, order) != order:
                    return self, []
                if order is not None:
                    rows[start:start + kind.n_beads] = self.rows[start + np.array(order)]
                    lines[kind.name] = self._rearranged(kind, order, found)
                start += kind.n_beads
        return replace(self, rows=rows), list(lines.values())

    def _rearranged(self, kind: MoleculeType, order: tuple[int, ...], found: tuple[str, ...]) -> str:
        ordinals = residue_ordinals(kind.bead_residues, kind.bead_residue_names)
        moved = ordinals[[k for k, other in enumerate(order) if k != other]]
        first = np.flatnonzero(ordinals == moved[0])
        residues = len(set(moved.tolist()))
        example = f"{kind.bead_residue_names[first[0]]} {', '.join(found[k] for k in first)}"
        return (f"{kind.name}: beads of {residues} residue{'s' if residues > 1 else ''} stand in {self.where} in "
                f"another order than in the mapping, such as {example}; their names tell which is which")

    def _wrong_number(self, blocks: Blocks, expected: str) -> BackmapError:
        known = {name[:WIDTH] for kind, _ in blocks for name in (*kind.bead_names, *kind.bead_types)}
        found = [self.names[row] for row in self.rows] if self.names is not None else []
        strangers = Counter(name for name in found if name[:WIDTH] not in known)
        # Where all are strangers, the file has names of its own.
        if strangers and (len(strangers) < len(set(found)) or not blocks):
            counts = ", ".join(f"{count} {name}" for name, count in strangers.most_common(LISTED))
            more = ", ..." if len(strangers) > LISTED else ""
            model = self._of_another_model(blocks, set(strangers))
            return BackmapError(f"holds beads that no mapping names: {counts}{more}", where=self.where,
                                hint=model + DECLARE.format(example=next(iter(strangers))))
        here = f"{len(self.rows)} beads" + (f" ({self.aside})" if self.aside else "")
        many = len(self.rows) > sum(kind.n_beads * count for kind, count in blocks)
        surplus = _called(found) if many else ""
        if many and len(self.rows) == sum(len(kind.atom_names) * count for kind, count in blocks):
            return BackmapError(f"holds {here}, but {expected}", where=self.where, hint=ATOMS)
        return BackmapError(f"holds {here}, but {expected}{self._differences(blocks) or surplus}",
                            where=self.where, hint="Check the molecule counts and that every chain has the topology's "
                                                    "length; beads that are not to be backmapped are declared in "
                                                    "topology, under 'exclude' or 'ignore' (init: --ignore NAME).")

    def _of_another_model(self, blocks: Blocks, strangers: set[str]) -> str:
        """What the mapping has in the first residue of this name whose beads are others, and not only more."""
        if self.names is None or self.residues is None:
            return ""
        present = {(self.residues[row], self.names[row]) for row in self.rows}
        for row in self.rows:
            bead, residue = self.names[row], self.residues[row]
            own = dict.fromkeys(other for kind, _ in blocks for name, other in
                                zip(kind.bead_residue_names, kind.bead_names, strict=True) if name == residue)
            if bead in strangers and any((residue, other) not in present for other in own):
                return OTHER_MODEL.format(bead=bead, residue=residue, own=", ".join(own))
        return ""

    def _differences(self, blocks: Blocks) -> str:
        """Which beads of which residues are too few or too many, where names of the file are those of the mapping."""
        if self.names is None or self.residues is None:
            return ""
        wanted: Counter[tuple[str, str]] = Counter()
        for kind, count in blocks:
            for residue, name in zip(kind.bead_residue_names, kind.bead_names, strict=True):
                wanted[residue[:WIDTH], name[:WIDTH]] += count
        found = Counter((self.residues[row][:WIDTH], self.names[row][:WIDTH]) for row in self.rows)
        wanted, found = _without_synonyms(wanted, found)
        differ = [pair for pair in {**wanted, **found} if wanted[pair] != found[pair]]
        if len(differ) == len({**wanted, **found}):
            return ""
        listed = ", ".join(f"{residue} {name} {found[residue, name]} instead of {wanted[residue, name]}"
                           for residue, name in differ[:LISTED])
        return f": {listed}" + (f" and {len(differ) - LISTED} more" if len(differ) > LISTED else "")

    def _expect_order(self, blocks: Blocks, spelled: Sequence[str], verb: str, names_of, others_of) -> None:
        """Compare one kind of names, copy after copy."""
        own = {kind: [name[:WIDTH] for name in names_of(kind)] for kind, _ in blocks}
        second = {kind: [name[:WIDTH] for name in others_of(kind)] for kind, _ in blocks}
        first_copy: dict[str, list[str]] = {}
        start = 0
        for kind, count in blocks:
            foreign = {name: other.name for other in own if other.name != kind.name for name in own[other]
                       if name not in {*own[kind], *second[kind]}}
            for _ in range(count):
                found = [spelled[row][:WIDTH] for row in self.rows[start:start + kind.n_beads]]
                if found not in (own[kind], second[kind]):
                    usual = first_copy.setdefault(kind.name, found)
                    mixed = Counter(found) == Counter(own[kind]) or not foreign.keys().isdisjoint(found)
                    if (found != usual and not self.by_type) or mixed:
                        raise self._out_of_order(kind, start, found, own[kind] if mixed else usual, verb, foreign)
                elif first_copy.setdefault(kind.name, found) != found and not self.by_type:
                    raise self._out_of_order(kind, start, found, first_copy[kind.name], verb, foreign)
                start += kind.n_beads

    def _out_of_order(self, kind: MoleculeType, start: int, found: list[str], expected: list[str], verb: str,
                      foreign: Mapping[str, str]) -> BackmapError:
        place = next(k for k, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b)
        name = found[place]
        told = (f"{name} is a bead of {foreign[name]}: are the molecules of the topology in another order?"
                if name in foreign else DECLARE.format(example=name))
        return BackmapError(
            f"bead {int(self.rows[start + place]) + 1} is {verb} {name}, but {kind.name} has {expected[place]} there",
            where=self.where, hint=f"Beads must stand in the order of the topology and the mapping. {told}")


def _without_synonyms(wanted: Counter[tuple[str, str]], found: Counter[tuple[str, str]]) -> \
        tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """Both without residues that only one of them has, if the beads of these are the same: CHL1 is called CHOL."""
    alone = [Counter({pair: count for pair, count in one.items() if pair[0] not in {residue for residue, _ in other}})
             for one, other in ((wanted, found), (found, wanted))]
    own, theirs = (Counter(name for _, name in one.elements()) for one in alone)
    return (wanted - alone[0], found - alone[1]) if own == theirs else (wanted, found)


def _order(kind: MoleculeType, found: Sequence[str]) -> tuple[int, ...] | None:
    """Place among ``found`` of each bead, if they are those of the mapping, residue by residue, in another order."""
    own = [name[:WIDTH] for name in kind.bead_names]
    order = np.arange(kind.n_beads)
    ordinals = residue_ordinals(kind.bead_residues, kind.bead_residue_names)
    for residue in np.unique(ordinals) if list(found) != own else ():
        beads = np.flatnonzero(ordinals == residue).tolist()
        place = {found[bead]: bead for bead in beads}
        if len(place) < len(beads) or place.keys() != {own[bead] for bead in beads}:
            return None
        order[beads] = [place[own[bead]] for bead in beads]
    return tuple(order.tolist()) if list(found) != own else None
