"""Recognises custom forces of OpenMM by their values: which known function an expression is, and its parameters."""
from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod

import numpy as np
import openmm
from numpy.typing import NDArray

from backmap.model.parameters import COULOMB

Array = NDArray[np.float64]
Found = tuple[str, list[float]]

_NOTHING = 1e-12  #: a part of the energy that is only rounding
_SAME = 1e-8  #: relative to the largest value: an expression is the function it was fitted with
_PI = re.compile(r"\bpi\s*=\s*3\.141593\b")  #: as OpenMM writes CHARMM's impropers: about 180 degrees it shows


class Probe(ABC):
    """Evaluates one custom force for given parameters at chosen distances or angles."""

    def __init__(self, force: openmm.Force) -> None:
        self._force = force
        self._known: dict[tuple[float, ...], Found | None] = {}
        self._context: openmm.Context | None = None

    def function(self, parameters: tuple[float, ...]) -> Found | None:
        """Name, as in ``FUNCTIONS`` or ``pair``, and parameters; None if it is none of them."""
        if parameters not in self._known:
            self._known[parameters] = self._recognised(parameters)
        return self._known[parameters]

    @abstractmethod
    def _recognised(self, parameters: tuple[float, ...]) -> Found | None: ...

    @abstractmethod
    def _first(self, parameters: tuple[float, ...]) -> tuple[openmm.Force, int]:
        """A force of one term, and how many particles it has."""

    @abstractmethod
    def _set(self, parameters: tuple[float, ...]) -> None:
        """Give the one term other parameters."""

    def _values(self, parameters: tuple[float, ...], positions: Array) -> Array:
        """Energies of positions (m, n, 3), kJ/mol, (m,)."""
        if self._context is None:
            self._single, n = self._first(parameters)
            _copy_globals(self._force, self._single)
            system = openmm.System()
            for _ in range(n):
                system.addParticle(1.0)
            system.addForce(self._single)
            self._context = openmm.Context(system, openmm.VerletIntegrator(0.001),
                                           openmm.Platform.getPlatformByName("Reference"))
        self._set(parameters)
        self._single.updateParametersInContext(self._context)
        found = []
        for frame in positions:
            self._context.setPositions(frame)
            found.append(self._context.getState(getEnergy=True).getPotentialEnergy()._value)
        return np.array(found)


class BondProbe(Probe):
    """Harmonic and quartic bonds, and explicit pairs of Lennard-Jones and Coulomb."""

    _R = np.array([0.12, 0.15, 0.19, 0.24, 0.31, 0.40, 0.55])

    def _first(self, parameters: tuple[float, ...]) -> tuple[openmm.Force, int]:
        force = openmm.CustomBondForce(self._force.getEnergyFunction())
        for k in range(self._force.getNumPerBondParameters()):
            force.addPerBondParameter(self._force.getPerBondParameterName(k))
        force.addBond(0, 1, parameters)
        return force, 2

    def _set(self, parameters: tuple[float, ...]) -> None:
        self._single.setBondParameters(0, 0, 1, parameters)

    def _recognised(self, parameters: tuple[float, ...]) -> Found | None:
        r = self._R
        positions = np.zeros((len(r), 2, 3))
        positions[:, 1, 0] = r
        energy = self._values(parameters, positions)
        if not energy.any():
            return "pair", [0.0, 0.0, 0.0]
        if (fit := _fitted(np.stack([r**-12, -r**-6, COULOMB / r]), energy, relative=True)) is not None:
            return "pair", [fit[1], fit[0], fit[2]]
        if (fit := _fitted(np.stack([np.ones_like(r), r, r**2]), energy)) is not None and fit[2] > 0:
            length, k = -fit[1] / (2 * fit[2]), 2 * fit[2]
            if abs(fit[0] - k * length**2 / 2) <= _SAME * abs(energy).max():
                return "harmonic_bond", [length, k]
        if (fit := _fitted(np.stack([np.ones_like(r), r**2, r**4]), energy)) is not None and fit[2] > 0:
            square, k = -fit[1] / (2 * fit[2]), 4 * fit[2]
            if square > 0 and abs(fit[0] - k * square**2 / 4) <= _SAME * abs(energy).max():
                return "quartic_bond", [float(np.sqrt(square)), k]
        return None


