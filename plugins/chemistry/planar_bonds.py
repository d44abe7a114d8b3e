"""Bonds about which nothing turns: double bonds, amides and esters; which side their neighbours are expected on."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.model.isomers import EITHER, TRANS
from backmap.model.molecule import MoleculeType

from .amino_acids import PROLINE
from .branches import branch_of
from .lipids import natural_side

Index = NDArray[np.int64]

_CARBON, _NITROGEN, _OXYGEN = 6, 7, 8
#: Atoms of the largest ring that decides by itself on which side neighbours are: amides of cyclic tripeptides (9) are
#: cis, those of tetrapeptides (12) are either. In larger rings, as disulfides close them, amides are as in chains.
SMALL_RING = 12


@dataclass(frozen=True, eq=False)
class PlanarBonds:
    """The K bonds of one sort in a molecule type, a neighbour on each side.

    Attributes:
        sort: ``double bond``, ``peptide bond``, ``amide`` or ``ester``.
        atoms: A neighbour, both ends of the bond, a neighbour, (K, 4). A torsion of 180 degrees is trans, 0 is cis.
        expected: ``TRANS``, ``CIS``, or ``EITHER`` where nothing says it, (K,).
    """

    sort: str
    atoms: Index
    expected: Index


def planar_bonds(kind: MoleculeType) -> list[PlanarBonds]:
    """All sorts that a molecule type has, outside of small rings; sides are those of the type, where it knows them.

    Else those double bonds are cis or trans that are so in natural lipids, told by the names of residues. Esters and
    secondary amides, peptide bonds among them, are trans (IUPAC: Z, with the oxygen opposite to hydrogen); tertiary
    amides, as before proline, are either.
    """
    known = dict(zip(map(tuple, kind.planar.atoms.tolist()), kind.planar.side.tolist(), strict=True))
    return [replace(bonds, expected=np.array([known.get(tuple(row)) or side for row, side in zip(
        bonds.atoms.tolist(), bonds.expected.tolist(), strict=True)], dtype=np.int64)) for bonds in natural_bonds(kind)]


def natural_bonds(kind: MoleculeType, proline: int = EITHER) -> list[PlanarBonds]:
    """The same with the sides that nature prefers; ``proline`` is that of peptide bonds before proline."""
    rows = double_bonds(kind)
    natural = [natural_side(kind, first, second) for _, first, second, _ in rows.tolist()]
    found = [PlanarBonds("double bond", rows, np.array(natural, dtype=np.int64))]
    by_sort: dict[str, list[tuple[list[int], int]]] = {}
    for sort, atoms, expected in _of_carbonyls(kind, proline):
        by_sort.setdefault(sort, []).append((atoms, expected))
    for sort, listed in by_sort.items():
        found.append(PlanarBonds(sort, np.array([atoms for atoms, _ in listed], dtype=np.int64),
                                 np.array([expected for _, expected in listed], dtype=np.int64)))
    return [each for each in found if len(each.atoms)]


def _of_carbonyls(kind: MoleculeType, proline: int) -> Iterator[tuple[str, list[int], int]]:
    """Sort, atoms and side of the bonds between a carbonyl carbon and nitrogen or oxygen."""
    element, graph, heavy = kind.chemistry.element, kind.graph, kind.chemistry.heavy
    double = kind.bonds[kind.chemistry.bond_order == 2].tolist()
    carbonyls = [(a, b) if element[a] == _CARBON else (b, a) for a, b in double
                 if sorted(element[[a, b]].tolist()) == [_CARBON, _OXYGEN]]
    bridges = _bridges(kind) if carbonyls else set()
    for carbon, oxygen in carbonyls:
        others = sorted(a for a in graph[carbon] if a != oxygen and heavy[a])
        for partner in others:
            before = [a for a in others if a != partner and element[a] == _CARBON]
            after = sorted(a for a in graph[partner] if a != carbon and heavy[a])
            if (element[partner] not in (_NITROGEN, _OXYGEN) or not before or not after
                    or not (frozenset((carbon, partner)) in bridges or _in_large_ring(graph, carbon, partner))):
                continue
            # Of a tertiary nitrogen the neighbour that counts is the next alpha carbon.
            after.sort(key=lambda a: (kind.atom_names[a] != "CA", a))
            atoms = [before[0], carbon, partner, after[0]]
            if element[partner] == _OXYGEN:
                if element[after[0]] == _CARBON:
                    yield "ester", atoms, TRANS
            elif kind.residues[carbon] != kind.residues[partner]:
                before_proline = kind.residue_names[partner].upper() in PROLINE
                yield "peptide bond", atoms, TRANS if len(after) == 1 else proline if before_proline else EITHER
            else:
                yield "amide", atoms, TRANS if len(after) == 1 else EITHER


def double_bonds(kind: MoleculeType) -> Index:
    """Double bonds outside small rings whose ends both have two different sides: a neighbour, both ends, a neighbour.

    Returns:
        (D, 4); the neighbours are the heavy ones of lowest index.
    """
    chemistry, graph = kind.chemistry, kind.graph
    double = kind.bonds[chemistry.bond_order == 2].tolist()
    if not double:
        return np.empty((0, 4), dtype=np.int64)
    bridges = _bridges(kind)
    rows = []
    for b, c in double:
        sides = _side(kind, b, c), _side(kind, c, b)
        if None not in sides and (frozenset((b, c)) in bridges or _in_large_ring(graph, b, c)):
            rows.append([sides[0], b, c, sides[1]])
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _bridges(kind: MoleculeType) -> set[frozenset[int]]:
    """Bonds that are in no ring."""
    return {frozenset(edge) for edge in nx.bridges(kind.graph)}


def _in_large_ring(graph: nx.Graph, one: int, other: int) -> bool:
    """Whether the smallest ring of a bond that is in one has more atoms than ``SMALL_RING``."""
    cut = nx.restricted_view(graph, [], [(one, other)])
    return other not in nx.single_source_shortest_path_length(cut, one, SMALL_RING - 1)


def _side(kind: MoleculeType, end: int, other: int) -> int | None:
    """The heavy neighbour of a double bond's end that names its side, or None if its sides are alike."""
    arms = sorted(set(kind.graph[end]) - {other}, key=lambda a: (not kind.chemistry.heavy[a], a))
    if not arms or not kind.chemistry.heavy[arms[0]] or len(arms) > 2:
        return None
    if len(arms) == 2 and branch_of(kind, arms[0], end) == branch_of(kind, arms[1], end):
        return None
    return arms[0]
