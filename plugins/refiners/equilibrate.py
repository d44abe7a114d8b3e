"""The refiner ``equilibrate``: a short constrained Langevin run with the beads held."""
from __future__ import annotations

import numpy as np
import openmm
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Options, Refiner
from backmap.engine.random import Stream
from backmap.model.parameters import ForceField
from backmap.model.system import System, Window

from ..openmm_bridge.contexts import context, positions_of
from .mechanics import BONDED, CHIRALITY, NON_BONDED, TORSIONS, Mechanics, RefinementFailure, refined
from .minimize import Minimize

Array = NDArray[np.float64]
FLAG = "equilibration_failed"
#: Mass of atoms that shall not move, u: they may share constraints with atoms that do.
HEAVY = 1e12
#: Relative tolerance of constraints; and the deviation, nm, from which a run has failed to meet them.
TOLERANCE, BROKEN = 1e-6, 1e-4
#: Steps between two looks at whether the run is still sound.
STRETCH = 250
FORCES = {BONDED, TORSIONS, NON_BONDED}
GUARDED = 0.25  #: share of the run, at its start, in which stereocentres are kept from turning over


class EquilibrateOptions(Options):
    """Options of ``equilibrate``."""

    time: float = Field(1.0, gt=0, description="Length of the run, ps.")
    temperature: float = Field(300.0, gt=0, description="K.")
    restraint: float = Field(1.0e5, ge=0, description="b of the restraint b (M(r) - R)^2 on every bead, kJ/mol/nm^2; "
                                                      "beads then stray by sqrt(kT / 2b) in each direction.")
    timestep: float = Field(1.0, gt=0, le=5, description="fs.")
    friction: float = Field(10.0, gt=0, description="1/ps.")
    minimize: bool = Field(True, description="Minimise first, with the same restraint and rigid bonds held by springs.")
    max_iterations: int = Field(500, ge=1, description="Iterations of each stage of the minimisation at most.")


class Equilibrate(Refiner):
    """Short Langevin dynamics (OpenMM, middle scheme) with rigid bonds and harmonic restraints on the beads.

    The result is *not* an exact sample: the dynamics is not Metropolised, the time step and the restraint leave a
    bias, and a picosecond does not forget the start. In the first quarter stereocentres are kept from inverting,
    which a strained start could make them do. A frame whose run diverges keeps its atoms, and its beads are flagged
    ``equilibration_failed``. Random numbers follow from seed, step and frame.
    """

    Options = EquilibrateOptions
    options: EquilibrateOptions
    needs = frozenset({"forcefield"})

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        options = self.options
        self.mechanics = Mechanics(forcefield, system, rigid=True, hold=False, restraint=options.restraint)
        self.minimizer = Minimize(Minimize.Options(restraint=options.restraint, restrain_bonds=True,
                                                   max_iterations=options.max_iterations))
        self.minimizer.begin(system, forcefield)

    def refine(self, window: Window, system: System, rng: Stream, only: NDArray[np.bool_] | None) -> Window:
        progress, first = self.progress, 0.0
        if self.options.minimize:
            first = 0.5
            self.minimizer.progress = lambda fraction: progress(first * fraction)
            started = self.minimizer.refine(window, system, rng, only)
        else:
            started = window
        seeds = [(key & 0x3FFFFFFF) + 1 for key in rng.child("langevin").key.tolist()]  # 0 would mean any seed
        atoms, failed = refined(self.mechanics, started, seeds, only, HEAVY, self._run,
                                lambda fraction: progress(first + (1 - first) * fraction))
        done = window.with_atoms(np.where(failed.any(axis=1)[:, None, None], window.atoms, atoms))
        done.flags[FLAG] = failed
        return done

    def _run(self, made: openmm.System, positions: Array, seed: int) -> Array:
        """Positions (A, 3) after the run, nm."""
        options = self.options
        step = options.timestep * 1e-3
        integrator = openmm.LangevinMiddleIntegrator(options.temperature, options.friction, step)
        integrator.setRandomNumberSeed(seed)
        integrator.setConstraintTolerance(TOLERANCE)
        found = context(made, integrator, positions)
        found.applyConstraints(TOLERANCE)
        _expect_constraints(made, positions_of(found))
        found.setVelocitiesToTemperature(options.temperature, seed)
        steps = max(1, round(options.time / step))
        guarded = round(GUARDED * steps)
        for forces, count in ((FORCES | {CHIRALITY}, guarded), (FORCES, steps - guarded)):
            integrator.setIntegrationForceGroups(forces)
            _advance(found, count)
        after = positions_of(found)
        _expect_constraints(made, after)
        return after


def _advance(found: openmm.Context, steps: int) -> None:
    """Run, and raise RefinementFailure as soon as positions are no numbers any more."""
    for done in range(0, steps, STRETCH):
        found.getIntegrator().step(min(STRETCH, steps - done))
        if not np.isfinite(positions_of(found)).all():
            raise RefinementFailure


def _expect_constraints(made: openmm.System, positions: Array) -> None:
    """Raise RefinementFailure unless all constraints are met."""
    rows = [made.getConstraintParameters(k) for k in range(made.getNumConstraints())]
    if not rows:
        return
    i, j, length = (np.array(column) for column in zip(*((i, j, length._value) for i, j, length in rows)))
    off = np.abs(np.linalg.norm(positions[i] - positions[j], axis=1) - length)
    if not off.max() < BROKEN:
        raise RefinementFailure
