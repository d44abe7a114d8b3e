"""Forces of pairs in the molecule in single precision, for the steps between the ends of a trajectory (compiled).

Any force that depends on positions alone leaves a trajectory reversible and its volume as it is, so these need not
be exact: the acceptance looks at energies, and those are in double precision. Where Lennard-Jones is switched off these
forces are not. All loops run over whole lanes.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import borrowing
from ..energy.pair import coulomb_slope, cubed, lennard_jones_slope
from .born import BornRoom, born_room
from .lists import LEAST
from .loops import LANES, QUICK
from .nearby import AtomTables

NOTHING, ONE = np.float32(0.0), np.float32(1.0)


class PairRoom(NamedTuple):
    """Arrays that pairs in the molecule are worked out in.

    Attributes:
        cores: Core of each kind with each place, nm^2, (kinds, lanes): see ``cores_of``.
        line: (3, lanes).
        wide: (4, lanes).
        born: For implicit solvents.
    """

    cores: NDArray[np.float32]
    line: NDArray[np.float32]
    wide: NDArray[np.float64]
    born: BornRoom


def pair_room(places: int, n_kinds: int, solvated: int) -> PairRoom:
    """Room for blocks of at most ``places`` places, and of so many that are in an implicit solvent."""
    lanes = -(-places // LANES) * LANES
    return PairRoom(np.empty((n_kinds, lanes), dtype=np.float32), np.empty((3, lanes), dtype=np.float32),
                    np.empty((4, lanes)), born_room(solvated))


@borrowing(fastmath=QUICK, error_model="numpy")
def forces_inside(moving, values, cutoff, k, kinds, x, cores, line, force):
    """Add the forces of listed pairs in the molecule to ``force`` (places, 3).

    Every atom that moves meets all places, in rows: twice the pairs, but nothing to scatter.

    Args:
        values: ``BlockTables.inside`` of the block.
        cores: Core of each kind with each place, nm^2, (kinds, lanes).
        line: Work array for coordinates, (3, lanes).
    """
    size = len(values) // (4 * moving)
    limit, twice = np.float32(cutoff * cutoff), np.float32(2.0 * k)
    for c in range(3):
        for n in range(len(x)):
            line[c, n] = x[n, c] - x[0, c]
        line[c, len(x):size] = NOTHING
    others_x, others_y, others_z = line[0, :size], line[1, :size], line[2, :size]
    for i in range(moving):
        row = 4 * i * size
        c6, c12 = values[row:row + size], values[row + size:row + 2 * size]
        near, far = values[row + 2 * size:row + 3 * size], values[row + 3 * size:row + 4 * size]
        core, at_x, at_y, at_z = cores[kinds[i], :size], line[0, i], line[1, i], line[2, i]
        fx, fy, fz = NOTHING, NOTHING, NOTHING
        for n in range(len(others_x)):
            dx, dy, dz = others_x[n] - at_x, others_y[n] - at_y, others_z[n] - at_z
            squared = dx * dx + dy * dy + dz * dz
            root = ONE / np.sqrt(max(squared, core[n]))
            inverse = root * root
            slope = (lennard_jones_slope(inverse, cubed(inverse), c6[n], c12[n])
                     + coulomb_slope(inverse, near[n] * root, far[n] * twice))
            slope = slope if squared < limit else NOTHING
            fx += slope * dx
            fy += slope * dy
            fz += slope * dz
        force[i, 0] += fx
        force[i, 1] += fy
        force[i, 2] += fz


@borrowing
def cores_of(s: AtomTables, kinds, places, cores):
    """What ``forces_inside`` needs to know of the kinds (places,), into ``cores`` (kinds, lanes)."""
    for kind in range(len(s.core)):
        for n in range(places):
            cores[kind, n] = max(np.float32(s.core[kind, kinds[n]]), LEAST)
        cores[kind, places:-(-places // LANES) * LANES] = ONE
