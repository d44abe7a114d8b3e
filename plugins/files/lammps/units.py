"""LAMMPS' styles of units. Files do not say which one they are in, so that recipes must."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backmap.errors import BackmapError

Style = Literal["real", "metal", "lj"]

ANGSTROM = 0.1  #: nm
DESCRIPTION = "LAMMPS' units of the files: real or metal (Angstrom), or lj, which needs `sigma`. Files do not say it."
SIGMA = "Length of one lj unit, nm."


@dataclass(frozen=True)
class Units:
    """What one unit of a file is: length in nm, and the length of a step in ps."""

    style: Style
    length: float
    timestep: float


#: LAMMPS' own timesteps, ps: 1 fs, 0.001 ps, and 0.005 tau, whose unit counts as 1 ps.
_TIMESTEP = {"real": 0.001, "metal": 0.001, "lj": 0.005}
#: ps in the unit of time.
TIME = {"real": 0.001, "metal": 1.0, "lj": 1.0}
#: kJ/mol in the unit of energy: kcal/mol and eV.
ENERGY = {"real": 4.184, "metal": 96.48533212}
#: kJ/mol/nm in the unit of force: kcal/mol and eV per Angstrom.
FORCE = {"real": 41.84, "metal": 964.8533212}


def units_of(style: Style, sigma: float | None, timestep: float | None = None) -> Units:
    """Units from options of a recipe.

    Args:
        style: Of units.
        sigma: Length of one lj unit, nm.
        timestep: Length of a step, ps; None for LAMMPS' default.

    Raises:
        BackmapError: If ``sigma`` is missing for lj, or given for other units.
    """
    if (style == "lj") != (sigma is not None):
        raise BackmapError("units: lj needs `sigma`, the length of one unit in nm" if style == "lj" else
                           f"'sigma' belongs to units: lj, but units are {style}", where="sigma",
                           hint="E.g. sigma: 0.5." if style == "lj" else "Leave it out: the unit is one Angstrom.")
    return Units(style, sigma if sigma is not None else ANGSTROM, timestep or _TIMESTEP[style])
