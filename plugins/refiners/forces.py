"""Forces that a force field has not, as OpenMM forces: bead restraints, stiff springs, repulsion of finite height."""
from __future__ import annotations

import numpy as np
import openmm
from numpy.typing import NDArray

from backmap.model.parameters import ForceField, MoleculeParameters
from backmap.model.system import System

#: Of bonds that the topology has rigid where the force field has no spring for them, kJ/mol/nm^2; the stiffest
#: springs of common force fields (C=O, aromatic C-C) are about as stiff.
STIFF = 5.0e5
#: Reach of the soft repulsion, nm.
SHORT = 0.45
#: Least c12 in the soft repulsion, kJ/mol nm^12: hydrogens without Lennard-Jones shall not sit on other atoms.
LEAST = 6.5e-10
#: That of virtual sites, which are inside of other atoms.
NONE = 1e-80
#: Name of the global parameter: energy, kJ/mol, above which the soft repulsion grows linearly.
CAP = "cap"
#: Its values, one minimisation each.
CAPS = 5.0, 50.0

#: ``cap`` (d / r)^12 up to the distance d, where it is worth ``cap``; from there to r = 0 its tangent: 13 times
#: ``cap`` at most. With d = (c12 / cap)^(1/12) it is c12 / r^12.
_REPULSION = f"{CAP} * select(step(r - d), (d / r)^12, 13 - 12 * r / d)"


def soft_repulsion(field: ForceField, system: System) -> openmm.CustomNonbondedForce:
    """Repulsion of all pairs that are not excluded, finite and with a force at any distance above 0.

    It is as strong as c12 of the force field where that is a product of two atoms, and nearly so otherwise.
    """
    force = openmm.CustomNonbondedForce(f"{_REPULSION}; d = size1 * size2 * scale; scale = {CAP}^(-1 / 12)")
    force.addGlobalParameter(CAP, CAPS[0])
    force.addPerParticleParameter("size")
    size = np.empty(system.n_atoms)
    for parameters, group in zip(field.of(system), system.groups):
        least = np.where(group.type.virtual, NONE, LEAST)
        size[group.atoms] = np.maximum(field.c12.diagonal()[parameters.kind], least)**(1 / 24)
    for number in size.tolist():
        force.addParticle([number])
    for parameters, group in zip(field.of(system), system.groups):
        for offset in group.atom_offset.tolist():
            for i, j in (parameters.excluded + offset).tolist():
                force.addExclusion(i, j)
    force.setName("soft repulsion")
    return force


def soft_pairs(field: ForceField, system: System) -> openmm.CustomBondForce:
    """The same for explicit pairs (1-4)."""
    force = openmm.CustomBondForce(f"{_REPULSION}; d = size * {CAP}^(-1 / 12)")
    force.addGlobalParameter(CAP, CAPS[0])
    force.addPerBondParameter("size")
    for parameters, group in zip(field.of(system), system.groups):
        repelling = parameters.pair_parameters[:, 1] > 0
        size = (parameters.pair_parameters[repelling, 1]**(1 / 12)).tolist()
        for offset in group.atom_offset.tolist():
            for (i, j), d in zip((parameters.pairs[repelling] + offset).tolist(), size):
                force.addBond(i, j, [d])
    force.setName("soft pairs")
    return force


def springs(field: ForceField, system: System, every: bool) -> openmm.HarmonicBondForce:
    """Stiff springs for fixed distances: ``every`` one, or those without a spring in the force field."""
    force = openmm.HarmonicBondForce()
    for parameters, group in zip(field.of(system), system.groups):
        bonds, length = group.type.rigid.pairs, group.type.rigid.lengths
        known = set() if every else _with_spring(parameters)
        stiff = [k for k, pair in enumerate(bonds.tolist()) if tuple(sorted(pair)) not in known]
        for offset in group.atom_offset.tolist():
            for (i, j), r0 in zip((bonds[stiff] + offset).tolist(), length[stiff].tolist()):
                force.addBond(i, j, r0, STIFF)
    force.setName("springs")
    return force


def _with_spring(parameters: MoleculeParameters) -> set[tuple[int, int]]:
    atoms: list[NDArray] = [entry.atoms for entry in parameters.bonded if entry.term == "bond"]
    return {(min(i, j), max(i, j)) for rows in atoms for i, j in rows.tolist()}


def bead_restraint(system: System, strength: float) -> openmm.CustomCentroidBondForce:
    """b (M(r) - R)^2 for every bead, with the weights of the mapping; R are the parameters of bond b.

    Args:
        system: What is there.
        strength: b, kJ/mol/nm^2.
    """
    force = openmm.CustomCentroidBondForce(1, "strength * pointdistance(x1, y1, z1, x0, y0, z0)^2")
    force.addGlobalParameter("strength", strength)
    for name in ("x0", "y0", "z0"):
        force.addPerBondParameter(name)
    rows: list[tuple[list[int], list[float]]] = [([], [])] * system.n_beads
    for group in system.groups:
        mapping = group.type.mapping
        for bead in range(mapping.n_beads):
            own = mapping.bead == bead
            weights = mapping.weight[own].tolist()
            for beads, offset in zip(group.beads, group.atom_offset):
                rows[beads[bead]] = (mapping.atom[own] + offset).tolist(), weights
    for bead, (atoms, weights) in enumerate(rows):
        force.addGroup(atoms, weights)
        force.addBond([bead], [0.0, 0.0, 0.0])
    force.setName("beads")
    return force
