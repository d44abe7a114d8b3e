"""Tables of all blocks, by what they are for, as compiled code takes them.

They refer to *places*: 0 .. n - 1 are the atoms of a block that move, those after them its partners, atoms of the same
molecule that stand still but share a term, a bond or an exclusion with it. K blocks stand one after the other: the rows
of block k run from ``start[k]`` to ``start[k + 1]``.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import part

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class BlockAtoms(NamedTuple):
    """What moves, and its partners.

    Attributes:
        moving: How many places of each block move, the first ones, (K,).
        start: Where the places of each block begin, (K + 1,).
        atom: Local atom of each place, (n,).
        inverse_mass: 1/u, 0 for partners, (n,).
        excluded: Non-bonded pairs of the place with the block are listed: of all that move, and of some partners, (n,).
    """

    moving: Index
    start: Index
    atom: Index
    inverse_mass: Array
    excluded: NDArray[np.bool_]


class ListGroups(NamedTuple):
    """Atoms that share a neighbour list.

    Attributes:
        start: Where the groups of each block begin, (K + 1,).
        first: First place of each group, and behind the last of a block its end, (n,).
    """

    start: Index
    first: Index


class Listed(NamedTuple):
    """Terms of some kind.

    Attributes:
        start: Where the terms of each block begin, (K + 1,).
        at: What they are about: see ``BlockTables``, (n,) or (n, m).
        value: Their parameters, (n,) or (n, p).
    """

    start: Index
    at: Index
    value: Array


class LaneFactors(NamedTuple):
    """Listed pairs once more, for ``quick.forces_inside``.

    Attributes:
        start: Where the factors of each block begin, (K + 1,).
        factor: Of the force of every place on every atom that moves, (moving, 4, lanes) of each block, flat.
    """

    start: Index
    factor: NDArray[np.float32]


class MapTerms(NamedTuple):
    """Correction maps.

    Attributes:
        start: Where the terms of each block begin, (K + 1,).
        term: Map and five places, (n, 6).
        splines: Of all maps, as of ``energy.maps.splines``, (m, G, G, 4).
    """

    start: Index
    term: Index
    splines: Array


class RigidBonds(NamedTuple):
    """Bonds of fixed length.

    Attributes:
        start: Where those of each block begin, (K + 1,).
        place: Both ends, (n, 2).
        length: nm, (n,).
        row: Their row in the order of elimination, (n,).
    """

    start: Index
    place: Index
    length: Array
    row: Index


class BeadRows(NamedTuple):
    """Beads that the atoms of a block have weight in.

    Attributes:
        start: Where those of each block begin, (K + 1,).
        bead: Local bead, (n,).
        row: Its three rows in the order of elimination, -1 where beads are not exact, (n, 3).
        weight_start: Where its part of ``place`` and ``weight`` begins, (n,).
        weight_end: Where that ends, (n,).
        place: Of all weights, (w,).
        weight: (w,).
    """

    start: Index
    bead: Index
    row: Index
    weight_start: Index
    weight_end: Index
    place: Index
    weight: Array


class GramFactor(NamedTuple):
    """How the Gram matrix of the constraints is factorised: see ``elimination.Pattern``.

    Attributes:
        entry_start: Where ``column`` and ``update_end`` of each block begin, (K + 1,).
        column: As there.
        update_end: As there.
        diagonal_start: Where ``diagonal`` of each block begins, (K + 1,).
        diagonal: As there.
        update_start: Where ``update`` of each block begins, (K + 1,).
        update: As there.
    """

    entry_start: Index
    column: Index
    update_end: Index
    diagonal_start: Index
    diagonal: Index
    update_start: Index
    update: Index


class GramEntries(NamedTuple):
    """What the Gram matrix of the constraints is made of, by slots of its factor.

    Attributes:
        fixed: Constant entries: slot, (n,), and value.
        dot: Entries of two bonds: slot and both bonds, (n, 3), and coupling.
        mixed: Entries of bond and bead: slot, bond and component, (n, 3), and coupling.
    """

    fixed: Listed
    dot: Listed
    mixed: Listed


class NearBonds(NamedTuple):
    """The rigid bonds of the molecule near each block.

    Attributes:
        start: Where those of each block begin, (K + 1,).
        atom: Local atoms at both ends, (n, 2).
        width: Of their Gram matrix, (K,).
        entry: Its entries: row and column, (n, 2), and coupling.
    """

    start: Index
    atom: Index
    width: Index
    entry: Listed


class BlockTables(NamedTuple):
    """Blocks of all molecule types, one after the other.

    Attributes:
        places: What moves, and its partners.
        groups: Atoms that share a neighbour list.
        pairs: Non-bonded pairs in the molecule: two places; c6, c12, Coulomb's constant times the charges, and whether
            excluded (0 or 1).
        inside: The same for single precision.
        explicit: Explicit pairs (1-4): two places; c6, c12, Coulomb's constant times the charges.
        terms: Bonded terms, those of one function together: code of the function and four places; parameters as of
            ``tables.prepared``.
        maps: Correction maps.
        bonds: Rigid bonds.
        beads: Beads.
        factor: How their Gram matrix is factorised.
        gram: What it is made of.
        near: Bonds that the block's share of sqrt(det G) depends on.
    """

    places: BlockAtoms
    groups: ListGroups
    pairs: Listed
    inside: LaneFactors
    explicit: Listed
    terms: Listed
    maps: MapTerms
    bonds: RigidBonds
    beads: BeadRows
    factor: GramFactor
    gram: GramEntries
    near: NearBonds


@part
def rows_of(listed: Listed, k: int):
    """What the terms of block ``k`` are about, and their parameters."""
    rows = slice(listed.start[k], listed.start[k + 1])
    return listed.at[rows], listed.value[rows]
