"""Dependent atoms as virtual sites of OpenMM."""
from __future__ import annotations

import numpy as np
import openmm
from numpy.typing import NDArray

from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.rigid import Dependents
from backmap.model.system import System

Array = NDArray[np.float64]


def carried(kind: MoleculeType) -> Array:
    """Masses of a molecule's particles, (A,), u: none of dependent atoms, whose parents carry what they weigh."""
    dependents, mass = kind.dependents, np.where(kind.free, kind.mass, 0.0)
    number = np.diff(dependents.start)[dependents.row]
    np.add.at(mass, dependents.parent, kind.mass[dependents.atoms[dependents.row]] / number)
    return mass


def add_sites(made: openmm.System, system: System, where: str = "") -> None:
    """Make the dependent atoms of all molecules virtual sites.

    Raises:
        BackmapError: For a site along a bond whose length is not fixed, in a molecule of no third atom.
    """
    for group in system.groups:
        if group.type.given:
            continue
        for row in range(len(group.type.dependents)):
            for atoms in group.atoms.tolist():
                made.setVirtualSite(atoms[group.type.dependents.atoms[row]], _site(group.type, row, atoms, where))


def _site(kind: MoleculeType, row: int, atoms: list[int], where: str) -> openmm.VirtualSite:
    """One site: ``Dependence`` in the words of OpenMM; ``atoms`` are the molecule's particles."""
    sites: Dependents = kind.dependents
    own = sites.ranges[row]
    local, weight, factor = sites.parent[own].tolist(), sites.weight[own], sites.factor[row]
    parents = [atoms[a] for a in local]
    if not factor.any():
        if len(parents) == 1:  # OpenMM knows averages of two and more
            parents, weight = [*parents, atoms[_another(kind, local, where)]], np.vstack([weight, np.zeros(3)])
        if len(parents) == 2:
            return openmm.TwoParticleAverageSite(*parents, *weight[:, 0].tolist())
        if len(parents) == 3:
            return openmm.ThreeParticleAverageSite(*parents, *weight[:, 0].tolist())
        along, across = np.zeros(len(parents)), np.zeros(len(parents))
        along[:2], across[:3:2] = (-1, 1), (-1, 1)
        return _in_frame(parents, weight[:, 0], along, across, (0.0, 0.0, 0.0))
    if factor[1]:  # as GROMACS has it: s = r1 + w2 r12 + w3 r13 + c r12 x r13
        return openmm.OutOfPlaneSite(*parents, *weight[1:, 0].tolist(), float(factor[1]))
    along, across = weight[:, 1], weight[:, 2]
    if not across.any():
        # Any direction will do that is another: the site lies along the first.
        if len(parents) == 2:
            parents, weight = [*parents, atoms[_another(kind, local, where)]], np.vstack([weight, np.zeros(3)])
            along, across = weight[:, 1], np.array([-1.0, 0.0, 1.0])
        else:
            across = np.array([0.0, -1.0, 1.0, *[0.0] * (len(parents) - 3)])
    return _in_frame(parents, weight[:, 0], along, across, (factor[0], factor[3], factor[2]))


def _in_frame(parents: list[int], origin: Array, along: Array, across: Array,
              place: tuple[float, float, float]) -> openmm.LocalCoordinatesSite:
    return openmm.LocalCoordinatesSite(parents, origin.tolist(), along.tolist(), across.tolist(),
                                       openmm.Vec3(*map(float, place)))


def _another(kind: MoleculeType, but: list[int], where: str) -> int:
    """A free atom of the molecule that is none of those given."""
    others = [a for a in np.flatnonzero(kind.free).tolist() if a not in but]
    if not others:
        raise BackmapError(f"OpenMM has no virtual site as {kind.name} has it: along a bond, in a molecule without a "
                           "third atom", where=where, hint="Take the steps hamiltonian or metropolis.")
    return others[0]
