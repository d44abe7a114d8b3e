"""In which order the sites of a lattice are decoded: from a coarse lattice to ever finer ones.

First the sites of a square lattice of spacing 4 (2 or 1, where the sides ask for it), one after the other; then the
centres of its cells, then the middles of its edges, which makes a lattice of half the spacing; and so on. Most sites
are decoded when all of their neighbours are there: those of the last stage are independent of one another in any
target of nearest-neighbour interactions, those of the half of a stage before it nearly so. Within a stage sites that
are far from one another have the same rank and are decoded at once.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

#: Sites that a site sees at least when all of its surroundings are known: what interactions of nearest neighbours reach
#: once the sites that come later are summed over, and some more.
NEAR = 16


@dataclass(frozen=True, eq=False)
class Stage:
    """Sites that share a network.

    Attributes:
        sites: Their numbers, in the order of their ranks, (m,).
        rank: When each is decoded, counted from 0 within the stage, not falling, (m,).
        seen: Sites around each, the same displacements for all, (m, K).
        known: Which of those are decoded before, (m, K) bool.
        before: Number of sites decoded before the first of each site's rank, (m,).
    """

    sites: np.ndarray
    rank: np.ndarray
    seen: np.ndarray
    known: np.ndarray
    before: np.ndarray

    @property
    def ranks(self) -> int:
        """How many there are."""
        return int(self.rank[-1]) + 1


def stages(grid: tuple[int, ...], window: int) -> list[Stage]:
    """All stages of a lattice of ``grid`` sites; a site sees the ``window`` nearest of those that may be known."""
    found, done = [], np.full(grid, -1)
    for cells in _cells(grid):
        near = window if len(cells) > 1 else max(NEAR, window // 4)  # all around them is known
        rank = np.concatenate([np.full(len(sites), number) for number, sites in enumerate(cells)])
        sites = np.concatenate(cells)
        stage = np.full(grid, -1)
        stage[tuple(sites.T)] = rank
        found.append(_stage(grid, sites, rank, stage, done, near))
        done[tuple(sites.T)] = 1
    return found


def _cells(grid: tuple[int, ...]) -> list[list[np.ndarray]]:
    """Stages as lists of ranks, each rank an array (m, 2) of sites."""
    spacing = next(s for s in (4, 2, 1) if all(side % s == 0 for side in grid))
    first = _lattice(grid, spacing, 0, 0)
    made = [[site[None] for site in first]]
    while spacing > 1:
        half = spacing // 2
        centres = _coloured(grid, spacing, half, half)
        edges = [rank for a, b in ((0, half), (half, 0)) for rank in _coloured(grid, spacing, a, b)]
        even = len(centres) % 2 == 0 and all(side // spacing % 2 == 0 for side in grid)
        if even:
            made.append(centres[0::2])
            made.append([np.concatenate(centres[1::2])] if half == 1 else centres[1::2])
        else:
            made.append(centres)
        made.append([np.concatenate(edges)] if half == 1 else edges)
        spacing = half
    return made


def _lattice(grid: tuple[int, ...], spacing: int, a: int, b: int) -> np.ndarray:
    """Sites (m, 2) of a sub-lattice."""
    return np.stack(np.meshgrid(np.arange(a, grid[0], spacing), np.arange(b, grid[1], spacing), indexing="ij"),
                    axis=-1).reshape(-1, 2)


def _coloured(grid: tuple[int, ...], spacing: int, a: int, b: int) -> list[np.ndarray]:
    """A sub-lattice in parts of which the sites are as far from one another as may be.

    Colours are (i + k j) mod c with c a divisor of both sides, of sites (i, j); k is odd, so that colours of one
    parity are sites of one parity.
    """
    sites = _lattice(grid, spacing, a, b)
    cells = (sites - (a, b)) // spacing
    colours = math.gcd(grid[0] // spacing, grid[1] // spacing)

    def apart(k: int) -> int:
        steps = [(i, j) for j in range(colours) for i in ((-k * j) % colours, (-k * j) % colours - colours)]
        return min((i * i + min(j, colours - j)**2 for i, j in steps if i or j), default=0)

    best = max(range(1, max(2, colours), 2), key=apart)
    colour = (cells[:, 0] + best * cells[:, 1]) % colours
    return [sites[colour == number] for number in range(colours)]


def _stage(grid: tuple[int, ...], sites: np.ndarray, rank: np.ndarray, stage: np.ndarray, done: np.ndarray,
           window: int) -> Stage:
    rows, columns = grid
    i, j = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    shift = np.stack([i.ravel(), j.ravel()], axis=1)
    half = np.array(grid) // 2
    centred = (shift + half) % grid - half
    at = (sites[:, None] + shift) % grid
    earlier = done[at[..., 0], at[..., 1]] == 1
    within = stage[at[..., 0], at[..., 1]]
    known = earlier | ((within >= 0) & (within < rank[:, None]))
    distance = (centred**2).sum(1)
    useful = np.flatnonzero(known.any(0))
    nearest = useful[np.argsort(distance[useful], kind="stable")][:window]
    before = int((done == 1).sum()) + np.searchsorted(rank, rank)
    flat = at[..., 0] * columns + at[..., 1]
    return Stage(sites[:, 0] * columns + sites[:, 1], rank, flat[:, nearest], known[:, nearest], before)
