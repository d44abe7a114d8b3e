"""Implicit solvent of one molecule: generalised Born with descreening by pairs, and the surface term that goes with it.

Born radii: Hawkins, Cramer, Truhlar, Chem. Phys. Lett. 246, 122 (1995); their tanh: Onufriev, Bashford, Case, Proteins
55, 383 (2004); energies: Still et al., J. Am. Chem. Soc. 112, 6127 (1990); surface: Schaefer, Bartels, Karplus, J. Mol.
Biol. 284, 835 (1998). No cut-off, no salt.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import openmm
import torch
from torch import Tensor

from backmap.errors import BackmapError

OFFSET = 0.009  #: nm by which atoms are smaller where they descreen each other
PROBE = 0.14  #: nm, radius of a water molecule
#: alpha, beta and gamma of tanh(alpha psi - beta psi^2 + gamma psi^3).
TANH = {"OBC2": (1.0, 0.8, 4.85), "OBC1": (0.8, 0.0, 2.909125), "HCT": None}
SAME = 1e-7  #: relative: a force of OpenMM is the function that gives its values
#: The molecule pulled apart and pressed together, on which a force is recognised.
STRETCHES = (0.4, 0.6, 0.8, 0.9, 1.0, 1.1, 1.3, 2.0)


@dataclass(frozen=True, eq=False)
class Born:
    """Generalised Born energy of A atoms.

    Attributes:
        charge: e, (A,).
        radius: Less the offset, nm, (A,).
        screen: Radii with which others are descreened, nm, (A,).
        tanh: alpha, beta, gamma; None for Born radii without a tanh.
        polar: Of q^2 / f, kJ mol^-1 nm e^-2: negative.
        surface: Of (R + probe)^2 (R / B)^6, kJ mol^-1 nm^-2; 0 for no surface term.
    """

    charge: Tensor
    radius: Tensor
    screen: Tensor
    tanh: tuple[float, float, float] | None
    polar: float
    surface: float

    def energy(self, positions: Tensor) -> Tensor:
        """Energy (n,) of positions (n, A, 3), kJ/mol."""
        polar, surface = self.parts(positions)
        return self.polar * polar + self.surface * surface

    def parts(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of q_i q_j / f_ij over pairs and half of it over atoms, and of (R + probe)^2 (R / B)^6, (n,) each."""
        first, second = torch.triu_indices(len(self.charge), len(self.charge), 1)
        squared = ((positions[:, second] - positions[:, first])**2).sum(2).clamp_min(1e-12)
        born = self._born(squared.sqrt(), first, second)
        product = born[:, first] * born[:, second]
        f = (squared + product * torch.exp(-0.25 * squared / product)).sqrt()
        polar = 0.5 * (self.charge**2 / born).sum(1) + (self.charge[first] * self.charge[second] / f).sum(1)
        whole = self.radius + OFFSET
        return polar, ((whole + PROBE)**2 * (whole / born)**6).sum(1)

    def _born(self, r: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Born radii (n, A) from distances of pairs (n, p)."""
        integral = r.new_zeros(len(r), len(self.charge))
        for one, other in ((first, second), (second, first)):
            integral = integral.index_add(1, one, _descreened(r, self.radius[one], self.screen[other]))
        if self.tanh is None:
            return 1 / (1 / self.radius - integral)
        alpha, beta, gamma = self.tanh
        psi = integral * self.radius
        bent = torch.tanh(psi * (alpha + psi * (gamma * psi - beta)))
        return 1 / (1 / self.radius - bent / (self.radius + OFFSET))


def _descreened(r: Tensor, radius: Tensor, screen: Tensor) -> Tensor:
    """What atoms with ``screen`` take from those of ``radius``, at distances r (n, p), 1/nm."""
    away, reach = r - screen, r + screen
    low = 1 / torch.maximum(radius, away.abs())
    high = 1 / reach
    value = 0.5 * (low - high + 0.25 * (r - screen**2 / r) * (high**2 - low**2) + 0.5 * torch.log(high / low) / r)
    within = torch.where(radius < -away, 1 / radius - low, 0.0)  # one that is all inside of the other
    return torch.where(radius < reach, value + within, 0.0)


def taken(system: openmm.System, positions: np.ndarray, where: str) -> Born | None:
    """Take the implicit solvent out of a system; None if it has none.

    A force is known by its values, not by how its expression is written.

    Args:
        system: Of one molecule; its forces of implicit solvent are removed.
        positions: Of the molecule, about which values are taken, (A, 3), nm.
        where: The force field, for messages.

    Raises:
        BackmapError: For an implicit solvent that is not understood.
    """
    found = [k for k, force in enumerate(system.getForces())
             if isinstance(force, openmm.GBSAOBCForce | openmm.CustomGBForce)]
    if not found:
        return None
    if len(found) > 1:
        raise BackmapError("has two implicit solvents", where=where, hint="Name one file of them.")
    force = system.getForce(found[0])
    born = _recognised(force, positions)
    if born is None:
        raise BackmapError(f"its implicit solvent ({type(force).__name__}) is not supported", where=where,
                           hint=f"Known are generalised Born as {', '.join(TANH)}, with or without a surface term.")
    system.removeForce(found[0])
    return born


def _recognised(force: openmm.Force, positions: np.ndarray) -> Born | None:
    atoms = torch.tensor([_atom(force, k) for k in range(force.getNumParticles())], dtype=torch.float64)
    if atoms.shape[1] != 3:
        return None
    frames = positions * np.array(STRETCHES)[:, None, None]
    values = _values(force, frames)
    for tanh in TANH.values():
        parts = torch.stack(Born(*atoms.T, tanh, 1.0, 1.0).parts(torch.as_tensor(frames)), 1).numpy()
        there = np.isfinite(parts).all(1)
        if (there != np.isfinite(values)).any() or there.sum() < len(frames) / 2:
            continue
        parts, known = parts[there], values[there]
        factors = np.linalg.lstsq(parts / abs(known)[:, None], np.sign(known), rcond=None)[0]
        if (abs(parts @ factors - known) < SAME * (abs(parts * factors).sum(1))).all():
            return Born(*atoms.T, tanh, *(float(each) if abs(each) > SAME else 0.0 for each in factors))
    return None


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
