"""Coarse-grained force fields as tables: interactions of beads, and potentials on grids."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import BackmapError

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Kind = Literal["pair", "bond", "angle", "dihedral"]

KINDS: tuple[Kind, ...] = get_args(Kind)
#: Beads of one member of an interaction.
MEMBERS = {"pair": 2, "bond": 2, "angle": 3, "dihedral": 4}
#: What the coordinate is measured in.
UNITS = {"pair": "nm", "bond": "nm", "angle": "radians", "dihedral": "radians"}
#: Largest relative difference of the steps of a grid that counts as even.
_EVEN = 1e-3


@dataclass(frozen=True, eq=False)
class Interaction:
    """Beads that one potential acts on.

    Attributes:
        name: Name, which is that of its files, too.
        kind: pair, bond, angle or dihedral.
        members: Beads by their index in the molecule, (n, 2 to 4), by name of the molecule type; empty for pairs.
        types: The two bead types of a pair; None for others.
    """

    name: str
    kind: Kind
    members: dict[str, Index] = field(default_factory=dict)
    types: tuple[str, str] | None = None


@dataclass(frozen=True, eq=False)
class Potential:
    """A potential on an even grid.

    Attributes:
        kind: pair, bond, angle or dihedral.
        grid: Distances, nm, or angles, radians, rising in even steps, (n,). Angles are 0 to pi at most. A dihedral
            goes round: its grid spans 2 pi, the first and the last value are the same.
        energy: U, kJ/mol, (n,).
        force: -dU/dx, kJ/mol/nm or kJ/mol/rad, (n,).
        known: Where data are behind it, (n,) bool; elsewhere it was extrapolated. By default everywhere.
        where: The file, for messages.
    """

    kind: Kind
    grid: Array
    energy: Array
    force: Array
    known: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=bool))
    where: str = ""

    def __post_init__(self) -> None:
        """Fill in ``known``, and look at the grid.

        Raises:
            BackmapError: If there are fewer than four points, one is not a number, or steps are uneven.
        """
        if not len(self.known):
            object.__setattr__(self, "known", np.ones(len(self.grid), dtype=bool))
        check_grid(self.grid, self.kind, self.where)
        bad = ~np.isfinite(self.energy) | ~np.isfinite(self.force)
        if bad.any():
            raise BackmapError(f"{bad.sum()} values of a table of {len(bad)} are not numbers, the first at "
                               f"{self.grid[bad.argmax()]:.5g} {UNITS[self.kind]}", where=self.where)

    @property
    def step(self) -> float:
        """Distance of neighbouring points, nm or radians."""
        return float((self.grid[-1] - self.grid[0]) / (len(self.grid) - 1))

    @property
    def periodic(self) -> bool:
        """Whether the coordinate goes round."""
        return self.kind == "dihedral"


def check_grid(grid: Array, kind: Kind, where: str = "") -> None:
    """See that a grid can carry a potential of a kind.

    Raises:
        BackmapError: If there are fewer than four points, one is not a number, steps are uneven, distances are
            negative, or angles are not what they can be.
    """
    if len(grid) < 4:
        raise BackmapError(f"a table of {len(grid)} points is too short", where=where, hint="It takes four at least.")
    steps = np.diff(grid)
    step = (grid[-1] - grid[0]) / (len(grid) - 1)
    if not np.isfinite(grid).all() or step <= 0 or np.abs(steps - step).max() > _EVEN * step:
        at = int((~(np.abs(steps - np.median(steps)) <= _EVEN * step)).argmax())
        raise BackmapError(f"the steps of a table are not even: {grid[at]:.6g} is followed by {grid[at + 1]:.6g}, but "
                           f"most steps are {np.median(steps):.6g}", where=where,
                           hint="Write it on an even, rising grid.")
    if kind in ("pair", "bond") and grid[0] < -_EVEN * step:
        raise BackmapError(f"a table of distances starts at {grid[0]:.6g} nm", where=where, hint="Start at 0 or above.")
    if kind == "angle" and (grid[0] < -_EVEN * step or grid[-1] > np.pi + _EVEN * step):
        raise BackmapError(f"a table of an angle goes from {grid[0]:.5g} to {grid[-1]:.5g}", where=where,
                           hint="Angles are 0 to 3.14159 radians.")
    if kind == "dihedral" and abs(grid[-1] - grid[0] - 2 * np.pi) > _EVEN * step * len(grid):
        raise BackmapError(f"a table of a dihedral goes from {grid[0]:.5g} to {grid[-1]:.5g}", where=where,
                           hint="It must go once round: -3.14159 to 3.14159 radians, both ends included.")


def even_grid(kind: Kind, start: float, stop: float, points: int) -> Array:
    """A grid of ``points`` values, (points,); for angles and dihedrals ``start`` and ``stop`` are not used."""
    ends = {"angle": (0.0, np.pi), "dihedral": (-np.pi, np.pi)}.get(kind, (start, stop))
    return np.linspace(*ends, points)
