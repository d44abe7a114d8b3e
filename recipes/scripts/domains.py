"""How well moves of blocks would share out among workers that each have a part of the box: their schedule, simulated.

Beads are those of the demo's melt, many times over. A sweep has blocks of up to eight beads that tile the chains, in an
order that is drawn by name. A block waits for those before it that are near enough to see it, so that any number of
workers gives the bytes of one that takes them in order. Every worker has a part of the box; what another has moved is
known to it after a message's time. Nothing is run in parallel here: times are those of a move, as measured.

    python domains.py --copies 6 --workers 1 8 64
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
Index = NDArray[np.int64]

DEMO = Path(__file__).parents[1] / "polystyrene" / "cg.gro"
CHAIN, BLOCK = 20, 8  #: beads
MOVE = 1.2e-3  #: s, of a block of 64 atoms and 17 steps
MESSAGE = 20e-6  #: s, until another worker knows what a block has done
#: nm. Cut-off and margin of lists, the width of two groups of atoms, and how far atoms are from their beads at most.
CUTOFF, GROUPS, REACH = 1.05, 0.3, 0.65


def melt(copies: int) -> tuple[Array, float]:
    """Beads (B, 3), nm, of the demo's box so many times in each direction, and its edge, nm."""
    frame = GromacsFrames([DEMO]).frame(0)
    edge = float(frame.box[0, 0])
    shifts = np.stack(np.meshgrid(*[np.arange(copies)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3) * edge
    return (frame.positions + shifts).reshape(-1, 3), copies * edge


def blocks(n_beads: int, rng: np.random.Generator) -> list[Index]:
    """Beads of blocks that tile every chain from a random place on, in the order in which they are moved."""
    found = []
    for first in range(0, n_beads, CHAIN):
        cuts = np.arange(rng.integers(1, BLOCK + 1), CHAIN, BLOCK)
        found += np.split(np.arange(first, first + CHAIN), cuts)
    return [found[k] for k in rng.permutation(len(found))]


def waiting(beads: Array, edge: float, order: list[Index]) -> list[Index]:
    """Of each block, those before it that it has to wait for."""
    of_bead = np.empty(len(beads), dtype=np.int64)
    for number, own in enumerate(order):
        of_bead[own] = number
    near = cKDTree(beads % edge, boxsize=edge).query_pairs(CUTOFF + GROUPS + 2 * REACH, output_type="ndarray")
    pairs = np.unique(np.sort(of_bead[near], axis=1), axis=0)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    pairs = pairs[np.argsort(pairs[:, 1], kind="stable")]
    return np.split(pairs[:, 0], np.searchsorted(pairs[:, 1], np.arange(1, len(order))))


def makespan(before: list[Index], size: Array, worker: Index) -> float:
    """Time until all blocks are moved, s: each by its worker, which takes them in order as soon as it may."""
    done, free = np.zeros(len(size)), np.zeros(worker.max() + 1)
    for block in _in_time(before, size, worker):
        far = worker[before[block]] != worker[block]
        ready = (done[before[block]] + MESSAGE * far).max(initial=0.0)
        done[block] = free[worker[block]] = max(free[worker[block]], ready) + size[block]
    return float(done.max())


def _in_time(before: list[Index], size: Array, worker: Index) -> Index:
    """Blocks in the order in which they could begin if workers had nothing else to do."""
    begin = np.zeros(len(size))
    for block, others in enumerate(before):
        begin[block] = (begin[others] + size[others]).max(initial=0.0)
    return np.argsort(begin, kind="stable")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, default=6, help="of the demo's box along each edge")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 64], help="cubes of numbers")
    chosen = parser.parse_args()
    beads, edge = melt(chosen.copies)
    order = blocks(len(beads), np.random.default_rng(1))
    before = waiting(beads, edge, order)
    size = MOVE * np.array([len(own) for own in order]) / BLOCK
    middle = np.array([beads[own[len(own) // 2]] % edge for own in order])
    chain = makespan(before, size, np.arange(len(size)))
    atoms = len(beads) * 162 // CHAIN
    print(f"{atoms} atoms, {len(order)} blocks, each near {2 * np.mean([*map(len, before)]):.0f} others; "
          f"{size.sum() / chain:.0f} at once on average, if each had a worker")
    for workers in chosen.workers:
        side = round(workers ** (1 / 3))
        cell = np.minimum((middle / edge * side).astype(np.int64), side - 1)
        number = (cell[:, 0] * side + cell[:, 1]) * side + cell[:, 2]
        took = makespan(before, size, number)
        print(f"{side**3:4d} workers, {atoms // side**3:8d} atoms each: {took:.2f} s a sweep, "
              f"{size.sum() / took / side**3:.0%} of the time at work")


if __name__ == "__main__":
    main()
