"""The ``dynamics`` assessor: whether atoms go from frame to frame as atoms do."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Assessor, Options
from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import CARE, GOOD, Aspect, Assessment, Curve, Figure, VerdictRule, divergence
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

from ..part import rows_of
from .courses import (
    Estimate,
    direction_correlation,
    directions_of,
    displacements,
    jump_rate,
    torsion_correlation,
    torsions_of,
)
from .members import Members
from .processes import Process, States, expect_installed, processes

Array = NDArray[np.float64]

SECTION, TOPIC = "dynamics", "coherence in time"
LAGS = (1, 2, 5, 10, 20, 50, 100)  #: frames, for figures; those that fit four times into the frames
CURVE = 100  #: frames, for curves
NEAR, RATE, SIGMAS = 0.03, 0.1, 2.0  #: of a correlation and, of it, of a rate; or so many standard errors
EDGES = np.linspace(0, 0.4, 81)  #: of displacements, nm
UNEVEN = 0.01  #: share of the interval by which times may be off


class CoherenceOptions(Options):
    """Options of the ``dynamics`` assessor."""

    lag: int = Field(0, ge=0, description="Of TICA and of Markov models of the torsions, in frames: those of beads, "
                                          "and those that are hidden. Needs the package deeptime. 0: none.")


@dataclass(frozen=True, eq=False)
class Course:
    """What was kept of the frames of one trajectory, replica by replica.

    Attributes:
        interval: Between successive frames, ps.
        atoms: Of each replica, (n, m, A, 3), nm.
        beads: The same, (n, m, B, 3), nm.
        members: Which molecules these are.
    """

    interval: float
    atoms: list[Array]
    beads: list[Array]
    members: Members

    @property
    def lags(self) -> list[int]:
        shortest = min(len(x) for x in self.atoms)
        return [lag for lag in LAGS if 4 * lag < shortest]

    @cached_property
    def correlations(self) -> dict[tuple[str, str], tuple[object, list[Array]]]:
        """Function and data of everything whose correlation is taken, by name and quantity."""
        named: dict[tuple[str, str], tuple[object, list[Array]]] = {}
        for name, rows in self.members.torsions.items():
            named[f"torsion {name}", "C"] = torsion_correlation, [torsions_of(x, rows) for x in self.atoms]
        for name, rows in self.members.vectors.items():
            named[f"vector {name}", "C2"] = direction_correlation, [directions_of(x, rows) for x in self.atoms]
        return named

    def estimates(self) -> Iterator[tuple[str, str, str, Estimate]]:
        """Name, quantity, unit and value of every figure."""
        for (name, quantity), (function, data) in self.correlations.items():
            for lag in self.lags:
                yield name, f"{quantity}({lag * self.interval:g} ps)", "", function(data, lag)
            if quantity == "C":
                yield name, "jumps", "1/ns", jump_rate(data, self.interval)

    def angles(self, what: str) -> list[Array]:
        """Torsions of single molecules, (n, t) each, radians: of ``beads``, or ``hidden`` ones."""
        rows = self.members.turning if what == "beads" else [*self.members.torsions.values()]
        data = self.beads if what == "beads" else self.atoms
        rows = np.concatenate([np.empty((0, 4), dtype=np.int64), *([rows] if what == "beads" else rows)])
        found = [torsions_of(x, rows).reshape(*x.shape[:2], -1) for x in data] if len(rows) else []
        return [each[:, one] for each in found for one in range(each.shape[1])]

    def moved(self) -> NDArray[np.int64]:
        """Histogram of the displacements of hidden atoms."""
        hidden = self.members.hidden
        return sum(np.histogram(np.clip(displacements(x, y)[:, :, hidden], 0, EDGES[-1] - 1e-9), EDGES)[0]
                   for x, y in zip(self.atoms, self.beads, strict=True))


class Coherence(Assessor):
    """Correlations in time of what beads do not fix, beside those of the reference.

    Of some molecules of each type: correlations C of torsions about bonds that turn and the rates of their jumps
    between thirds of the circle, C_2 of bonds to hydrogens, and how far hidden atoms move from frame to frame once
    beads are superposed. Torsions all of whose atoms are beads are left out: any atoms that meet their beads have
    these right. Atoms drawn anew for every frame have C near 0. Frames must be evenly spaced in time and successive.
    With ``lag``, the slowest processes of the torsions beside, by TICA and Markov models: of those of beads, which any
    atoms that meet them have right, and of hidden ones.
    """

    Options = CoherenceOptions
    options: CoherenceOptions
    verdict_rules = (VerdictRule(TOPIC, "reference", f"a correlation that is off by more than {NEAR:g}, or a rate by "
                                 f"more than {RATE:.0%}, and by more than {SIGMAS:g} standard errors"),)

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        super().begin(system, forcefield)
        if self.options.lag:
            expect_installed()  # now, and not after the last frame
        self.members = Members.of(system)

    def measure(self, frame: Snapshot, tally: Tally) -> None:
        tally.row("time", frame.index, [frame.time])
        for number, members in enumerate(self.members):
            tally.row(f"atoms {number}", frame.index, frame.atoms[members.atoms].astype(np.float32))
            tally.row(f"beads {number}", frame.index, frame.beads[members.beads].astype(np.float32))

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        interval = _interval(tally)
        made = Assessment([Figure(SECTION, "frames", "interval", float("nan") if interval is None else interval, "ps")])
        if interval is None:
            made.notes.append("Frames are too few, or not evenly spaced in time: no correlations.")
            return made
        beside = _interval(reference) if reference is not tally else None
        compared = beside is not None and bool(np.isclose(beside, interval))
        off: list[tuple[float, str]] = []
        for number, members in enumerate(self.members):
            mine = _course(tally, number, members, interval)
            known, true = {}, None
            if compared:
                true = _course(reference, number, members, beside)
                known = {(name, quantity): each for name, quantity, _, each in true.estimates()}
                made.figures.append(Figure(SECTION, f"hidden atoms of {members.kind.name}", "displacement JSD",
                                           divergence(mine.moved(), true.moved()), distance=True))
            made.figures.extend(self._figures(members, mine, known, off))
            made.curves.extend(_curves(members, mine))
            made.figures.extend(self._processes(members, mine, true, off))
        if compared and self.members:
            made.findings.append(_said(off))
        elif reference is not None and reference is not tally:
            made.notes.append("Frames of the reference are too few, or not as far apart: nothing is compared.")
        return made

    def _figures(self, members: Members, mine: Course, known: dict[tuple[str, str], Estimate],
                 off: list[tuple[float, str]]) -> Iterator[Figure]:
        for name, quantity, unit, found in mine.estimates():
            label = name if len(self.members) == 1 else f"{members.kind.name}: {name}"
            yield Figure(SECTION, label, quantity, found.value, unit, error=found.error)
            true = known.get((name, quantity))
            if true is not None and np.isfinite([found.value, true.value]).all():
                error = np.nan_to_num(np.hypot(found.error, true.error))
                most = max(SIGMAS * error, RATE * true.value if quantity == "jumps" else NEAR)
                if abs(found.value - true.value) > most:
                    off.append((abs(found.value - true.value) / most, f"{label}, {quantity}: {found.value:.3g} "
                                f"for {true.value:.3g}"))


    def _processes(self, members: Members, mine: Course, true: Course | None,
                   off: list[tuple[float, str]]) -> Iterator[Figure]:
        """The slowest processes of the torsions of beads, and of hidden ones."""
        lag = self.options.lag
        for what in ("beads", "hidden") if lag else ():
            angles, reference = mine.angles(what), None if true is None else true.angles(what)
            if not angles or min(map(len, angles + (reference or []))) < 10 * lag:
                continue
            states = States(reference or angles, lag)
            known = processes(states, reference, mine.interval) if reference else []
            for number, found in enumerate(processes(states, angles, mine.interval, reference)):
                name = f"{members.kind.name}: process {number + 1} of {what} torsions"
                yield from _told(name, lag * mine.interval, found)
                if what == "hidden" and number < len(known):
                    off.extend(_slower(name, found.time, known[number].time))


def _told(name: str, lag: float, found: Process) -> Iterator[Figure]:
    yield Figure(SECTION, name, f"time scale (lag {lag:g} ps)", found.time.value, "ps", error=found.time.error)
    yield Figure(SECTION, name, "TICA time scale", found.component, "ps")
    if np.isfinite(found.alike):
        yield Figure(SECTION, name, "cosine with the reference's", found.alike, ideal=1.0)


def _slower(name: str, found: Estimate, true: Estimate) -> Iterator[tuple[float, str]]:
    """What is said of a time scale that is off."""
    most = max(SIGMAS * float(np.hypot(found.error, true.error)), RATE * true.value)
    if np.isfinite(most) and not abs(found.value - true.value) <= most:
        yield abs(found.value - true.value) / most, f"{name}: {found.value:.3g} ps for {true.value:.3g}"


def _interval(tally: Tally | None) -> float | None:
    """Time between successive frames, ps; None where they are too few or not evenly spaced."""
    times = rows_of(tally, "time", 1)[:, 0]
    one = times[:tally.period] if tally is not None and tally.period else times
    if len(one) < 5:
        return None
    steps = np.diff(one)
    usual = float(np.median(steps))
    return usual if usual > 0 and np.abs(steps - usual).max() <= UNEVEN * usual else None


def _course(tally: Tally, number: int, members: Members, interval: float) -> Course:
    atoms, beads = (rows_of(tally, f"{what} {number}").astype(np.float64) for what in ("atoms", "beads"))
    size = tally.period or len(atoms)
    cuts = range(size, len(atoms), size)
    return Course(interval, np.split(atoms, cuts), np.split(beads, cuts), members)


def _curves(members: Members, course: Course) -> Iterator[Curve]:
    shortest = min(len(x) for x in course.atoms)
    last = min(CURVE, (shortest - 1) // 4)
    if last < 2:
        return
    edges = (np.arange(last + 1) + 0.5) * course.interval
    for (name, quantity), (function, data) in course.correlations.items():
        values = np.array([function(data, lag).value for lag in range(1, last + 1)])
        yield Curve(SECTION, f"{members.kind.name}: {name}", "time", "ps", edges, values, quantity)


def _said(off: list[tuple[float, str]]) -> Aspect:
    if not off:
        return Aspect(GOOD, TOPIC, "Correlations in time are those of the reference.", "reference")
    worst = "; ".join(said for _, said in sorted(off, reverse=True)[:3])
    return Aspect(CARE, TOPIC, f"Atoms do not move as those of the reference: {len(off)} correlations and rates are "
                               f"off ({worst}).", "reference")
