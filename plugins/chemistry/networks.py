"""Networks and sheets: molecules of very many cycles, their rings and stereocentres.

Programs that look for rings find every mesh of a network, and need the third power of their number for it. A mesh is no
ring to chemistry: what is more than ``LONGEST`` atoms around is flexible, and neither aromatic nor strained. Networks
are opened before rings are looked for. Sheets, tubes and crystals have short rings alone, but hundreds of them fused,
and some go around the box: which of these are aromatic is told here.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.model.cycles import closing, in_short_cycles, sheets
from backmap.model.molecule import graph_of
from backmap.model.pairs import distinct

Index = NDArray[np.int64]
Hashes = NDArray[np.uint64]

#: Atoms of a cycle beyond which it is a mesh, and none of the rings.
LONGEST = 24
#: Meshes beyond which a molecule is a network.
MANY = 100
#: Bonds as far as which neighbours of a centre are compared.
FAR = 200
#: Atoms of the rings of sheets that may be aromatic, at most.
AROMATIC = 6


def opening(n_atoms: int, bonds: Index) -> NDArray[np.bool_]:
    """Which bonds to take out of a network for no mesh to be left, (n_bonds,); none of any other molecule."""
    cut = np.zeros(len(bonds), dtype=bool)
    if len(bonds) - n_atoms < MANY:
        return cut
    pairs = [(min(pair), max(pair)) for pair in bonds.tolist()]
    found = set(closing(n_atoms, in_short_cycles(graph_of(n_atoms, bonds), LONGEST), pairs))
    return np.array([pair in found for pair in pairs]) if len(found) > MANY else cut


def of_sheets(n_atoms: int, bonds: Index) -> NDArray[np.bool_]:
    """Which bonds are part of ``sheets``, (n_bonds,)."""
    found = sheets(graph_of(n_atoms, bonds))
    return np.array([(min(pair), max(pair)) in found for pair in bonds.tolist()], dtype=bool)


def rings_of_sheets(n_atoms: int, bonds: Index, order: NDArray[np.float64]) -> tuple[Index, NDArray[np.bool_]]:
    """The smallest ring of each atom, 0 where it has none, and whether it is aromatic, (A,) each.

    Aromatic is what has a double bond to another such atom of small rings: of fused rings, alternating bonds run
    through all of them.

    Args:
        n_atoms: Number of atoms.
        bonds: Those ``of_sheets``, atom pairs, (n_bonds, 2).
        order: 1, 2 or 3, (n_bonds,).
    """
    size = np.zeros(n_atoms, dtype=np.int64)
    graph, atoms = graph_of(n_atoms, bonds), np.unique(bonds)
    for longest in range(3, LONGEST + 1):
        if (size[atoms] > 0).all():
            break
        here = np.array(sorted(in_short_cycles(graph, longest)), dtype=np.int64).ravel()
        size[here[size[here] == 0]] = longest
    small = (size > 0) & (size <= AROMATIC)
    double = bonds[(order == 2) & small[bonds].all(axis=1)]
    return size, np.isin(np.arange(n_atoms), double)


def centres_of(bonds: Index, kind: NDArray[np.int64], implicit: Index) -> list[int]:
    """Atoms of four neighbours, at most one of them implicit, that all differ within ``FAR`` bonds.

    Args:
        bonds: Atom pairs, (n_bonds, 2).
        kind: What atoms are by themselves, any number, (A,).
        implicit: Hydrogens that are part of the atom, (A,).
    """
    ends = np.concatenate([bonds, bonds[:, ::-1]])
    ends = ends[np.argsort(ends[:, 0], kind="stable")]
    degree = np.bincount(ends[:, 0], minlength=len(kind))
    fourfold = np.flatnonzero((degree + implicit == 4) & (degree >= 3))
    start = np.cumsum(degree) - degree
    seen, classes = 0, _mixed(kind.astype(np.uint64) * np.uint64(8) + degree.astype(np.uint64))
    for _ in range(FAR):
        told_apart = len(distinct(classes))
        if told_apart == seen:
            break
        seen, spread = told_apart, np.zeros(len(kind), dtype=np.uint64)
        np.add.at(spread, ends[:, 0], _mixed(classes[ends[:, 1]]))
        classes = _mixed(classes * np.uint64(3) + spread)
    found = []
    for number in (3, 4):
        atoms = fourfold[degree[fourfold] == number]
        near = np.sort(classes[ends[start[atoms, None] + np.arange(number), 1]], axis=1)
        found += atoms[(near[:, 1:] != near[:, :-1]).all(axis=1)].tolist()
    return sorted(found)


def _mixed(values: Hashes) -> Hashes:
    """Numbers as if drawn at random, the same of the same (splitmix64)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
