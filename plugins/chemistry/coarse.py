"""Molecules whose "atoms" are coarse-grained beads: how they are told from atoms, and what is known of them."""
from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.api import AtomMolecule
from backmap.model.molecule import Chemistry, graph_of

from .elements import mass_of

Array = NDArray[np.float64]
Index = NDArray[np.int64]

TOLERANCE = 0.02  #: u; masses in force fields are rounded
UNITED = 4.1  #: u; what the hydrogens of a united atom weigh at most
LIGHTEST = 20.0  #: u; beads are heavier, as they hold two heavy atoms at least, but for reduced units
HEAVIER = 3.0  #: u; no hydrogen is as heavy, but where its mass is changed
LARGEST_RING = 8  #: beads; larger rings are chains to all that happens in them, and distances by bonds end there, too
_HYDROGEN, _BORON, _CARBON = 1, 5, 6


def looks_coarse(molecule: AtomMolecule) -> bool:
    """Whether the atoms of a molecule type are beads, by their elements, as a reader could tell them, and masses.

    Beads have no hydrogens at the end of a bond, and most of their masses are no element's: 72 u, or 1 in reduced
    units. Where a file gives no masses, their names are no element's, or boron's.
    """
    element, mass = molecule.element, molecule.mass
    if not len(element):
        return False
    most = np.bincount(molecule.bonds.ravel(), minlength=1).max()
    if (element <= _HYDROGEN).all() and (mass < HEAVIER).all() and most > 1:
        return True  # atoms of mass 1 in a chain
    fits = _fits(element, mass)
    if (fits & (element == _HYDROGEN)).any():
        return False
    if _unweighed(element, mass).all():
        return bool(np.isin(element, (0, _BORON)).all()) and len(element) > 1
    return bool((~fits & (mass > LIGHTEST)).sum() > (mass > 0).sum() / 2)


def as_beads(molecule: AtomMolecule) -> AtomMolecule:
    """The same molecule type without elements; masses that no file gave are 1 u."""
    unknown = _unweighed(molecule.element, molecule.mass)
    return replace(molecule, element=np.zeros_like(molecule.element), mass=np.where(unknown, 1.0, molecule.mass))


def chemistry_of_beads(n_beads: int, bonds: Index) -> Chemistry:
    """What there is to know of beads: nothing but small rings."""
    return Chemistry(
        element=np.zeros(n_beads, dtype=np.int64), aromatic=np.zeros(n_beads, dtype=bool),
        ring=_rings(graph_of(n_beads, bonds)), charge=np.zeros(n_beads), bond_order=np.ones(len(bonds)),
        centres=np.empty((0, 4), dtype=np.int64), sign=np.empty(0, dtype=np.int64))


def _fits(element: Index, mass: Array) -> NDArray[np.bool_]:
    """Whether each mass is that of its element, of a united atom, or one that simulations change, (A,)."""
    extra = mass - np.array([mass_of(int(z)) for z in element])
    united = (element == _CARBON) & (extra > 0) & (extra < UNITED)
    return (element > 0) & ((np.abs(extra) < TOLERANCE) | united | (mass < LIGHTEST))


def _unweighed(element: Index, mass: Array) -> NDArray[np.bool_]:
    """Whether a mass is what a reader puts where a file has none: that of the element, or nothing, (A,)."""
    return mass == np.array([mass_of(int(z)) for z in element])


def _rings(graph: nx.Graph) -> Index:
    """Number of beads of the smallest ring each bead is in, 0 outside rings of up to ``LARGEST_RING`` beads, (A,)."""
    ring = np.zeros(len(graph), dtype=np.int64)
    bridges = {frozenset(edge) for edge in nx.bridges(graph)}
    for edge in graph.edges:
        if frozenset(edge) in bridges:
            continue
        others = nx.restricted_view(graph, [], [edge])
        there = nx.single_source_shortest_path(others, edge[0], cutoff=LARGEST_RING - 1).get(edge[1], [])
        for bead in there:
            ring[bead] = min(ring[bead] or len(there), len(there))
    return ring
