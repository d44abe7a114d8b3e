"""The step ``forces``: forces on all atoms, for files that hold them."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field

from backmap.api import FrameStep, Options, State
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.forces.multipliers import BondForces
from backmap.model.parameters import BOLTZMANN
from backmap.model.system import Window


class ForcesOptions(Options):
    """Options of ``forces``."""

    rigid_bonds: bool = Field(True, description="Add the forces of rigid bonds, averaged over velocities, so that sums "
                                                "over the atoms of a bead are what the bead feels; false leaves those "
                                                "of the potential alone, as GROMACS writes them.")
    temperature: float = Field(300.0, gt=0, description="Of these velocities, K.")


class Forces(FrameStep):
    """Compute the forces of the force field on all atoms; a .trr that is written after it holds them."""

    Options = ForcesOptions
    options: ForcesOptions
    needs = frozenset({"system", "beads", "atoms", "forcefield"})

    def start(self, state: State) -> None:
        self.energy = FrameEnergy(state.system, state.forcefield)
        self.rigid = [BondForces(kind) for kind in state.system.types] if self.options.rigid_bonds else []

    def frame(self, window: Window, state: State) -> Window:
        atoms, heat = window.atoms[0], BOLTZMANN * self.options.temperature
        forces = self.energy.forces(atoms, window.box(0))
        of_bonds = np.zeros_like(forces)
        for group, rigid in zip(window.system.groups, self.rigid):
            of_bonds[group.atoms] = rigid.of(atoms[group.atoms], forces[group.atoms], heat)
        return replace(window, forces=(forces + of_bonds)[None])
