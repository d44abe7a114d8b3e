"""The ``stability`` assessor: whether dynamics can begin from the atoms as they are."""
from __future__ import annotations

import numpy as np
import openmm
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Assessor, Options
from backmap.engine.random import numpy_generator
from backmap.engine.sites.snapshot import Snapshot
from backmap.errors import BackmapError
from backmap.model.assessment import CARE, GOOD, UNUSABLE, Aspect, Assessment, Curve, Figure, VerdictRule
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import BOLTZMANN, ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

from ..openmm_bridge import system as openmm_system
from ..openmm_bridge.contexts import cell, context
from .part import rows_of

Array = NDArray[np.float64]

SECTION = TOPIC = "stability"
STRETCH = 0.02  #: ps between two looks
TOLERANCE = 1e-6  #: relative, of constraints
#: Times the temperature: what is above it beyond chance warms up, and what is above the second bursts.
WARM, BURST = 1.05, 1.5
CHANCE = 4.0  #: standard deviations of the temperature of so many degrees of freedom
DRIFT = 0.05  #: kT a degree of freedom in a picosecond, by which the total energy may change


class StabilityOptions(Options):
    """Options of the ``stability`` assessor."""

    time: float = Field(2.0, gt=0, description="Length of the run, ps.")
    timestep: float | None = Field(None, gt=0, le=5, description="fs; by default 2 where all bonds are rigid, 1 where "
                                                                 "those of hydrogens are, else 0.5.")
    frames: int = Field(1, ge=1, description="How many frames are looked at: the first ones of the run.")
    temperature: float | None = Field(None, gt=0, description="K; by default that at which an earlier step samples.")


