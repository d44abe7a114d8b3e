"""Implicit solvents of OpenMM: which one a system has, told by its values."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import openmm
import torch

from backmap.engine.energy.born import parts
from backmap.errors import BackmapError
from backmap.model.solvent import OFFSET, ImplicitSolvent

#: alpha, beta and gamma of tanh(alpha psi - beta psi^2 + gamma psi^3).
TANH = {"OBC2": (1.0, 0.8, 4.85), "OBC1": (0.8, 0.0, 2.909125), "HCT": None}
SAME = 1e-7  #: relative; a force of OpenMM is the function that gives its values
MOST = 2000  #: particles of a system that it is told of
#: The molecule pulled apart and pressed together, on which a force is recognised.
STRETCHES = (0.4, 0.6, 0.8, 0.9, 1.0, 1.1, 1.3, 2.0)


def taken(system: openmm.System, positions: np.ndarray, where: str) -> ImplicitSolvent | None:
    """Take the implicit solvent out of a system; None if it has none.

    A force is known by its values, not by how its expression is written.

    Args:
        system: Of molecules; its force of an implicit solvent is removed.
        positions: Of its particles, about which values are taken, (A, 3), nm.
        where: The force field, for messages.

    Raises:
        BackmapError: For an implicit solvent that is not understood.
    """
    found = [k for k, force in enumerate(system.getForces())
             if isinstance(force, openmm.GBSAOBCForce | openmm.CustomGBForce)]
    if not found:
        return None
    if system.getNumParticles() > MOST:
        raise BackmapError(f"has an implicit solvent of {system.getNumParticles()} particles, more than the {MOST} of "
                           "which it is told what it is", where=where, hint="Give one molecule of each type.")
    if len(found) > 1:
        raise BackmapError("has two implicit solvents", where=where, hint="Name one file of them.")
    force = system.getForce(found[0])
    born = _recognised(force, positions)
    if born is None:
        raise BackmapError(f"its implicit solvent ({type(force).__name__}) is not supported", where=where,
                           hint=f"Known are generalised Born as {', '.join(TANH)}, with or without a surface term.")
    system.removeForce(found[0])
    return born


def _recognised(force: openmm.Force, positions: np.ndarray) -> ImplicitSolvent | None:
    atoms = np.array([_atom(force, k) for k in range(force.getNumParticles())], dtype=np.float64)
    if atoms.shape[1] != 3:
        return None
    frames = positions * np.array(STRETCHES)[:, None, None]
    values = _values(force, frames)
    for tanh in TANH.values():
        solvent = ImplicitSolvent(*atoms.T, tanh, 1.0, 1.0)
        found = torch.stack(parts(solvent, torch.as_tensor(frames)), 1).sum(2).numpy()
        there = np.isfinite(found).all(1)
        if (there != np.isfinite(values)).any() or there.sum() < len(frames) / 2:
            continue
        found, known = found[there], values[there]
        factors = np.linalg.lstsq(found / abs(known)[:, None], np.sign(known), rcond=None)[0]
        if (abs(found @ factors - known) < SAME * (abs(found * factors).sum(1))).all():
            return replace(solvent, polar=_told(factors[0]), surface=_told(factors[1]))
    return None


def _told(factor: float) -> float:
    return float(factor) if abs(factor) > SAME else 0.0


def _atom(force: openmm.Force, number: int) -> list[float]:
    """Charge, radius less the offset, and radius with which it descreens others."""
    values = [getattr(value, "_value", value) for value in force.getParticleParameters(number)]
    if isinstance(force, openmm.GBSAOBCForce):
        charge, radius, scale = values
        return [charge, radius - OFFSET, scale * (radius - OFFSET)]
    return values


def _values(force: openmm.Force, frames: np.ndarray) -> np.ndarray:
    """Energies of the force alone (m,) of frames (m, A, 3)."""
    system = openmm.System()
    for _ in range(force.getNumParticles()):
        system.addParticle(1.0)
    system.addForce(openmm.XmlSerializer.clone(force))
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    found = []
    for frame in frames:
        context.setPositions(frame)
        found.append(context.getState(energy=True).getPotentialEnergy()._value)
    return np.array(found)
