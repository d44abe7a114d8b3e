"""What identical particles in a box in the plane feel of those to their left: for models that place them so.

Particles repel one another by strength / r^12, walls push back those whose coordinates are beyond them. Energies are
over kT and looked at on the nodes of a square grid that covers the box. A particle to come is right of the last one,
so only a window of columns from there on matters: what is placed tells all that it will tell by its energies there.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backmap.engine.compiling.compiled import compiled, part

Array = NDArray[np.float64]
Field = NDArray[np.float32]

MOST = 40.0  #: energies above this are all the same, kT
CLOSEST = 0.1  #: square of a distance below which repulsion grows no more: it is above ``MOST`` there


@dataclass(frozen=True)
class Front:
    """The grid, and the energies on it.

    Attributes:
        particles: How many there are, S.
        fixed: Coordinates of a configuration that come before theirs.
        strength: Of the repulsion.
        half: The walls are at minus and plus this.
        wall: Energy of a coordinate is this times the square of how far it is beyond.
        edge: The grid reaches from minus to plus this.
        spacing: Of its nodes.
        gaps: The window is at least so many times as wide as what there is of the box for each particle, and 1.6. A
            particle further than that from the one before is never made.
        reach: Distance beyond which repulsion is left out here; what a model learns makes up for it.
    """

    particles: int
    fixed: int
    strength: float
    half: float
    wall: float
    edge: float
    spacing: float = 0.1
    gaps: float = 8.0
    reach: float = 2.0

    @property
    def rows(self) -> int:
        """Nodes along the second coordinate, and columns of the whole grid, G."""
        return round(2 * self.edge / self.spacing) + 1

    @property
    def columns(self) -> int:
        """Columns of the window, W."""
        return min(self.rows, max(round(1.6 / self.spacing), round(self.gaps * self.rows / max(1, self.particles))))

    def column(self, place: Array) -> Array:
        """First coordinates in units of the spacing, from the grid's edge."""
        return (place + self.edge) / self.spacing

    def begin(self, obstacles: Array) -> Field:
        """Energies (n, G, G) that walls and obstacles (n, m, 2) make."""
        field = np.empty((len(obstacles), self.rows, self.rows), dtype=np.float32)
        _begin(field, obstacles, self.strength, self.half, self.wall, self.edge, self.spacing, self.reach)
        return field

    def add(self, field: Field, places: Array) -> None:
        """Put a particle each at places (n, 2), in place; columns left of them keep what they have."""
        _add_all(field, places, self.strength, self.edge, self.spacing, self.reach)

    def window(self, field: Field, last: Array) -> Field:
        """Room exp(-energy) (n, W, G) from the column of ``last`` (n,) on, where the last particle is."""
        seen = np.empty((len(field), self.columns, self.rows), dtype=np.float32)
        for k in range(len(field)):
            _look(field[k], int(self.column(last[k])), seen[k])
        return seen

    def windows(self, obstacles: Array, places: Array) -> Field:
        """Room (n, S, W, G) for each of particles (n, S, 2), made by obstacles (n, m, 2) and those before it."""
        seen = np.empty((*places.shape[:2], self.columns, self.rows), dtype=np.float32)
        _windows(obstacles, places, seen, self.strength, self.half, self.wall, self.edge, self.spacing, self.reach)
        return seen


@compiled
def _begin(field: Field, obstacles: Array, strength: float, half: float, wall: float, edge: float, spacing: float,
           reach: float) -> None:
    for k in range(len(field)):
        for i in range(field.shape[1]):
            across = max(0.0, abs(i * spacing - edge) - half)
            for j in range(field.shape[2]):
                along = max(0.0, abs(j * spacing - edge) - half)
                field[k, i, j] = wall * (across * across + along * along)
        for m in range(obstacles.shape[1]):
            _add(field[k], obstacles[k, m, 0], obstacles[k, m, 1], 0, strength, edge, spacing, reach)


@part
def _add(field: Field, px: float, py: float, first: int, strength: float, edge: float, spacing: float,
         reach: float) -> None:
    """Add the energies of a particle at a place to the columns from ``first`` on."""
    nodes = len(field)
    left, right = max(first, int((px + edge - reach) / spacing)), min(nodes - 1, int((px + edge + reach) / spacing))
    low, high = max(0, int((py + edge - reach) / spacing)), min(nodes - 1, int((py + edge + reach) / spacing))
    for i in range(left, right + 1):
        dx = i * spacing - edge - px
        for j in range(low, high + 1):
            dy = j * spacing - edge - py
            inverse = 1.0 / max(dx * dx + dy * dy, CLOSEST)
            third = inverse * inverse * inverse
            field[i, j] += strength * third * third


@compiled
def _add_all(field: Field, places: Array, strength: float, edge: float, spacing: float, reach: float) -> None:
    for k in range(len(field)):
        first = max(0, int((places[k, 0] + edge) / spacing))
        _add(field[k], places[k, 0], places[k, 1], first, strength, edge, spacing, reach)


@compiled
def _look(field: Field, first: int, seen: Field) -> None:
    """Room on the nodes of a window; beyond the grid there is none."""
    nodes, least = len(field), np.float32(np.exp(-MOST))
    for i in range(len(seen)):
        for j in range(nodes):
            energy = field[first + i, j] if 0 <= first + i < nodes else np.float32(MOST)
            seen[i, j] = np.exp(-energy) if energy < MOST else least


@compiled
def _windows(obstacles: Array, places: Array, seen: Field, strength: float, half: float, wall: float, edge: float,
             spacing: float, reach: float) -> None:
    field = np.empty((1, seen.shape[3], seen.shape[3]), dtype=np.float32)
    for k in range(len(places)):
        _begin(field, obstacles[k:k + 1], strength, half, wall, edge, spacing, reach)
        first = 0
        for s in range(places.shape[1]):
            _look(field[0], first, seen[k, s])
            first = max(0, int((places[k, s, 0] + edge) / spacing))
            _add(field[0], places[k, s, 0], places[k, s, 1], first, strength, edge, spacing, reach)