class Stability(Assessor):
    """A short run of dynamics at constant energy (OpenMM, leapfrog) from the atoms as they are, without minimisation.

    New velocities are drawn at the temperature. Atoms that are a sample of the force field keep it. Strain turns into
    heat: the temperature rises by as much as the potential energy falls, and atoms that lie on each other burst. Beads
    are not held, so that those of a coarse-grained model may give way as well, which is no fault of the atoms.
    """

    Options = StabilityOptions
    options: StabilityOptions
    verdict_rules = (VerdictRule(TOPIC, "force field", f"hotter than {WARM:g} T or colder by as much, beyond chance, "
                                 f"or a total energy that changes by more than {DRIFT:g} kT a degree of freedom in a "
                                 "picosecond", f"hotter than {BURST:g} T, or numbers that are not finite"),)
    needs = frozenset({"forcefield"})
    seed = 0

    def use(self, generator: object, seed: int, device: str) -> None:
        self.seed = seed

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        if forcefield is None:
            raise BackmapError("has no force field to move atoms by", where=TOPIC,
                               hint="Put a step 'forcefield' before it.")
        super().begin(system, forcefield)
        self.field = forcefield
        sampled = self.sampled.temperature if self.sampled is not None else None
        self.temperature = self.options.temperature or sampled
        self.timestep = 1e-3 * (self.options.timestep or min(timestep_of(kind) for kind in system.types))

    def measure(self, frame: Snapshot, tally: Tally) -> None:
        tally.row(f"frames of {TOPIC}", frame.index, 1.0)
        if self.temperature is None or frame.index >= self.options.frames:
            return
        try:
            course = self._course(frame)
        except openmm.OpenMMException:  # atoms so near to each other that positions are no numbers at once
            course = np.full((self._looks, 2), np.nan)
        tally.row(TOPIC, frame.index, course)

    @property
    def _looks(self) -> int:
        return max(4, round(self.options.time / STRETCH))

    def _course(self, frame: Snapshot) -> Array:
        """Temperature, K, and total energy, kT a degree of freedom, after every stretch, (n, 2)."""
        box, turn = (None, np.eye(3)) if frame.box is None else cell(frame.box)
        made = openmm_system.build(self.field, self.system, box, rigid=True)
        integrator = openmm.VerletIntegrator(self.timestep)
        integrator.setConstraintTolerance(TOLERANCE)
        found = context(made, integrator, frame.atoms @ turn)
        found.applyConstraints(TOLERANCE)
        rng = numpy_generator(self.seed, TOPIC, frame.replica, frame.number)
        found.setVelocitiesToTemperature(self.temperature, int(rng.integers(1, 2**31 - 1)))
        freedom, rows = freedom_of(made), []
        for _ in range(self._looks):
            integrator.step(max(1, round(self.options.time / self._looks / self.timestep)))
            state = found.getState(getEnergy=True)
            kinetic, potential = state.getKineticEnergy()._value, state.getPotentialEnergy()._value
            rows.append([2 * kinetic / (freedom * BOLTZMANN), (kinetic + potential) / (freedom * BOLTZMANN
                                                                                       * self.temperature)])
        return np.array(rows)

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        if self.temperature is None:
            return Assessment(notes=[f"{TOPIC}: not made, as no step before it samples the force field; 'temperature' "
                                     "of the assessor makes it nevertheless."])
        course = rows_of(tally, TOPIC, self._looks, 2)
        figures = [Figure(SECTION, "frames", "count", float(len(course)))]
        if not len(course):  # a half of the reference, or a part of a run without its first frames
            return Assessment(figures)
        if not np.isfinite(course).all():
            return Assessment(figures, findings=[Aspect(UNUSABLE, TOPIC, "Dynamics from the atoms as they are bursts: "
                                                        "its numbers are not finite.", "force field")])
        hottest, last = float(course[..., 0].max()), float(course[:, -self._looks // 4:, 0].mean())
        drift = float(np.abs(course[:, -1, 1] - course[:, 0, 1]).max() / self.options.time)
        figures += [Figure(SECTION, "temperature", "highest", hottest, "K", ideal=self.temperature),
                    Figure(SECTION, "temperature", "last quarter", last, "K", ideal=self.temperature),
                    Figure(SECTION, "total energy", "change", drift, "kT a degree of freedom and ps", ideal=0.0)]
        times = np.linspace(0, self.options.time, self._looks + 1)
        curves = [Curve(SECTION, "temperature", "time", "ps", times, course[0, :, 0], "K")]
        return Assessment(figures, curves, findings=[self._finding(hottest, last, drift)])

    def _finding(self, hottest: float, last: float, drift: float) -> Aspect:
        freedom = sum(3 * kind.n_atoms * count for kind, count in self.system.blocks)  # at least a third of it is left
        limit = self.temperature * (WARM + CHANCE * np.sqrt(6 / freedom))
        burst = hottest > max(BURST * self.temperature, limit)
        # A mean over time scatters by half as much, or less.
        cold = last < self.temperature * (2 - WARM - CHANCE / 2 * np.sqrt(6 / freedom))
        level = UNUSABLE if burst else CARE if hottest > limit or cold or drift > DRIFT else GOOD
        what = ("bursts" if burst else "warms up" if hottest > limit else "cools down, as what was rigid takes up heat,"
                if cold else "does not keep its energy" if level else "keeps its temperature")
        return Aspect(level, TOPIC, f"{self.options.time:g} ps of dynamics from the atoms as they are "
                      f"{what}: {hottest:.0f} K at most, {last:.0f} K in the last quarter, for "
                      f"{self.temperature:g} K; its total energy changes by {drift:.2g} kT a degree of freedom in a "
                      "picosecond.", "force field")


def freedom_of(made: openmm.System) -> int:
    """Degrees of freedom: three for each particle with a mass, less constraints and the motion as a whole, which is
    little."""
    particles = sum(made.getParticleMass(k)._value > 0 for k in range(made.getNumParticles()))
    return max(1, 3 * particles - made.getNumConstraints())


def timestep_of(kind: MoleculeType) -> float:
    """fs that the fastest bond of a molecule type that is not rigid allows."""
    fixed = {tuple(sorted(pair)) for pair in kind.rigid.between}
    loose = [pair for pair in kind.bonds.tolist() if tuple(sorted(pair)) not in fixed]
    if not loose:
        return 2.0
    return 1.0 if kind.chemistry.heavy[np.array(loose)].all() else 0.5
