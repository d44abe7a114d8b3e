"""Whether a run of moves is relaxed: what the frames that were followed say at the end."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from backmap.api import Tally
from backmap.engine.hamiltonian.following import BLOCKS, Following
from backmap.engine.relaxation import ENERGY, ENOUGH, POPULATION, Change, Growth, Slope, growth, meeting, relaxed
from backmap.model.assessment import CARE, GOOD, UNUSABLE, Aspect, VerdictRule
from backmap.model.parameters import BOLTZMANN

Array = NDArray[np.float64]

TOPIC = "relaxation"
FOLLOWED = 8  #: frames at most, evenly over the run
FALLING = 1.0  #: kT an atom over the last third of the sweeps: nowhere near
BLIND = 0.5  #: kT a degree of freedom, as much as a harmonic one has: if only larger changes are seen, nothing is known
TRAPPED = 0.1  #: kT a degree of freedom of torsions: a tenth of a molecule's torsions in wrong wells brings as much
AWAY = 0.25  #: kT a degree of freedom of bonded terms by which a second start has to be heated; 1 is to be expected
CROSSED = 0.1  #: share of torsions that remember where they began at most if they cross barriers, with that probability
REMEMBERED = 0.02  #: share of torsions that may be where they were before the sweeps because these are too few
SURE = 0.95  #: probability with which more of them are, to be said
COOLED, BLURRED = 0.02, 0.05  #: kT an atom that slower cooling may gain, and that it must be seen not to gain
STUCK = 0.01  #: share of beads none of whose moves was accepted, above which a run is not relaxed
RULES = (VerdictRule(
    TOPIC, "force field", "energies or populations that change over the last third of the sweeps, are not forgotten, "
    f"or that a second start does not meet; more than {REMEMBERED:.0%} of the torsions where they were before only "
    "because sweeps have not forgotten it; torsions that no tempered trajectory moves, that are not seen to forget "
    f"where they began, and of which two starts would not show differences below {TRAPPED:g} kT a degree of freedom; "
    f"a second start that was cooled more slowly and has {COOLED:g} kT an atom less energy, or may have "
    f"{BLURRED:g} less; more than {STUCK:.0%} of the beads stuck; starts for simulations (`for_start`)",
    f"energies that change by more than {FALLING:g} kT an atom, or are not finite"),)
CALLED = {"bond": "bonds", "angle": "angles", "proper": "torsions", "improper": "impropers",
          "cmap": "correction maps", "lj": "Lennard-Jones", "coulomb": "Coulomb", "solvent": "implicit solvent",
          BLOCKS: "all terms"}


def evenly(n: int, count: int) -> set[int]:
    """At most ``count`` of n numbers from 0, evenly spread, 0 among them."""
    return {k * n // count for k in range(count)} if count < n else set(range(n))


def starting_twice(n: int, share: float) -> tuple[set[int], float]:
    """Which of n frames start twice, and which part of their beads: together a ``share`` of all."""
    if share <= 0:
        return set(), 0.0
    count = max(1, int(share * n))
    return evenly(n, count), min(1.0, share * n / count)


@dataclass(frozen=True, eq=False)
class Relaxation:
    """What is known of whether the frames of a run are relaxed.

    Attributes:
        following: What was followed.
        tally: Where it was counted: rows of ``Followed.rows`` and counts of ``beads``: all, stuck, infeasible.
        temperature: K.
        accepted: Share of the moves.
        crossing: Whether tempered trajectories were among the sweeps.
        starts: Whether frames are led to where simulations can begin, and no samples are meant.
        slower: How many times as slowly second starts were cooled; 0 where nothing was.
    """

    following: Following
    tally: Tally
    temperature: float
    accepted: float
    crossing: bool = False
    starts: bool = False
    slower: int = 0

    @property
    def heat(self) -> float:
        """kT, kJ/mol."""
        return BOLTZMANN * self.temperature

    @property
    def known(self) -> bool:
        """Whether a frame was followed, and anything in it moves."""
        return "often" in self.tally and self.following.n_pieces > 0

    @cached_property
    def slopes(self) -> dict[str | tuple[str, str], Slope]:
        """Of every series, by name; of one piece."""
        of, often, pairs = self.following, self.tally.rows("often"), self.tally.rows("pairs")
        series = {name: (often[:, k], of.often) for k, name in enumerate(of.names)}
        series |= {name: (pairs[:, k], of.rarely) for k, name in enumerate(of.pairs)}
        series = {name: one for name, one in series.items() if of.freedom.get(name, 1)}  # rigid bonds have none
        tests = len(series)
        return {name: relaxed(rows.reshape(-1, rows.shape[-1]), self._tolerance(name), tests, of.n_pieces, sweeps)
                for name, (rows, sweeps) in series.items()}

    @cached_property
    def growths(self) -> dict[str, Growth]:
        """Whether the sweeps forget, by energy that they change."""
        of, often = self.following, self.tally.rows("often")
        series = {name: often[:, of.names.index(name)] for name in (*of.bonded, BLOCKS) if of.freedom[name]}
        return {name: growth(rows.reshape(-1, rows.shape[-1]), len(series), of.often) for name, rows in series.items()}

    @property
    def remembered(self) -> list[str]:
        """Energies of which the sweeps do not forget where they were, the worst first."""
        found = [name for name, grown in self.growths.items() if not grown.forgotten]
        return sorted(found, key=lambda name: -self.growths[name].value)

    @cached_property
    def gaps(self) -> dict[str | tuple[str, str], Change]:
        """By how much second starts ended above the first, by name; of one piece. Empty without any."""
        if "second" not in self.tally:
            return {}
        first, second = self.tally.rows("first"), self.tally.rows("second")
        part, pieces, names = self.tally.rows("part").mean(), first.shape[-1], self.following.twice
        size = part * self.following.n_pieces / pieces  # of such a piece, in those of the slopes
        return {name: meeting(first[:, k].ravel(), second[:, k].ravel(), self._tolerance(name, size), len(names),
                              pieces, self.slopes[name].noise * size**0.5) for k, name in enumerate(names)
                if name in self.slopes}

    @cached_property
    def memory(self) -> Change | None:
        """The share of torsions that are where they began because sweeps have not forgotten it.

        A second start, which heat has led away, has as many torsions there as one that has forgotten; what the first
        has more is remembered. (Overlaps of two copies tell the same of spin glasses: Bhatt and Young, Phys. Rev. Lett.
        54, 924 (1985).) None without a second start, or without torsions.
        """
        number, kept, shared = (self.tally.rows("kept").swapaxes(0, 1).reshape(3, -1) if "kept" in self.tally
                                else np.zeros((3, 0)))
        n = int((number > 0).sum())
        if n < ENOUGH or not self.away > AWAY:
            return None
        share = float((kept - shared).sum() / number.sum())
        error = float(np.sqrt(((kept - shared - share * number)**2).sum() * n / (n - 1)) / number.sum())
        return Change(share, error, n - 1.0, float("nan"), REMEMBERED)

    @cached_property
    def cooling(self) -> Change | None:
        """By how much second starts, which were cooled more slowly, ended above the first, all terms, kT an atom."""
        if not self.slower or "second" not in self.tally:
            return None
        energies = [isinstance(name, str) for name in self.following.twice]
        first, second = (self.tally.rows(start)[:, energies].sum(axis=1) for start in ("first", "second"))
        scale = self.heat * self.following.system.n_atoms * self.tally.rows("part").mean() / first.shape[-1]
        return meeting(first.ravel() / scale, second.ravel() / scale, COOLED)

    def _sure(self, change: Change) -> float:
        """By how much a change may be off, with the probability that is asked for."""
        return change.error * stdtrit(change.freedom, SURE)

    @property
    def _most_gained(self) -> float:
        """What slower cooling gains at most, with the probability that is asked for, kT an atom."""
        return np.inf if self.cooling is None else float(self._sure(self.cooling) - self.cooling.value)

    @property
    def hasty(self) -> bool:
        """Whether slower cooling is seen to gain what matters."""
        return self.cooling is not None and -self.cooling.value - COOLED > self._sure(self.cooling)

    @property
    def unforgotten(self) -> bool:
        """Whether torsions are seen to remember where they were."""
        memory = self.memory
        return memory is not None and memory.value - memory.tolerance > self._sure(memory)

    @property
    def forgotten(self) -> bool:
        """Whether torsions are seen not to: they cross the barriers between their wells."""
        memory = self.memory
        return memory is not None and memory.value + self._sure(memory) < CROSSED

    def _tolerance(self, name: str | tuple[str, str], size: float = 1.0) -> float:
        if isinstance(name, tuple):
            return POPULATION
        return ENERGY * self.heat * self.following.freedom[name] * size / self.following.n_pieces

    def _of_frame(self, name: str | tuple[str, str], value: float) -> float:
        """Of a whole frame: an energy in kT for each of its degrees of freedom, a share as it is."""
        if isinstance(name, tuple):
            return value
        return value * self.following.n_pieces / max(self.following.freedom[name], 1) / self.heat

    @property
    def away(self) -> float:
        """By how much bonded energies of a second start were above the first when it began, kT a degree of freedom."""
        if "heated" not in self.tally or not self.following.bonded:
            return 0.0
        heated, first = self.tally.rows("heated"), self.tally.rows("first")[:, :len(self.following.bonded)]
        above = (heated - first).sum(axis=(1, 2)).mean() / self.tally.rows("part").mean()
        return float(above / max(sum(self.following.freedom[name] for name in self.following.bonded), 1) / self.heat)

    @property
    def moving(self) -> list[str | tuple[str, str]]:
        """Series that still change, the worst first."""
        found = [name for name, slope in self.slopes.items() if not slope.relaxed]
        return sorted(found, key=lambda name: -self.slopes[name].largest / self.slopes[name].tolerance)

    @property
    def apart(self) -> list[str | tuple[str, str]]:
        """What differs between both starts, the worst first."""
        found = [name for name, gap in self.gaps.items() if gap.seen and abs(gap.value) > gap.tolerance]
        return sorted(found, key=lambda name: -abs(self.gaps[name].value) / self.gaps[name].tolerance)

    @property
    def visible(self) -> float:
        """The smallest change of the energy of torsions that would be seen, kT a freedom; without any, of all terms."""
        name = "proper" if self.following.freedom.get("proper") else BLOCKS
        return self._of_frame(name, self.slopes[name].visible)

    @property
    def parted(self) -> float:
        """The smallest difference of torsional energy between two starts that would be seen, kT a freedom."""
        if "proper" not in self.gaps or not self.away > AWAY:
            return float("inf")
        return self._of_frame("proper", self.gaps["proper"].visible) / self._size

    def findings(self) -> Iterator[Aspect]:
        """For the verdict."""
        if not self.known:
            return
        of = self.following
        beads, stuck, _ = self.tally.counts("beads") if "beads" in self.tally else (0, 0, 0)
        if not all(np.isfinite(self.tally.rows(name)).all() for name in ("often", "pairs")):
            yield self._aspect(UNUSABLE, "Energies are not finite: atoms lie on top of each other, or the force field "
                                         "has parameters that are no numbers.")
            return
        if beads and stuck > STUCK * beads:
            yield self._aspect(CARE, f"Not relaxed: no move of {stuck / beads:.0%} of the beads was accepted.")
        fall = self.slopes[BLOCKS]
        an_atom = fall.value * of.n_pieces / of.system.n_atoms / self.heat
        if fall.seen and abs(an_atom) > FALLING:
            yield self._aspect(UNUSABLE, f"Far from relaxed: over the last third of {of.sweeps} sweeps the "
                                         f"energy {_goes(an_atom)} by {abs(an_atom):.2g} kT an atom.")
        elif self.starts:
            yield self._aspect(CARE, "These are starts for simulations, as `for_start` asks: "
                                     f"{self._looked()} sample nothing, and simulations may reach lower energies. For "
                                     "samples leave it out, and write `sweeps: auto`.")
        elif self.moving:
            yield self._aspect(CARE, f"Not relaxed: over the last third of {of.sweeps} sweeps "
                                     f"{'; '.join(map(self._change, self.moving[:3]))}. {self._advice()}")
        if self.starts:
            return
        if self.remembered:
            yield self._aspect(CARE, f"Not relaxed: {of.sweeps} sweeps are too few to forget where they began; "
                                     f"{'; '.join(map(self._memory, self.remembered[:3]))}. {self._advice()}")
        if self.apart:
            yield self._aspect(CARE, f"A second start, heated to {3 * self.temperature:g} K before, does not meet the "
                                     f"first after {of.sweeps} sweeps: {'; '.join(map(self._gap, self.apart[:3]))}. "
                                     "More sweeps are needed" + (
                                         "." if self.crossing else ", or `tempering`, which crosses barriers."))
        if self.unforgotten:
            share = f"{self.memory.value:.1%} \u00b1 {self.memory.error:.1%}"
            yield self._aspect(CARE, f"Not relaxed: {share} of the torsions are where they were before the sweeps "
                                     "because these have not forgotten it, as a second start shows. More sweeps are "
                                     "needed.")
        if self.hasty:
            yield self._aspect(CARE, f"Not relaxed: a second start that was cooled {self.slower} times as slowly has "
                                     f"{-self.cooling.value:.2g} \u00b1 {self.cooling.error:.1g} kT an atom less "
                                     "energy. More sweeps that cool are needed, `annealing_sweeps` or "
                                     "`rotation_sweeps`.")
        if self.moving or self.remembered or self.apart or self.unforgotten or self.hasty or stuck > STUCK * beads:
            return
        if not self.visible < BLIND:
            limit = (f"only changes above {self.visible:.2g} kT a degree of freedom would be seen"
                     if np.isfinite(self.visible) else "they are too few")
            yield self._aspect(CARE, f"Whether it is relaxed cannot be told from {self._looked()}: {limit}.")
            return
        torsions = bool(self.following.freedom.get("proper"))
        if torsions and self.following.wells and not (self.crossing or self.forgotten or self.parted < TRAPPED):
            known = (f"only differences above {self.parted:.2g} kT a degree of freedom between two starts would be seen"
                     if np.isfinite(self.parted) else "a second start was hardly heated" if "heated" in self.tally else
                     "there was no second start")
            yield self._aspect(CARE, "Energies and torsions have come to rest, but whether torsions are trapped in "
                                     f"wells cannot be told: {known}. `tempering: {{}}` of hamiltonian crosses "
                                     "barriers.")
            return
        if self.slower and not (limit := self._most_gained) < BLURRED:
            known = (f"a second start that was cooled {self.slower} times as slowly may have up to {limit:.2g} kT an "
                     "atom less energy" if np.isfinite(limit) else "there was no second start")
            yield self._aspect(CARE, "Energies and torsions have come to rest, but whether frames were cooled slowly "
                                     f"enough cannot be told: {known}. More frames or a larger 'second_start' tell.")
            return
        met = " A second start met the first." if self.away > AWAY else ""
        what = "torsional energy" if torsions else "the energy"
        yield self._aspect(GOOD, f"Relaxed, as far as can be told: neither energies nor torsions change over the last "
                                 f"third of {self._looked()}; changes of {what} above {self.visible:.2g} kT a degree "
                                 f"of freedom would be seen.{met}")

    def _aspect(self, level: int, text: str) -> Aspect:
        return Aspect(level, TOPIC, text, basis="force field")

    def _looked(self) -> str:
        count = len(self.tally.rows("often"))
        return f"{self.following.sweeps} sweeps of {count} frame{'s' * (count > 1)}"

    def _change(self, name: str | tuple[str, str]) -> str:
        slope = self.slopes[name]
        value, error = self._of_frame(name, slope.value), self._of_frame(name, slope.error)
        if isinstance(name, tuple):
            return (f"the share of {name[1]} among {name[0]} {_goes(value)} by {100 * abs(value):.1f} "
                    f"\u00b1 {100 * error:.1f} %")
        energy = slope.value * self.following.n_pieces
        return (f"the energy of {CALLED[name]} {_goes(value)} by {abs(energy):.4g} kJ/mol a frame, {abs(value):.2g} "
                f"\u00b1 {error:.1g} kT a degree of freedom")

    def _memory(self, name: str) -> str:
        grown = self.growths[name]
        return (f"a third of them changes the energy of {CALLED[name]} {1 + grown.value:.2f} \u00b1 {grown.error:.2f} "
                "times as much as a sixth, in the square")

    def _gap(self, name: str | tuple[str, str]) -> str:
        gap, size = self.gaps[name], self._size
        if isinstance(name, tuple):
            return (f"{100 * abs(gap.value):.1f} \u00b1 {100 * gap.error:.1f} % {'more' if gap.value > 0 else 'less'} "
                    f"{name[1]} among {name[0]}")
        value, error = (self._of_frame(name, each) / size for each in (gap.value, gap.error))
        return (f"the energy of {CALLED[name]} is {abs(value):.2g} \u00b1 {error:.1g} kT a degree of freedom "
                f"{'higher' if gap.value > 0 else 'lower'}")

    @property
    def _size(self) -> float:
        """Of a piece of those that start twice, in pieces of the slopes."""
        return float(self.tally.rows("part").mean() * self.following.n_pieces / self.tally.rows("first").shape[-1])

    def _advice(self) -> str:
        needed = max([self.slopes[name].needed for name in self.moving]
                     + [each.needed for each in self.growths.values()])
        return f"It takes {float(f'{needed:.2g}'):g} sweeps or more, as far as can be foreseen."

    def rows(self) -> list[dict[str, Any]]:
        """What was followed, for reports (``Sampling.relaxation``)."""
        return list(self._rows()) if self.known else []

    def _rows(self) -> Iterator[dict[str, Any]]:
        of, often, pairs = self.following, self.tally.rows("often"), self.tally.rows("pairs")
        for name, slope in self.slopes.items():
            values, sweeps = ((pairs[:, of.pairs.index(name)], of.rarely) if name in of.pairs else
                              (often[:, of.names.index(name)], of.often))
            share = isinstance(name, tuple)
            course = values.mean(axis=(0, 1)) if share else values.sum(axis=1).mean(axis=0)
            scale = 1.0 if share else of.n_pieces
            gap = self.gaps.get(name)
            yield {"name": f"{name[0]} {name[1]}" if share else CALLED[name], "unit": "" if share else "kJ/mol",
                   "sweeps": sweeps.tolist(), "course": course.tolist(), "last": float(course[-1]),
                   "change": slope.value * scale, "error": slope.error * scale, "tolerance": slope.tolerance * scale,
                   "correlation": slope.correlation, "relaxed": slope.relaxed,
                   "gap": None if gap is None else gap.value * (1.0 if share else scale / self._size),
                   "gap_error": None if gap is None else gap.error * (1.0 if share else scale / self._size)}

    def notes(self) -> Iterator[str]:
        """Shares of beads that are not where they should be, in a sentence."""
        if "beads" not in self.tally:
            return
        beads, stuck, infeasible = self.tally.counts("beads").tolist()
        said = f"{self.accepted:.1%} of the moves accepted, {stuck / beads:.2%} of the beads stuck, " \
               f"{infeasible / beads:.2%} infeasible"
        if self.memory is not None:
            said += f", {self.memory.value:.1%} \u00b1 {self.memory.error:.1%} of torsions remembered"
        if "overlap" in self.tally:
            overlap = self.tally.rows("overlap").mean() / self.following.system.n_beads
            said += f", {overlap:.2%} of those in frames that were followed overlap"
        yield said


def _goes(value: float) -> str:
    return "falls" if value < 0 else "rises"
