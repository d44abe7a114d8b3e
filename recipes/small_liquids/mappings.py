"""Mappings of the small liquids: ``python mappings.py [NAME ...]`` writes ``NAME/N.xml`` for N = 2, 3, 4, 5.

NAME is a liquid that is there, or one of the systems of other recipes that ``systems.py`` knows; all by default.

A bead has about N heavy atoms that are bonded to each other, with their hydrogens, and lies at their centre of mass.
Of the ways to cut a molecule along a tree of its bonds, one is drawn at random of those whose beads are nearest to N.
"""
from __future__ import annotations

import sys
from pathlib import Path

import networkx as nx
import numpy as np
from backmap_plugins.files.votca_mapping import WrittenBead, mapping_xml
from backmap_plugins.formats.gromacs.topology import Gromacs
from systems import HERE, SIZES, liquids

from backmap.api import AtomMolecule

TRIALS, SEED = 200, 7


def cut(graph: nx.Graph, atoms: dict[int, list[int]], size: int, rng: np.random.Generator) -> list[list[int]]:
    """Pieces of about ``size`` atoms, cut off a random spanning tree from its ends inwards; a node may have several."""
    root, left = int(rng.choice(graph.nodes)), {}
    weights = {edge: rng.random() for edge in graph.edges}
    tree = nx.minimum_spanning_tree(nx.Graph((*edge, {"weight": weight}) for edge, weight in weights.items()))
    tree.add_node(root)  # where it is all there is
    pieces = []
    for node in nx.dfs_postorder_nodes(tree, root):
        here = [*atoms[node], *(n for child in tree[node] if child in left for n in left.pop(child))]
        if len(here) >= size:
            pieces.append(sorted(here))
        else:
            left[node] = here
    return sorted([*pieces, *(sorted(piece) for piece in left.values())])


def pieces_of(graph: nx.Graph, size: int, rng: np.random.Generator, whole_rings: bool = False) -> list[list[int]]:
    """The trial whose pieces are nearest to ``size``; of several, the first."""
    atoms = {atom: [atom] for atom in graph}
    if whole_rings:
        groups = [sorted(group) for group in nx.connected_components(_bonds_in_rings(graph))]
        atoms, of = {group[0]: group for group in groups}, {atom: group[0] for group in groups for atom in group}
        graph = nx.Graph((of[i], of[j]) for i, j in graph.edges if of[i] != of[j])
        graph.add_nodes_from(atoms)
    return min((cut(graph, atoms, size, rng) for _ in range(TRIALS)),
               key=lambda pieces: sum((len(piece) - size) ** 2 for piece in pieces))


def _bonds_in_rings(graph: nx.Graph) -> nx.Graph:
    """All atoms, and of the bonds those in rings."""
    rings = nx.Graph(graph.edges)
    rings.add_nodes_from(graph)
    rings.remove_edges_from(list(nx.bridges(rings)))
    return rings


def written(topology: Path, size: int) -> str:
    """The mapping of the molecule of a topology."""
    molecule = next(iter(Gromacs(Gromacs.Options(file=topology)).read().types.values()))
    return mapped(molecule, size, np.random.default_rng([SEED, size]))


def mapped(molecule: AtomMolecule, size: int, rng: np.random.Generator, whole_rings: bool = False,
           shared: float = 0) -> str:
    """A mapping of a molecule; of the bonds between two beads a share has an atom that belongs to both."""
    graph = nx.Graph(molecule.bonds.tolist())
    heavy = [atom for atom in graph if molecule.element[atom] != 1]
    residue = np.unique(molecule.residues, return_inverse=True)[1] + 1
    pieces = pieces_of(graph.subgraph(heavy), size, rng, whole_rings)
    owner = {atom: number for number, piece in enumerate(pieces) for atom in piece}
    guests = _shared(graph.subgraph(heavy), owner, shared, rng)
    halves = {n for atom in guests for n in (atom, *graph[atom]) if n == atom or molecule.element[n] == 1}
    beads = []
    for number, piece in enumerate(pieces):
        guest = [atom for atom, other in guests.items() if other == number]
        atoms = [n for part in (piece, guest) for n in sorted({*part, *(
            n for atom in part for n in graph[atom] if molecule.element[n] == 1)})]
        names = [f"{residue[a]}:{molecule.residue_names[a]}:{molecule.atom_names[a]}" for a in atoms]
        beads.append(WrittenBead(f"B{number + 1}", f"T{number + 1}", names,
                                 [molecule.mass[a] * (0.5 if a in halves else 1) for a in atoms]))
    bonds = sorted({tuple(sorted((owner[i], owner[j]))) for i, j in graph.subgraph(heavy).edges} - {
        (number, number) for number in owner.values()})
    return mapping_xml(molecule.name, molecule.name, beads, bonds, [f"{size} heavy atoms a bead; by mappings.py"])


def _shared(graph: nx.Graph, owner: dict[int, int], share: float, rng: np.random.Generator) -> dict[int, int]:
    """The second bead of atoms outside of rings that half of belongs to the bead of a neighbour."""
    rings, found = _bonds_in_rings(graph), {}
    for edge in sorted(tuple(sorted(edge)) for edge in graph.edges):
        if owner[edge[0]] != owner[edge[1]] and not rings.has_edge(*edge) and rng.random() < share:
            atom, other = edge if rng.random() < 0.5 else edge[::-1]
            if not rings.degree(atom) and found.keys().isdisjoint((atom, *graph[atom])):
                found[atom] = owner[other]
    return found


def main(names: list[str]) -> None:
    known = liquids()
    for name in names or known:
        (HERE / name).mkdir(exist_ok=True)
        for size in SIZES:
            (HERE / name / f"{size}.xml").write_text(written(known[name].topology, size))


if __name__ == "__main__":
    main(sys.argv[1:])
