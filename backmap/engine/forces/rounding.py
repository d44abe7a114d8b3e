"""Whether positions are precise enough for forces: a bond that is a spring moves by much where a digit is lost."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import BackmapError
from ...model.molecule import MoleculeType
from ...model.parameters import ForceField, MoleculeParameters
from ..sites.snapshot import Snapshot

Array = NDArray[np.float64]

ROUNDING = 1e-3  #: nm, of .xtc and .gro files
NEARLY = 3e-6  #: nm; positions of single precision are as far from what they were rounded to
MANY = 0.9  #: of the coordinates of bonds; those over the boundary are shifted by edges that are not rounded
NOISE = 30.0  #: kJ/mol/nm; more noise than this on a bond makes forces useless


def expect_precision(frame: Snapshot, field: ForceField) -> None:
    """Refuse frames that were rounded, if bonds are springs there.

    Raises:
        BackmapError: If positions are multiples of 0.001 nm and that makes more noise than 30 kJ/mol/nm on a bond.
    """
    for group, parameters in zip(frame.system.groups, field.of(frame.system)):
        kind = group.type
        noise = stiffest(kind, parameters) * ROUNDING / np.sqrt(6)  # of a distance along an axis, both ends rounded
        if not kind.given and noise > NOISE and is_rounded(frame.atoms[group.atoms], kind.bonds):
            raise BackmapError(f"positions are rounded to 0.001 nm, which makes noise of {noise:.0f} kJ/mol/nm on "
                               f"bonds of {kind.name} that are springs", where=f"frame {frame.number}",
                               hint="Give frames of full precision, such as a .trr, or make these bonds rigid: "
                                    "'constraints: all-bonds' in topology.")


def stiffest(kind: MoleculeType, parameters: MoleculeParameters) -> float:
    """Largest force constant of a bond that is a spring and not rigid, kJ/mol/nm^2; 0 where there is none."""
    rigid = {tuple(bond) for bond in kind.rigid.pairs.tolist()}
    found = 0.0
    for each in parameters.bonded:
        if each.term == "bond":
            length, constant = each.parameters.T
            constants = 2 * constant * length**2 if each.function == "quartic_bond" else constant
            loose = [tuple(sorted(bond)) not in rigid for bond in each.atoms.tolist()]
            found = max(found, float(constants[loose].max(initial=0.0)))
    return found


def is_rounded(atoms: Array, bonds: NDArray[np.int64]) -> bool:
    """Whether nearly all vectors along bonds of whole molecules (n, A, 3), nm, are multiples of 0.001 nm."""
    vectors = (atoms[:, bonds[:, 0]] - atoms[:, bonds[:, 1]]) / ROUNDING
    return bool((np.abs(vectors - np.round(vectors)) < NEARLY / ROUNDING).mean() > MANY)
