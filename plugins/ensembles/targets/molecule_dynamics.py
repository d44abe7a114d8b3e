"""Langevin dynamics of one molecule by OpenMM: a quick way to configurations that forget where they came from."""
from __future__ import annotations

import numpy as np
import openmm
import torch
from openmm import unit
from torch import Tensor

STEP = {True: 0.002, False: 0.0005}  #: ps; with bonds to hydrogen rigid, and without
FRICTION = 1.0  #: 1/ps


class Dynamics:
    """Langevin dynamics at constant temperature, velocities drawn anew for each run.

    The integrator (LangevinMiddle: Zhang et al., J. Phys. Chem. A 123, 6056 (2019)) samples configurations all but
    exactly at these steps: good for training data, and not for what must be exact.

    Args:
        system: The molecule, with its constraints.
        temperature: K.
    """

    def __init__(self, system: openmm.System, temperature: float) -> None:
        self.temperature, self._step = temperature, STEP[system.getNumConstraints() > 0]
        integrator = openmm.LangevinMiddleIntegrator(temperature, FRICTION, self._step)
        # For so few atoms the reference platform is the quickest.
        self._context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))

    def run(self, positions: Tensor, picoseconds: float, rng: np.random.Generator) -> Tensor:
        """Positions (n, A, 3), nm, so much later; those that went out of bounds stay where they were."""
        integrator, moved = self._context.getIntegrator(), positions.clone()
        for row, place in enumerate(positions.numpy()):
            seed = int(rng.integers(1, 2**31 - 1))
            integrator.setRandomNumberSeed(seed)
            self._context.setPositions(place)
            self._context.setVelocitiesToTemperature(self.temperature, seed)
            integrator.step(max(1, round(picoseconds / self._step)))
            there = self._context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
            if np.isfinite(there).all():
                moved[row] = torch.as_tensor(np.array(there))
        return moved

    def relax(self, positions: Tensor) -> Tensor:
        """Positions (n, A, 3), nm, of the nearest minima of the energy."""
        moved = positions.clone()
        for row, place in enumerate(positions.numpy()):
            self._context.setPositions(place)
            openmm.LocalEnergyMinimizer.minimize(self._context)
            there = self._context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
            moved[row] = torch.as_tensor(np.array(there))
        return moved
