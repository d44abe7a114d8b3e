"""Which bonds, angles and torsions a system has, named by atom types as the topology names them."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.engine.rings import small_rings
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import ForceField, MoleculeParameters
from backmap.model.system import System

Index = NDArray[np.int64]
#: Atoms of a term inside its molecule type -> what it is called.
Named = dict[tuple[int, ...], str]

SECTIONS = ("bonds", "angles", "propers", "impropers")
NO_TERM = " (no term)"


@dataclass(frozen=True, eq=False)
class SectionTerms:
    """All terms of one section.

    Attributes:
        names: Sorted, (N,).
        atoms: System indices, (n, 2), (n, 3) or (n, 4).
        name: Index into ``names``, (n,).
        chain: Names of torsions of four heavy atoms about a bond outside rings, (N,) bool.
    """

    names: list[str]
    atoms: Index
    name: Index
    chain: NDArray[np.bool_]

    @property
    def number(self) -> Index:
        """Terms of each name, (N,)."""
        return np.bincount(self.name, minlength=len(self.names))


def terms_of(system: System, forcefield: ForceField | None) -> dict[str, SectionTerms]:
    """Terms of each section that has some; none of what stands still, which is not drawn.

    Bonds are the topology's. With a force field, angles, propers and impropers are those it has a term for, and
    torsions of four heavy atoms along bonds that it has none for are propers whose name says so. Without one,
    they are all that the bonds imply.
    """
    parameters = [None] * len(system.types) if forcefield is None else forcefield.of(system)
    by_type = [{section: {} for section in SECTIONS} if kind.standing else _of_type(kind, known)
               for kind, known in zip(system.types, parameters)]
    return {section: terms for section in SECTIONS
            if (terms := _gathered(system, [of_type[section] for of_type in by_type])) is not None}


def _of_type(kind: MoleculeType, parameters: MoleculeParameters | None) -> dict[str, Named]:
    bonds = {tuple(bond): type_name(kind, bond) for bond in kind.bonds.tolist()}
    if parameters is None:
        torsions = {atoms: type_name(kind, atoms) for atoms in torsions_along_bonds(kind.graph)}
        angles = {atoms: type_name(kind, atoms) for atoms in angles_of(kind.graph)}
        return {"bonds": bonds, "angles": angles, "propers": torsions, "impropers": {}}
    angles = {atoms: type_name(kind, atoms) for atoms in _atoms_of(parameters, "angle")}
    propers = {atoms: type_name(kind, atoms) for atoms in map(one_way, _atoms_of(parameters, "proper"))}
    rings = small_rings(kind)
    impropers = {atoms: improper_name(kind, atoms, rings) for atoms in _atoms_of(parameters, "improper")}
    known, heavy = {*propers, *map(one_way, impropers)}, kind.chemistry.heavy
    for atoms in torsions_along_bonds(kind.graph):
        if atoms not in known and heavy[list(atoms)].all():
            propers[atoms] = type_name(kind, atoms) + NO_TERM
    return {"bonds": bonds, "angles": angles, "propers": propers, "impropers": impropers}


def _gathered(system: System, by_type: list[Named]) -> SectionTerms | None:
    names = sorted({name for named in by_type for name in named.values()})
    if not names:
        return None
    place = {name: k for k, name in enumerate(names)}
    atoms, which, chain = [], [], np.ones(len(names), dtype=bool)
    for group, named in zip(system.groups, by_type):
        if not named:
            continue
        local = np.array(list(named), dtype=np.int64)
        own = np.array([place[name] for name in named.values()])
        atoms.append((group.atom_offset[:, None, None] + local).reshape(-1, local.shape[1]))
        which.append(np.tile(own, len(group.atom_offset)))
        chain[own[~_in_chain(group.type, local)]] = False
    return SectionTerms(names, np.concatenate(atoms), np.concatenate(which), chain)


def _in_chain(kind: MoleculeType, local: Index) -> NDArray[np.bool_]:
    """Torsions (n, 4) of four heavy atoms about a bond outside rings, (n,); False for other terms."""
    if local.shape[1] != 4:
        return np.zeros(len(local), dtype=bool)
    return kind.chemistry.heavy[local].all(axis=1) & (kind.chemistry.ring[local[:, 1:3]] == 0).all(axis=1)


def _atoms_of(parameters: MoleculeParameters, term: str) -> Iterator[tuple[int, ...]]:
    for bonded in parameters.bonded:
        if bonded.term == term:
            yield from map(tuple, bonded.atoms.tolist())


def one_way(atoms: tuple[int, ...]) -> tuple[int, ...]:
    """The smaller of both directions of a term, so that it counts once."""
    return min(atoms, atoms[::-1])


def type_name(kind: MoleculeType, atoms: tuple[int, ...]) -> str:
    """Atom types joined by '-', in the smaller of both directions."""
    return "-".join(min(types := tuple(kind.atom_types[a] for a in atoms), types[::-1]))


def improper_name(kind: MoleculeType, atoms: tuple[int, ...], rings: list[list[int]]) -> str:
    """``ring X4`` for four atoms of one ring, else ``out-of-plane X`` with X the type of the fourth atom."""
    if any(set(atoms) <= set(ring) for ring in rings):
        types = {kind.atom_types[a] for a in atoms}
        return f"ring {types.pop()}4" if len(types) == 1 else f"ring {type_name(kind, atoms)}"
    return f"out-of-plane {kind.atom_types[atoms[3]]}"


def angles_of(graph: nx.Graph) -> Iterator[tuple[int, int, int]]:
    """Two neighbours of every atom, with it between them."""
    for centre in graph:
        arms = sorted(graph[centre])
        yield from ((a, centre, b) for k, a in enumerate(arms) for b in arms[k + 1:])


def torsions_along_bonds(graph: nx.Graph) -> Iterator[tuple[int, ...]]:
    """Four atoms in a row along bonds, each row once and the ``one_way`` round."""
    for b, c in graph.edges:
        for a in sorted(set(graph[b]) - {c}):
            yield from (one_way((a, b, c, d)) for d in sorted(set(graph[c]) - {a, b}))
