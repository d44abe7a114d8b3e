"""Atoms that differ in nothing but their names: both hydrogens of a CH2, both sides of a phenyl ring.

Which of them bears which name is an accident of a simulation's first frame. A network that is shown only
that accident learns it by heart; shown all namings alike, it learns the molecule.
"""
from __future__ import annotations

import itertools
from dataclasses import dataclass

import networkx as nx
import numpy as np
from networkx.algorithms.isomorphism import GraphMatcher

from backmap.model.molecule import MoleculeType
from backmap.model.system import System

MAX_HEAVY = 12  #: heavy atoms of a group whose symmetry is looked for


@dataclass(frozen=True, eq=False)
class Relabelling:
    """Equivalent namings of some atoms: ``atoms`` (n,) may be read from any row of ``images`` (k, n)."""

    atoms: np.ndarray
    images: np.ndarray


def relabellings(molecule: MoleculeType) -> list[Relabelling]:
    """All local symmetries of a molecule type that its mapping respects."""
    found = [_checked(molecule, own, itertools.permutations(own)) for own in _hydrogens(molecule).values()
             if len(own) > 1]
    found += [_checked(molecule, atoms, images) for atoms, images in _turning_groups(molecule)]
    return [symmetry for symmetry in found if len(symmetry.images) > 1]


def _checked(molecule: MoleculeType, atoms: list[int], images) -> Relabelling:
    """Only the images that change neither weights nor owners."""
    weights, owner = molecule.mapping.part(molecule.mapping.beads_with(atoms), atoms), molecule.mapping.owner
    place = {atom: k for k, atom in enumerate(atoms)}
    rows = [row for row in map(list, images) if np.array_equal(weights[:, [place[a] for a in row]], weights)
            and np.array_equal(owner[row], owner[atoms])]
    return Relabelling(np.array(atoms), np.array(rows))


def _hydrogens(molecule: MoleculeType) -> dict[int, list[int]]:
    """Hydrogens of each heavy atom."""
    heavy = molecule.chemistry.heavy
    return {a: sorted(n for n in molecule.graph[a] if not heavy[n]) for a in np.flatnonzero(heavy).tolist()}


def _turning_groups(molecule: MoleculeType):
    """Groups at the end of a bond, with the ways to map them onto themselves that move what is next to it."""
    hydrogens = _hydrogens(molecule)
    skeleton = molecule.graph.subgraph(hydrogens).copy()
    for node in skeleton:
        skeleton.nodes[node]["kind"] = (int(molecule.chemistry.element[node]), molecule.graph.degree(node),
                                        len(hydrogens[node]), float(molecule.chemistry.charge[node]))
    for bond in list(nx.bridges(skeleton)):
        for root, other in (bond, bond[::-1]):
            side = _side(skeleton, root, other)
            if 3 <= len(side) <= MAX_HEAVY and len(side) < len(skeleton):
                yield _self_maps(skeleton.subgraph(side), root, hydrogens)


def _side(skeleton: nx.Graph, root: int, other: int) -> set[int]:
    """What hangs on ``root`` beyond its bond to ``other``, a bridge; once it is too large, no more is looked at."""
    side, stack = {root}, [root]
    while stack and len(side) <= MAX_HEAVY:
        new = {n for n in skeleton[stack.pop()] if n != other} - side
        side |= new
        stack += new
    return side


def _self_maps(group: nx.Graph, root: int, hydrogens: dict[int, list[int]]) -> tuple[list[int], list[list[int]]]:
    """Atoms of the group and their images under every automorphism that keeps the root and moves its neighbours."""
    order = sorted(group)
    atoms = [a for heavy in order for a in (heavy, *hydrogens[heavy])]
    images = [atoms]
    for found in GraphMatcher(group, group, node_match=lambda a, b: a["kind"] == b["kind"]).isomorphisms_iter():
        if found[root] == root and any(found[n] != n for n in group[root]):
            images.append([a for heavy in order for a in (found[heavy], *hydrogens[found[heavy]])])
    return atoms, images


class Relabeller:
    """Draws namings for all molecules of a system."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.symmetries = [relabellings(molecule) for molecule in system.types]

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Where each atom of the system takes its position from, (A,)."""
        source = np.arange(self.system.n_atoms)
        for group, symmetries in zip(self.system.groups, self.symmetries):
            for symmetry in symmetries:
                pick = rng.integers(len(symmetry.images), size=len(group.atom_offset))
                to = group.atom_offset[:, None] + symmetry.atoms
                source[to] = source[group.atom_offset[:, None] + symmetry.images[pick]]
        return source
