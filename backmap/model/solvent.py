"""Implicit solvent of a molecule, as plain arrays: generalised Born with descreening by pairs, and its surface term.

Born radii: Hawkins, Cramer, Truhlar, Chem. Phys. Lett. 246, 122 (1995); their tanh: Onufriev, Bashford, Case, Proteins
55, 383 (2004); energies: Still et al., J. Am. Chem. Soc. 112, 6127 (1990); surface: Schaefer, Bartels, Karplus, J. Mol.
Biol. 284, 835 (1998). No cut-off, no salt. With r a distance, rho a radius less the offset and s one that descreens:

    I_i   = sum_j H(r_ij, rho_i, s_j)
    1/B_i = 1/rho_i - tanh(alpha psi - beta psi^2 + gamma psi^3) / (rho_i + offset),  psi = rho_i I_i
    E     = polar (sum_i q_i^2 / 2 B_i + sum_i<j q_i q_j / f_ij) + surface sum_i (R_i + probe)^2 (R_i / B_i)^6
    f^2   = r^2 + B_i B_j exp(-r^2 / 4 B_i B_j),  R_i = rho_i + offset
"""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

OFFSET = 0.009  #: nm by which atoms are smaller where they descreen each other
PROBE = 0.14  #: nm, radius of a water molecule


@dataclass(frozen=True, eq=False)
class ImplicitSolvent:
    """What a molecule of A atoms has around it in place of molecules of a solvent.

    Attributes:
        charge: e, (A,).
        radius: Less the offset, nm, (A,).
        screen: Radii with which others are descreened, nm, (A,).
        tanh: alpha, beta, gamma; None for Born radii without a tanh.
        polar: Of q^2 / f, kJ mol^-1 nm e^-2: negative.
        surface: Of (R + probe)^2 (R / B)^6, kJ mol^-1 nm^-2; 0 for no surface term.
    """

    charge: Array
    radius: Array
    screen: Array
    tanh: tuple[float, float, float] | None
    polar: float
    surface: float

    def of_atoms(self, atoms: NDArray[np.int64]) -> ImplicitSolvent:
        """That of some of the atoms, as if there were no others."""
        return replace(self, charge=self.charge[atoms], radius=self.radius[atoms], screen=self.screen[atoms])

    def screened(self, epsilon_r: float) -> ImplicitSolvent:
        """The same of charges in a medium of this relative permittivity: they are so much smaller."""
        return replace(self, charge=self.charge / epsilon_r**0.5)
