"""Forces on beads of whole frames: the atoms' forces, those of rigid bonds, and the restraint that holds the beads."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import BackmapError
from ...model import box as periodic
from ...model.parameters import BOLTZMANN, ForceField
from ...model.system import System
from ..energy.frame import FrameEnergy
from ..sites.snapshot import Snapshot
from .multipliers import BondForces
from .operator import EXACT, force_operator, mean_force_error, rigid_across
from .rounding import expect_precision

Array = NDArray[np.float64]
#: Where forces on atoms come from: the force field, or the file of the frames.
Origin = Literal["computed", "file"]


@dataclass(frozen=True, eq=False)
class BeadForces:
    """Forces on the beads of one frame, kJ/mol/nm, (B, 3) each.

    Attributes:
        atoms: B f, of the atoms' forces f alone.
        bonds: B of the forces of rigid bonds.
        restraint: kT (R - M(r)) / sigma^2, of the Gaussian that holds M(r) at the beads R.
        residual: M(r) - R, nm.
    """

    atoms: Array
    bonds: Array
    restraint: Array
    residual: Array

    @property
    def total(self) -> Array:
        """Forces of the atoms, rigid bonds included: what counts as the force on a bead."""
        return self.atoms + self.bonds


class ForceProjection:
    """Projects forces of atoms onto beads, F_I = sum_i B_Ii f_i.

    Attributes:
        operators: B of each molecule type, (B, A).
        errors: Largest entry of B c^T - 1 of each type; see ``operator.mean_force_error``.
    """

    def __init__(self, system: System, field: ForceField, temperature: float, sigma: float) -> None:
        """See the class.

        Args:
            system: What is there; its rigid bonds have multipliers.
            field: The atomistic force field.
            temperature: Of the velocities over which multipliers are averaged, K.
            sigma: Standard deviation of the Gaussian restraint, nm and coordinate.

        Raises:
            BackmapError: If the force field lacks a molecule type, or asks for PME.
        """
        self.system, self.heat, self.sigma = system, BOLTZMANN * temperature, sigma
        self.field, self.energy = field, FrameEnergy(system, field)
        self.operators = [force_operator(kind.mapping, kind.mass) for kind in system.types]
        self.errors = [mean_force_error(operator, kind.mapping) for operator, kind in zip(self.operators, system.types)]
        self.rigid = [BondForces(kind) for kind in system.types]

    def measured(self, frame: Snapshot, origin: Origin = "computed") -> BeadForces:
        """Forces on the beads of a frame that has atoms, of whose precision nothing is known yet.

        Raises:
            BackmapError: If positions are rounded where bonds are springs, or the file has no forces.
        """
        if origin == "computed":
            expect_precision(frame, self.field)
            return self.of(frame)
        if frame.forces is None:
            raise BackmapError(f"frame {frame.number} holds no forces",
                               hint="Give frames with forces, such as a .trr that was written with nstfout, or leave "
                                    "'forces: file' out.")
        return self.project(frame, frame.forces)

    def notes(self) -> list[str]:
        """What keeps these forces from being mean forces, one line each."""
        found = []
        for kind, operator, error in zip(self.system.types, self.operators, self.errors):
            across = rigid_across(kind, operator)
            if error > EXACT and not kind.given:
                found.append(f"{kind.name}: forces on its beads are not mean forces: B c^T differs from 1 by "
                             f"{error:.2g}. <d> has to be zero for atoms that several beads share.")
            if across and not kind.given:
                found.append(f"{kind.name}: {across} rigid bonds lead from bead to bead, so that forces on its beads "
                             "are not mean forces. 'constraints: h-bonds' in topology makes them so.")
        return found

    def of(self, frame: Snapshot) -> BeadForces:
        """Forces on the beads of a frame that has atoms."""
        return self.project(frame, self.energy.forces(frame.atoms, frame.box))

    def project(self, frame: Snapshot, forces: Array) -> BeadForces:
        """The same with forces (A, 3), kJ/mol/nm, that are known, for instance from a file."""
        atoms, bonds = (np.zeros((self.system.n_beads, 3)) for _ in range(2))
        for group, operator, rigid in zip(self.system.groups, self.operators, self.rigid):
            own = forces[group.atoms]
            atoms[group.beads] = operator @ own
            bonds[group.beads] = operator @ rigid.of(frame.atoms[group.atoms], own, self.heat)
        residual = periodic.minimum_image(self.system.map(frame.atoms) - frame.beads, frame.box)
        return BeadForces(atoms, bonds, -self.heat / self.sigma**2 * residual, residual)
