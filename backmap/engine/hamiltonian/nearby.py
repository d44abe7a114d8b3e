"""Who is near a point: a grid of beads (compiled).

Beads stand still while atoms move, so they are sorted into cells once a frame, and a fragment is found through its
bead. Beads that follow their molecules are sorted anew between sweeps. All periodic images count, however narrow the
box.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model import box as periodic
from ..compiling.compiled import borrowing, part
from ..energy.pair import NEAREST, sixth_at
from ..energy.tables import PairField

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Lennard-Jones kinds beyond which they share one bundle.
MANY = 8
#: Width of a cell, nm, about.
CELL = 0.5


class Cells(NamedTuple):
    """A cell list of the beads of one frame.

    Attributes:
        beads: Positions, (B, 3), nm.
        reach: Distance of the farthest atom of each bead's fragment, nm, (B,).
        largest: An upper bound of ``reach``, nm, (1,).
        lattice: Vectors that span the box, or all beads where it is not periodic, as rows, nm, (3, 3).
        inverse: Inverse of ``lattice``, 1/nm, (3, 3).
        origin: Origin of the cells, nm, (3,).
        counts: Number of cells along each vector, (3,).
        width: Distance between opposite faces of the box, nm, (3,).
        wrap: Whole boxes between each bead and its image in the cells, (B, 3).
        start: First bead of each cell in ``member``, (cells + 1,).
        member: Beads, cell after cell, (B,).
        periodic: 1 or 0.
    """

    beads: Array
    reach: Array
    largest: Array
    lattice: Array
    inverse: Array
    origin: Array
    counts: Index
    width: Array
    wrap: Index
    start: Index
    member: Index
    periodic: int


class AtomTables(NamedTuple):
    """What every frame of a system shares.

    Attributes:
        field: Non-bonded parameters; Coulomb's factor is 0 where nothing is charged.
        fragment_start: Where the atoms of each bead's fragment begin in ``fragment``, (B + 1,).
        fragment: Atoms by bead, (A,).
        owner: Bead of each atom, (A,).
        bundle: First kind of each bundle, and the number of kinds behind the last: see ``bundles``.
        core: By pair of kinds, nm^2: below this squared distance the energy goes on along its tangent, so that
            atoms can pass through one another where it is large; tiny where forces are the true ones.
    """

    field: PairField
    fragment_start: Index
    fragment: Index
    owner: Index
    bundle: Index
    core: Array


def bundles(n_kinds: int) -> Index:
    """First kind of each bundle, and ``n_kinds`` behind the last.

    Neighbours of a bundle follow one another, and its end is filled up to whole lanes. A few kinds are bundles by
    themselves, so that loops have their parameters as constants; of many, each would be mostly filling.
    """
    return np.arange(n_kinds + 1) if n_kinds <= MANY else np.array([0, n_kinds])


def cores(c6: Array, c12: Array, cap: float | None) -> Array:
    """Squared distances at which Lennard-Jones repulsion reaches ``cap``, kJ/mol, by pair of kinds, nm^2.

    None caps nothing: two atoms would have to coincide.
    """
    if cap is None:
        return np.full(c6.shape, NEAREST**2)
    return np.maximum(sixth_at(cap, c6, c12)**(-1 / 3), NEAREST**2)


def grid(beads: Array, atoms: Array, owner: Index, box: Array | None) -> Cells:
    """Sort beads (B, 3) into cells; ``owner`` (A,) is the bead of each atom."""
    reach = _reach(beads, atoms, owner)
    if box is None:
        origin = beads.min(axis=0) - 0.01
        lattice = np.diag(beads.max(axis=0) + 0.01 - origin)
    else:
        origin, lattice = np.zeros(3), periodic.reduced(box)
    inverse = np.linalg.inv(lattice)
    width = 1 / np.linalg.norm(inverse, axis=0)
    counts = np.clip((width / CELL).astype(np.int64), 1, 256)
    wrap, start, member = _in_cells(beads, origin, inverse, counts)
    # Copies, which can be written: loops are compiled anew for arrays that cannot.
    beads, lattice, inverse = (np.array(values, order="C") for values in (beads, lattice, inverse))
    return Cells(beads, reach, np.array([reach.max(initial=0.0)]), lattice, inverse, origin, counts, width, wrap,
                 start, member, int(box is not None))


def moved_to(g: Cells, beads: Array, atoms: Array, owner: Index) -> None:
    """Move the beads of a periodic grid to ``beads`` (B, 3), in place."""
    g.beads[:] = beads
    sorted_anew(g)
    g.reach[:] = _reach(g.beads, atoms, owner)
    g.largest[0] = g.reach.max(initial=0.0)


def sorted_anew(g: Cells) -> None:
    """Sort the beads of a periodic grid into its cells again, in place."""
    g.wrap[:], g.start[:], g.member[:] = _in_cells(g.beads, g.origin, g.inverse, g.counts)


def _reach(beads: Array, atoms: Array, owner: Index) -> Array:
    """Distance of the farthest atom of each bead's fragment, nm, (B,)."""
    reach = np.zeros(len(beads))
    np.maximum.at(reach, owner, np.linalg.norm(atoms - beads[owner], axis=1))
    return reach


