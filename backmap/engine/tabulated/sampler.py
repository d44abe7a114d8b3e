"""Samples beads of tabulated potentials while the mass centres of groups of them are held."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import BackmapError
from ...model.interactions import EXCLUDED, excluded_pairs, interactions_of
from ...model.parameters import BOLTZMANN
from ...model.system import System
from ...model.tabulated import MEMBERS, Interaction, Potential
from ..energy.cells import sort
from ..random import Stream
from .forces import named
from .loops import Acting, Curves, HeldGroups, NearBeads, sweep
from .neighbours import Exclusions, neighbours
from .spline import spline_of

Array = NDArray[np.float64]
Index = NDArray[np.int64]

STEP = 0.27  #: longest displacements (standard deviation of a coordinate), as a share of the mean bond
MARGIN = 3.0  #: how far beads may go before lists of neighbours are made anew, in longest displacements
MOVES = ("carry", "turn", "trade")  #: in the order of counts


@dataclass(frozen=True, eq=False)
class Held:
    """The groups of a system whose mass centres are held.

    Attributes:
        groups: Beads of each, system indices.
        weights: Share of each bead in the mass centre of its group, as ``groups``.
        sigma: nm and coordinate; 0: mass centres stay, inf: they are free, else they follow a Gaussian.
    """

    groups: Sequence[Index]
    weights: Sequence[Array]
    sigma: float = 0.0

    @classmethod
    def free(cls, system: System) -> Held:
        """Nothing is held: every bead moves by itself."""
        return cls(list(np.arange(system.n_beads)[:, None]), list(np.ones((system.n_beads, 1))), np.inf)

    def centres(self, beads: Array) -> Array:
        """Mass centres, (G, 3), nm."""
        return np.stack([weight @ beads[group] for group, weight in zip(self.groups, self.weights, strict=True)])


class BeadSampler:
    """Metropolis moves towards exp(-U/kT) of beads in tables, with mass centres where they are.

    Between the points of a table U is its cubic spline (``spline_of``), beyond its ends the tangent. Pairs interact up
    to the end of their table. Interactions without a table do not act.
    """

    def __init__(self, system: System, potentials: Mapping[str, Potential], held: Held, temperature: float,
                 excluded: int = EXCLUDED) -> None:
        """See the class.

        Args:
            system: What is there.
            potentials: By name of the interaction.
            held: The groups.
            temperature: K.
            excluded: Pairs of one molecule that are so many bonds apart or fewer do not interact.

        Raises:
            BackmapError: If there are no tables, or one acts on nothing that is there, or nothing can move.
        """
        known = interactions_of(system)
        if not potentials:
            raise BackmapError("there are no tables", hint=f"Interactions are: {', '.join(known)}.")
        acting = {name: named(known, name, one.where) for name, one in potentials.items()}
        self.system, self.held, self.heat, self.excluded = system, held, BOLTZMANN * temperature, excluded
        self.curves = _curves(list(potentials.values()))
        self.acting = _acting(system, list(acting.values()), potentials)
        self.cutoff = float(np.sqrt(self.acting.reach.max(initial=0.0)))
        bonds = [one.grid[one.energy.argmin()] for one in potentials.values() if one.kind == "bond"]
        self.step = STEP * float(np.mean(bonds) if bonds else self.cutoff / 3)
        loose = [number for number, group in enumerate(held.groups) if len(group) > 1 or held.sigma > 0]
        self._chosen = np.repeat(loose, [len(held.groups[number]) for number in loose]).astype(np.int64)
        if not len(self._chosen):
            raise BackmapError("no bead can move: every group is a single bead, and stays")
        self._left_out = self._exclusions(excluded)

    def _exclusions(self, excluded: int) -> Exclusions:
        """Pairs that are so many bonds apart or fewer, by molecule type."""
        n, begin, tables = self.system.n_beads, 0, []
        molecule, local, first, size = (np.empty(n, dtype=np.int64) for _ in range(4))
        for group in self.system.groups:
            molecule[group.beads], local[group.beads] = group.bead_offset[:, None], np.arange(group.type.n_beads)
            first[group.beads], size[group.beads] = begin, group.type.n_beads
            tables.append(excluded_pairs(group.type, excluded).ravel())
            begin += len(tables[-1])
        return Exclusions(molecule, local, first, size, np.concatenate(tables))

    def sample(self, beads: Array, home: Array, box: Array | None, sweeps: int, name: Sequence[int | str],
               progress: Callable[[float], None] = lambda share: None) -> tuple[Array, Index]:
        """Beads after some sweeps; in each, as many moves as there are beads that can move.

        Args:
            beads: Whole molecules, (B, 3), nm.
            home: Where mass centres are held, (G, 3), nm; those of ``beads`` if they stay.
            box: (3, 3), nm, or None.
            sweeps: How many.
            name: Of the random numbers.
            progress: To be called with the share that is done.

        Returns:
            Beads, (B, 3), and tried and accepted moves of each sweep by kind (``MOVES``), (sweeps, 3, 2).
        """
        x, counts = np.array(beads, dtype=np.float64, order="C"), np.zeros((sweeps, len(MOVES), 2), dtype=np.int64)
        groups, near, total = self._groups(home), self._near(x, box), len(self._chosen)
        for number in range(sweeps):
            key, done = int(Stream.of(*name, number).key[0]), 0
            while (done := sweep(self.curves, self.acting, near, groups, self.heat, key, done, total, x,
                                 counts[number])) < total:
                near = self._near(x, box)
            progress((number + 1) / sweeps)
        return x, counts

    def _groups(self, home: Array) -> HeldGroups:
        held = self.held
        stiffness = -1.0 if held.sigma == 0 else 0.0 if np.isinf(held.sigma) else self.heat / held.sigma**2
        start = np.cumsum([0, *map(len, held.groups)])
        return HeldGroups(start, np.concatenate(held.groups).astype(np.int64), np.concatenate(held.weights),
                      np.array(home, dtype=np.float64, order="C"), stiffness, self.step, self._chosen)

    def _near(self, x: Array, box: Array | None) -> NearBeads:
        """Neighbours within the longest cutoff and what beads may move before the next list."""
        margin = MARGIN * self.step
        reach = self.cutoff + 2 * margin
        if self.cutoff:
            start, bead, shift = neighbours(x, sort(x, box, reach), reach, self._left_out)
        else:
            start, bead, shift = np.zeros(len(x) + 1, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty((0, 3))
        return NearBeads(start, bead, shift, x.copy(), margin)


def _curves(potentials: Sequence[Potential]) -> Curves:
    splines = [spline_of(one) for one in potentials]
    return Curves(np.array([one.grid[0] for one in potentials]), np.array([one.step for one in potentials]),
                  np.cumsum([0, *(spline.c.shape[1] for spline in splines)]),
                  np.ascontiguousarray(np.concatenate([spline.c.T for spline in splines])),
                  np.array([one.periodic for one in potentials]))


def _acting(system: System, interactions: Sequence[Interaction], potentials: Mapping[str, Potential]) -> Acting:
    """Terms of every bead, and curves of pairs of bead types."""
    names = sorted({name for kind in system.types for name in kind.bead_types})
    kind = np.empty(system.n_beads, dtype=np.int64)
    for group in system.groups:
        kind[group.beads] = [names.index(name) for name in group.type.bead_types]
    pair, reach = np.full((len(names), len(names)), -1), np.zeros((len(names), len(names)))
    curve, rows = [np.empty(0, dtype=np.int64)], [np.empty((0, 4), dtype=np.int64)]
    for number, one in enumerate(interactions):
        if one.types is not None:
            first, second = map(names.index, one.types)
            pair[first, second] = pair[second, first] = number
            reach[first, second] = reach[second, first] = potentials[one.name].grid[-1]**2
            continue
        for group in system.groups:
            members = one.members.get(group.type.name, np.empty((0, MEMBERS[one.kind]), dtype=np.int64))
            found = group.beads[:, members].reshape(-1, MEMBERS[one.kind])
            rows.append(np.pad(found, ((0, 0), (0, 4 - MEMBERS[one.kind])), constant_values=-1))
            curve.append(np.full(len(found), number))
    beads, of = np.concatenate(rows), np.concatenate(curve)
    term, place = np.nonzero(beads >= 0)
    owner = beads[term, place]
    order = np.argsort(owner, kind="stable")
    return Acting(of, beads, np.searchsorted(owner[order], np.arange(system.n_beads + 1)), term[order], kind, pair,
                  reach)