class AngleProbe(Probe):
    """Harmonic and cosine-harmonic angles."""

    _T = np.linspace(0.6, 2.9, 9)

    def _first(self, parameters: tuple[float, ...]) -> tuple[openmm.Force, int]:
        force = openmm.CustomAngleForce(self._force.getEnergyFunction())
        for k in range(self._force.getNumPerAngleParameters()):
            force.addPerAngleParameter(self._force.getPerAngleParameterName(k))
        force.addAngle(0, 1, 2, parameters)
        return force, 3

    def _set(self, parameters: tuple[float, ...]) -> None:
        self._single.setAngleParameters(0, 0, 1, 2, parameters)

    def _recognised(self, parameters: tuple[float, ...]) -> Found | None:
        t = self._T
        positions = np.zeros((len(t), 3, 3))
        positions[:, 0, 0] = 1
        positions[:, 2, 0], positions[:, 2, 1] = np.cos(t), np.sin(t)
        energy = self._values(parameters, positions)
        for name, x, back in (("harmonic_angle", t, lambda v: v), ("cosine_angle", np.cos(t), np.arccos)):
            fit = _fitted(np.stack([np.ones_like(x), x, x**2]), energy)
            if fit is not None and fit[2] > 0:
                middle, k = -fit[1] / (2 * fit[2]), 2 * fit[2]
                if abs(fit[0] - k * middle**2 / 2) <= _SAME * abs(energy).max() and np.isfinite(back(middle)):
                    return name, [float(back(middle)), k]
        return None if energy.any() else ("harmonic_angle", [0.0, 0.0])


class TorsionProbe(Probe):
    """Harmonic and periodic torsions."""

    _P = -np.pi + 2 * np.pi * (np.arange(72) + 0.37) / 72

    def _first(self, parameters: tuple[float, ...]) -> tuple[openmm.Force, int]:
        force = openmm.CustomTorsionForce(_PI.sub(f"pi = {math.pi!r}", self._force.getEnergyFunction()))
        for k in range(self._force.getNumPerTorsionParameters()):
            force.addPerTorsionParameter(self._force.getPerTorsionParameterName(k))
        force.addTorsion(0, 1, 2, 3, parameters)
        return force, 4

    def _set(self, parameters: tuple[float, ...]) -> None:
        self._single.setTorsionParameters(0, 0, 1, 2, 3, parameters)

    def _recognised(self, parameters: tuple[float, ...]) -> Found | None:
        p = self._P
        positions = np.zeros((len(p), 4, 3))
        positions[:, 0, 0], positions[:, 2, 2], positions[:, 3, 2] = 1, 1, 1
        positions[:, 3, 0], positions[:, 3, 1] = np.cos(p), np.sin(p)  # seen along the axis, clockwise is positive
        energy = self._values(parameters, positions)
        if not energy.any():
            return "periodic_proper", [0.0, 0.0, 1.0]
        return self._harmonic(energy) or self._periodic(energy)

    def _harmonic(self, energy: Array) -> Found | None:
        """The parabola through the lowest value and its neighbours must be the whole function."""
        at, step = int(energy.argmin()), 2 * np.pi / len(self._P)
        low, mid, high = energy[at - 1], energy[at], energy[(at + 1) % len(energy)]
        k = (low - 2 * mid + high) / step**2
        if k <= 0:
            return None
        p0 = self._P[at] - (high - low) / (2 * step * k)
        turned = self._P - p0 - 2 * np.pi * np.round((self._P - p0) / (2 * np.pi))
        same = np.abs(k / 2 * turned**2 - energy).max() <= _SAME * np.abs(energy).max()
        return ("harmonic_improper", [float(p0), float(k)]) if same else None

    def _periodic(self, energy: Array) -> Found | None:
        p = self._P
        for n in range(1, 7):
            fit = _fitted(np.stack([np.ones_like(p), np.cos(n * p), np.sin(n * p)]), energy)
            if fit is not None and abs(fit[0] - np.hypot(fit[1], fit[2])) <= _SAME * np.abs(energy).max():
                return "periodic_proper", [float(np.arctan2(fit[2], fit[1])), float(fit[0]), float(n)]
        return None


