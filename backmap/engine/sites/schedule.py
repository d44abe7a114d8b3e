"""Orders and colours become batches over a whole window."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ...model.molecule import MoleculeType
from ...model.system import System
from .conflict import colour
from .contracts import Order
from .environment import Surroundings

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Batch:
    """Sites drawn at once: frame of the window and bead of each, (S,)."""

    frame: Index
    bead: Index

    def chunks(self, size: int) -> Iterator[Batch]:
        """The batch in pieces of at most ``size`` sites."""
        for start in range(0, len(self.frame), size):
            yield Batch(self.frame[start:start + size], self.bead[start:start + size])


MAX_COLOURS = 4096

#: A schedule is a list of stages; a stage is a list of batches, and ends with a projection.
Schedule = list[list[Batch]]


def drawn(system: System) -> NDArray[np.bool_]:
    """Beads whose atoms are drawn: all that own some, but those of molecules that are given, (B,)."""
    return per_bead(system, [np.isin(np.arange(kind.n_beads), kind.mapping.owner) & (not kind.given)
                             for kind in system.types])


def parallel_schedule(surroundings: Surroundings, system: System | None = None) -> Schedule:
    """Every bead at once that is drawn, for generators that read beads alone; without a system every bead."""
    frames = surroundings.n_frames
    beads = np.arange(surroundings.n_beads) if system is None else np.flatnonzero(drawn(system))
    return [[Batch(np.repeat(np.arange(frames), len(beads)), np.tile(beads, frames))]]


def forward_schedule(surroundings: Surroundings, system: System, orders: Sequence[Order]) -> Schedule:
    """Forward sampling: rank after rank, the beads of one rank colour by colour; one stage."""
    ranks = per_bead(system, [order.ranks for order in orders])
    ranks = np.where(drawn(system), ranks, -1)
    stage = []
    for rank in range(int(ranks.max()) + 1):
        members = np.broadcast_to(ranks == rank, (surroundings.n_frames, len(ranks)))
        stage.extend(batches_of(surroundings.conflicts, members))
    return [stage]


def gibbs_schedule(surroundings: Surroundings, system: System, order: np.random.Generator,
                   only: NDArray[np.bool_] | None = None) -> Schedule:
    """One Gibbs sweep: two half-sweeps, each colour by colour in an order drawn from ``order``.

    Neighbours on the bead graph fall into different halves wherever the graph allows it, so that the
    projection between the halves meets fragments whose neighbours have just stood still.

    Args:
        surroundings: Of the window.
        system: What is there.
        order: Shuffles the colours.
        only: Beads to draw, (W, B) bool; None means all.
    """
    half = per_bead(system, [halves(molecule) for molecule in system.types])
    chosen = np.broadcast_to(drawn(system), (surroundings.n_frames, len(half)))
    if only is not None:
        chosen = chosen & only
    schedule = []
    for side in (0, 1):
        schedule.append(shuffled(batches_of(surroundings.conflicts, chosen & (half == side)), order))
    return [stage for stage in schedule if stage]


def halves(molecule: MoleculeType) -> Index:
    """Half of each bead, 0 or 1, (B,): the two sides of the bead graph, or of its spanning forest."""
    forest = nx.Graph()
    forest.add_nodes_from(range(molecule.n_beads))
    forest.add_edges_from(map(tuple, molecule.bead_edges))
    side = nx.bipartite.color(forest)
    return np.array([side[b] for b in range(molecule.n_beads)], dtype=np.int64)


def per_bead(system: System, of_types: Sequence[NDArray]) -> NDArray:
    """Values per bead of each molecule type, spread over the system, (B,)."""
    values = np.empty(system.n_beads, dtype=np.asarray(of_types[0]).dtype)
    for group, of_type in zip(system.groups, of_types):
        values[group.beads] = of_type
    return values


def batches_of(conflicts: Sequence[csr_array], members: NDArray[np.bool_]) -> list[Batch]:
    """Colour the members of each frame; batch c holds colour c of all frames.

    Args:
        conflicts: One graph per frame: beads that are not drawn together, (B, B) each.
        members: Beads to draw, (W, B).
    """
    frames, beads, colours = [], [], []
    for frame, graph in enumerate(conflicts):
        found = colour(graph, members[frame])
        bead = np.flatnonzero(found >= 0)
        frames.append(np.full(len(bead), frame))
        beads.append(bead)
        colours.append(found[bead])
    frame, bead, of = np.concatenate(frames), np.concatenate(beads), np.concatenate(colours)
    return [Batch(frame[of == c], bead[of == c]) for c in range(of.max() + 1)] if len(of) else []


def shuffled(batches: list[Batch], order: np.random.Generator) -> list[Batch]:
    """The batches in an order drawn from ``order``; the order of two colours is the same in every window."""
    keys = order.random(MAX_COLOURS)  # a key per colour, however many there are here
    return [batches[k] for k in np.argsort(keys[:len(batches)])]
