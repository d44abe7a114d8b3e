"""OpenMM systems of coarse-grained force fields whose potentials are tables.

    made = system_of(system, {"bond": potential, "E-E": pair}, box)    # openmm.System, beads as particles
    Path("system.xml").write_text(openmm.XmlSerializer.serialize(made))

Tables become ``Continuous1DFunction``: natural cubic splines, on grids that are refined so that their ends agree with
those of the table. Beyond its ends a bonded table goes on as a straight line.
"""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openmm
from numpy.typing import NDArray

from backmap.engine.tabulated.forces import TabulatedForces
from backmap.engine.tabulated.geometry import BeadGeometry
from backmap.engine.tabulated.spline import resampled
from backmap.errors import BackmapError
from backmap.model.interactions import EXCLUDED, excluded_pairs
from backmap.model.molecule import MoleculeType
from backmap.model.system import System
from backmap.model.tabulated import MEMBERS, Potential

from .system import reduced

Array = NDArray[np.float64]

#: Points between two of a table.
_FINER = 8
#: Tables are asked for values so far inside their ends, nm or radians: OpenMM aborts where an end is met by rounding.
_INSIDE = 1e-9
_VARIABLE = {"bond": "distance(p1, p2)", "angle": "angle(p1, p2, p3)", "dihedral": "dihedral(p1, p2, p3, p4)"}


def system_of(system: System, potentials: Mapping[str, Potential], box: Array | None = None,
              excluded: int = EXCLUDED) -> openmm.System:
    """The system that OpenMM simulates: beads of the masses of their atoms.

    Args:
        system: What is there.
        potentials: By name of the interaction.
        box: (3, 3), nm, or None.
        excluded: Pairs of one molecule that are so many bonds apart or fewer do not interact.

    Returns:
        One force for each table, with its name.

    Raises:
        BackmapError: If there are no tables, one acts on nothing, or a table of a pair is longer than half the box.
    """
    made = openmm.System()
    if box is not None:
        made.setDefaultPeriodicBoxVectors(*reduced(box).tolist())
    for kind, count in system.blocks:
        for mass in np.tile(bead_masses(kind), count).tolist():
            made.addParticle(mass)
    geometry = TabulatedForces(system, potentials, excluded).geometry
    apart = _apart(system, excluded)
    for name, potential in potentials.items():
        if potential.kind == "pair":
            _expect_room(name, potential, box)
            force = _pairs(system, geometry, name, potential, apart, box is not None)
        else:
            force = _bonded(geometry, name, potential)
            force.setUsesPeriodicBoundaryConditions(box is not None)
        force.setName(name)
        made.addForce(force)
    return made


def half_width(box: Array) -> float:
    """The longest cut-off that OpenMM takes in this box (3, 3), nm."""
    return float(reduced(box).diagonal().min() / 2)


def bead_masses(kind: MoleculeType) -> Array:
    """Masses of beads, u, (B,): atoms are shared out by their weights; those without any count for their owner."""
    weights = np.clip(kind.mapping.matrix, 0, None)
    alone = np.flatnonzero(weights.sum(axis=0) == 0)
    weights[kind.mapping.owner[alone], alone] = 1
    return weights / weights.sum(axis=0) @ kind.mass


def _table(potential: Potential) -> openmm.Continuous1DFunction:
    n = (len(potential.grid) - 1) * _FINER + 1
    grid = np.linspace(potential.grid[0], potential.grid[-1], n)
    energy = resampled(potential, grid).energy
    if potential.periodic:
        energy[-1] = energy[0]
    return openmm.Continuous1DFunction(energy.tolist(), float(grid[0]), float(grid[-1]), potential.periodic)


def _bonded(geometry: BeadGeometry, name: str, potential: Potential) -> openmm.Force:
    low, high = (f"{end:.15g}" for end in potential.grid[[0, -1]] + _INSIDE * np.array([1, -1]))
    text = "table(x)"
    if not potential.periodic:  # a table is zero beyond its ends
        below, above = (f"{value:.15g}" for value in -potential.force[[0, -1]])
        text = (f"table(min(max(x, {low}), {high})) + ({below})*min(x - {low}, 0) + ({above})*max(x - {high}, 0)")
    force = openmm.CustomCompoundBondForce(MEMBERS[potential.kind], f"{text}; x = {_VARIABLE[potential.kind]}")
    force.addTabulatedFunction("table", _table(potential))
    for members in geometry.members(name).tolist():
        force.addBond(members, [])
    return force


def _pairs(system: System, geometry: BeadGeometry, name: str, potential: Potential, apart: list[tuple[int, int]],
           periodic: bool) -> openmm.Force:
    force = openmm.CustomNonbondedForce(f"table(max(r, {potential.grid[0] + _INSIDE:.15g}))")
    force.addTabulatedFunction("table", _table(potential))
    for _ in range(system.n_beads):
        force.addParticle([])
    for i, j in apart:
        force.addExclusion(i, j)
    force.addInteractionGroup(*(geometry.beads_of(kind).tolist() for kind in geometry.interactions[name].types))
    method = openmm.CustomNonbondedForce.CutoffPeriodic if periodic else openmm.CustomNonbondedForce.CutoffNonPeriodic
    force.setNonbondedMethod(method)
    force.setCutoffDistance(float(potential.grid[-1]))
    return force


def _apart(system: System, excluded: int) -> list[tuple[int, int]]:
    """Pairs of beads that do not interact."""
    found = []
    for group in system.groups:
        i, j = np.nonzero(np.triu(excluded_pairs(group.type, excluded), 1))
        near = list(zip(i.tolist(), j.tolist()))
        found += [(first + a, first + b) for first in group.bead_offset.tolist() for a, b in near]
    return found


def _expect_room(name: str, potential: Potential, box: Array | None) -> None:
    if box is not None and potential.grid[-1] > half_width(box):
        raise BackmapError(f"the table of '{name}' ends at {potential.grid[-1]:.4g} nm, more than half of the box, "
                           f"{2 * half_width(box):.3f} nm wide", where=potential.where,
                           hint="OpenMM needs a larger box or a shorter table.")