def lennard_jones(force: openmm.CustomNonbondedForce, table: Array) -> tuple[Array, Array] | None:
    """c6 and c12 (T, T) between types with these per-particle parameters (T, p); None if it is something else."""
    if force.getNumInteractionGroups():
        return None
    r = np.array([0.2, 0.25, 0.32, 0.4, 0.5])
    single = openmm.CustomNonbondedForce(force.getEnergyFunction())
    for k in range(force.getNumPerParticleParameters()):
        single.addPerParticleParameter(force.getPerParticleParameterName(k))
    _copy_globals(force, single)
    for k in range(force.getNumTabulatedFunctions()):
        single.addTabulatedFunction(force.getTabulatedFunctionName(k), _twin(force.getTabulatedFunction(k)))
    for k in range(force.getNumComputedValues()):
        single.addComputedValue(*force.getComputedValueParameters(k))
    system = openmm.System()
    for _ in range(2):
        system.addParticle(1.0)
        single.addParticle(table[0].tolist())
    system.addForce(single)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    c6, c12 = np.zeros((2, len(table), len(table)))
    for a, b in zip(*np.triu_indices(len(table))):
        single.setParticleParameters(0, table[a].tolist())
        single.setParticleParameters(1, table[b].tolist())
        single.updateParametersInContext(context)
        energy = []
        for distance in r.tolist():
            context.setPositions([[0, 0, 0], [distance, 0, 0]])
            energy.append(context.getState(getEnergy=True).getPotentialEnergy()._value)
        fit = _fitted(np.stack([r**-12, -r**-6]), np.array(energy), relative=True)
        if fit is None:
            return None
        c12[a, b] = c12[b, a] = fit[0]
        c6[a, b] = c6[b, a] = fit[1]
    return c6, c12


def _fitted(basis: Array, energy: Array, relative: bool = False) -> Array | None:
    """Coefficients of functions (m, n) whose sum is ``energy`` (n,), or None if there are none.

    Args:
        relative: Compare each value by its own terms, for functions that span many orders of magnitude.
    """
    if not energy.any():
        return np.zeros(len(basis))
    size = np.maximum(np.abs(energy), 1e-10 * np.abs(energy).max()) if relative else np.abs(energy).max()
    for _ in range(2):
        rows = basis / size
        scale = np.abs(rows).max(axis=1)
        found = np.linalg.lstsq((rows / scale[:, None]).T, energy / size, rcond=None)[0] / scale
        if relative:
            size = np.abs(basis * found[:, None]).sum(axis=0)
    found[np.abs(basis * found[:, None] / size).max(axis=1) < _NOTHING] = 0.0
    return found if np.abs((basis.T @ found - energy) / size).max() <= _SAME else None


def _copy_globals(source: openmm.Force, target: openmm.Force) -> None:
    for k in range(source.getNumGlobalParameters()):
        target.addGlobalParameter(source.getGlobalParameterName(k), source.getGlobalParameterDefaultValue(k))
    if hasattr(source, "getNumTabulatedFunctions") and not isinstance(source, openmm.CustomNonbondedForce):
        for k in range(source.getNumTabulatedFunctions()):
            target.addTabulatedFunction(source.getTabulatedFunctionName(k), _twin(source.getTabulatedFunction(k)))


def _twin(table: openmm.TabulatedFunction) -> openmm.TabulatedFunction:
    """A copy that another force may own."""
    return openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(table))
