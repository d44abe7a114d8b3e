"""The refiner ``minimize``: energy minimisation in stages, from the bonded terms to the whole force field."""
from __future__ import annotations

from typing import ClassVar

import numpy as np
import openmm
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Options, Refiner
from backmap.engine.random import Stream
from backmap.model.parameters import ForceField
from backmap.model.system import System, Window

from ..openmm_bridge.contexts import context, positions_of
from .forces import CAP, CAPS
from .mechanics import BONDED, CHIRALITY, NON_BONDED, SOFT, TORSIONS, Mechanics, refined

Array = NDArray[np.float64]
FLAG = "minimization_failed"

#: Force groups of each stage, and the height of the soft repulsion where it has one.
STAGES: tuple[tuple[set[int], float | None], ...] = (
    ({BONDED}, None), ({BONDED, TORSIONS}, None), *(({BONDED, TORSIONS, SOFT}, cap) for cap in CAPS),
    ({BONDED, TORSIONS, NON_BONDED}, None))


class MinimizeOptions(Options):
    """Options of ``minimize``."""

    changed_names: ClassVar = {"hold": "is called 'restrain_bonds' now",
                               "keep_hands": "is called 'keep_chirality' now"}

    restraint: float = Field(0.0, ge=0, description="b of the restraint b (M(r) - R)^2 on every bead, kJ/mol/nm^2; 0 "
                                                    "lets beads go.")
    tolerance: float = Field(10.0, gt=0, description="Root mean square force at which a stage ends, kJ/mol/nm.")
    max_iterations: int = Field(500, ge=1, description="Iterations of each stage at most.")
    restrain_bonds: bool = Field(False, description="Hold every bond that the topology has rigid by a stiff spring, "
                                                    "also where the force field has a spring of its own, which may be "
                                                    "a soft one.")
    keep_chirality: bool = Field(True, description="Push stereocentres of known chirality to the right side of their "
                                                   "neighbours, and double bonds, esters and amides to theirs, in all "
                                                   "stages.")


class Minimize(Refiner):
    """Energy minimisation (OpenMM, L-BFGS): with bonded terms first, then with torsions, then with all terms.

    Before the last stage, two stages with a repulsion of finite height separate overlapping atoms, so that any start
    can be minimised. Bonds are springs here: those of the force field, and where it has none, stiff ones at the
    length that the topology has. A frame that cannot be minimised keeps its atoms, and its beads are flagged
    ``minimization_failed``.
    """

    Options = MinimizeOptions
    options: MinimizeOptions
    needs = frozenset({"forcefield"})

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        forcefield.of(system)
        self.mechanics = Mechanics(forcefield, system, rigid=False, hold=self.options.restrain_bonds,
                                   restraint=self.options.restraint)

    def refine(self, window: Window, system: System, rng: Stream, only: NDArray[np.bool_] | None) -> Window:
        atoms, failed = refined(self.mechanics, window, [0] * window.size, only, 0.0,
                                lambda made, at, seed: self.minimized(made, at), self.progress)
        done = window.with_atoms(atoms)
        done.flags[FLAG] = failed
        return done

    def minimized(self, made: openmm.System, positions: Array) -> Array:
        """Positions (A, 3) after all stages, nm."""
        integrator = openmm.VerletIntegrator(0.001)
        found = context(made, integrator, positions)
        for groups, cap in STAGES:
            integrator.setIntegrationForceGroups(groups | {CHIRALITY} if self.options.keep_chirality else groups)
            if cap is not None:
                found.setParameter(CAP, cap)
            openmm.LocalEnergyMinimizer.minimize(found, self.options.tolerance, self.options.max_iterations)
        return positions_of(found)