def _in_cells(beads: Array, origin: Array, inverse: Array, counts: Index) -> tuple[Index, Index, Index]:
    """``wrap``, ``start`` and ``member`` of beads in cells."""
    fractional = (beads - origin) @ inverse
    wrap = np.floor(fractional).astype(np.int64)
    cell = np.minimum(((fractional - wrap) * counts).astype(np.int64), counts - 1)
    number = (cell[:, 0] * counts[1] + cell[:, 1]) * counts[2] + cell[:, 2]
    member = np.argsort(number, kind="stable")
    return wrap, np.searchsorted(number[member], np.arange(counts.prod() + 1)).astype(np.int64), member


@part
def fragments_near(g: Cells, x, y, z, radius, found, shifts):
    """Fragments that may have an atom within ``radius`` of a point, as (bead, shift): how many, and arrays of them."""
    count = _found(g, x, y, z, radius, found, shifts)
    if count > len(found):
        found, shifts = np.empty(2 * count, np.int64), np.empty((2 * count, 4))
        count = _found(g, x, y, z, radius, found, shifts)
    return count, found, shifts


@borrowing
def _found(g: Cells, x, y, z, radius, found, shifts):
    """How many there are; those that there is room for are written."""
    count, farthest = 0, radius + g.largest[0]
    counts, lattice, start, member, wrap, beads = g.counts, g.lattice, g.start, g.member, g.wrap, g.beads
    first_i, last_i = _across(g, 0, x, y, z, farthest)
    first_j, last_j = _across(g, 1, x, y, z, farthest)
    first_k, last_k = _across(g, 2, x, y, z, farthest)
    for i in range(first_i, last_i + 1):
        for j in range(first_j, last_j + 1):
            for k in range(first_k, last_k + 1):
                a, b, c = i // counts[0], j // counts[1], k // counts[2]
                cell = ((i - a * counts[0]) * counts[1] + j - b * counts[1]) * counts[2] + k - c * counts[2]
                for n in range(start[cell], start[cell + 1]):
                    bead = member[n]
                    u, v, w = a - wrap[bead, 0], b - wrap[bead, 1], c - wrap[bead, 2]
                    sx = u * lattice[0, 0] + v * lattice[1, 0] + w * lattice[2, 0]
                    sy = u * lattice[0, 1] + v * lattice[1, 1] + w * lattice[2, 1]
                    sz = u * lattice[0, 2] + v * lattice[1, 2] + w * lattice[2, 2]
                    dx, dy, dz = beads[bead, 0] + sx - x, beads[bead, 1] + sy - y, beads[bead, 2] + sz - z
                    if dx * dx + dy * dy + dz * dz < (radius + g.reach[bead])**2:
                        if count < len(found):
                            found[count] = bead
                            shifts[count, 0], shifts[count, 1], shifts[count, 2] = sx, sy, sz
                            shifts[count, 3] = 0.0 if u == 0 and v == 0 and w == 0 else 1.0
                        count += 1
    return count


@borrowing
def _across(g: Cells, d, x, y, z, farthest):
    """The first and the last layer of cells along lattice vector ``d`` that are within ``farthest`` of a point."""
    middle = ((x - g.origin[0]) * g.inverse[0, d] + (y - g.origin[1]) * g.inverse[1, d]
              + (z - g.origin[2]) * g.inverse[2, d])
    low = int(np.floor((middle - farthest / g.width[d]) * g.counts[d]))
    high = int(np.floor((middle + farthest / g.width[d]) * g.counts[d]))
    return (low, high) if g.periodic else (max(low, 0), min(high, g.counts[d] - 1))


@part
def _doubled(values):
    larger = np.empty(2 * len(values), values.dtype)
    for n in range(len(values)):
        larger[n] = values[n]
    return larger


@part
def doubled_rows(values):
    """The same rows in twice the room."""
    larger = np.empty((2 * len(values), values.shape[1]), values.dtype)
    for n in range(len(values)):
        for c in range(values.shape[1]):
            larger[n, c] = values[n, c]
    return larger
