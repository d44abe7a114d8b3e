"""Tables of all blocks, by what they are for, as compiled code takes them.

Blocks of the same make share tables: they differ only in which atoms and beads they are about, as repeat units do.

They refer to *places*: 0 .. n - 1 are the atoms of a block that move, those after them its partners, atoms of the same
molecule that stand still but share a term, a bond or an exclusion with it. K makes stand one after the other: the rows
of make k run from ``start[k]`` to ``start[k + 1]``.
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
        free: How many of them by themselves, (K,); dependent atoms come behind these.
        start: Where the places of each block begin, (K + 1,).
        inverse_mass: 1/u, 0 for dependent atoms and partners, (n,).
        excluded: Non-bonded pairs of the place with the block are listed: of all that move, and of some partners, (n,).
    """

    moving: Index
    free: Index
    start: Index
    inverse_mass: Array
    excluded: NDArray[np.bool_]


class ListGroups(NamedTuple):
    """Heavy atoms with what hangs on them, which are looked at together where what is near a block is gathered.

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


class MovingDependents(NamedTuple):
    """Dependent atoms that move with their parents: see ``model.rigid.Dependents``.

    Attributes:
        start: Where those of each block begin, (K + 1,).
        place: (n,).
        begin: Where the parents of each begin, (n,).
        end: Where they end, (n,).
        parent: Their places, (m,).
        weight: (m, 3).
        factor: (n, 4).
    """

    start: Index
    place: Index
    begin: Index
    end: Index
    parent: Index
    weight: Array
    factor: Array


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


class SolvatedAtoms(NamedTuple):
    """Implicit solvents.

    Attributes:
        start: Where the places of each block in a solvent begin, all or none of them, (K + 1,).
        atom: Charge, radius and screen of each, (n, 3).
        medium: As of ``born.medium``, (K, 6).
    """

    start: Index
    atom: Array
    medium: Array


class RigidBonds(NamedTuple):
    """Bonds of fixed length, and other fixed distances.

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
        row: Its three rows in the order of elimination, -1 where beads are not exact, (n, 3).
        weight_start: Where its part of ``place`` and ``weight`` begins, (n,).
        weight_end: Where that ends, (n,).
        place: Of all weights, (w,).
        weight: (w,).
    """

    start: Index
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
    """Gram matrices of the rigid bonds of a molecule near blocks.

    Attributes:
        width: Of each, (G,).
        entry: Their entries: row and column, (n, 2), and coupling.
    """

    width: Index
    entry: Listed


class BlockCopies(NamedTuple):
    """What L blocks of all molecule types are about, one block after the other.

    Attributes:
        make: The make of each, (L,).
        atom_start: Where the atoms of each begin, (L + 1,).
        atom: Local atom of each place, (n,).
        bead_start: Where the beads of each begin, (L + 1,).
        bead: Local bead of each of ``BeadRows``, (n,).
        gram: Which of ``NearBonds`` each has, (L,).
        near_start: Where the bonds near each begin, (L + 1,).
        near: Local atoms at both ends of the rigid bonds that ``NearBonds`` is about, (n, 2).
    """

    make: Index
    atom_start: Index
    atom: Index
    bead_start: Index
    bead: Index
    gram: Index
    near_start: Index
    near: Index


class BlockTables(NamedTuple):
    """Makes of blocks of all molecule types, one after the other, and the blocks.

    Attributes:
        copies: The blocks.
        places: What moves, and its partners.
        groups: Heavy atoms with what hangs on them.
        pairs: Non-bonded pairs in the molecule: two places; c6, c12, Coulomb's constant times the charges, and whether
            excluded (0 or 1).
        inside: The same for single precision.
        explicit: Explicit pairs (1-4): two places; c6, c12, Coulomb's constant times the charges.
        terms: Bonded terms, those of one function together: code of the function and four places; parameters as of
            ``tables.prepared``.
        dependents: Atoms that follow others.
        maps: Correction maps.
        bonds: Rigid bonds.
        beads: Beads.
        factor: How their Gram matrix is factorised.
        gram: What it is made of.
        near: Bonds that the block's share of sqrt(det G) depends on.
        solvent: Implicit solvents.
        isomers: What must keep its sign: code of ``model.isomers`` and four places, (n, 5); the sign, (n,).
    """

    copies: BlockCopies
    places: BlockAtoms
    groups: ListGroups
    pairs: Listed
    inside: LaneFactors
    explicit: Listed
    terms: Listed
    dependents: MovingDependents
    maps: MapTerms
    bonds: RigidBonds
    beads: BeadRows
    factor: GramFactor
    gram: GramEntries
    near: NearBonds
    solvent: SolvatedAtoms
    isomers: Listed


@part
def rows_of(listed: Listed, k: int):
    """What the terms of block ``k`` are about, and their parameters."""
    rows = slice(listed.start[k], listed.start[k + 1])
    return listed.at[rows], listed.value[rows]
