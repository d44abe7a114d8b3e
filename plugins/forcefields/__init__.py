"""Readers of force-field parameters."""
from __future__ import annotations

from backmap.hookspecs import hookimpl


@hookimpl
def backmap_forcefields() -> dict[str, str]:
    here = "backmap_plugins.forcefields"
    return {
        "gromacs": f"{here}.gromacs.reader:Gromacs",
        "amber": f"{here}.amber:Amber",
        "charmm": f"{here}.charmm:Charmm",
        "lammps": f"{here}.lammps.reader:Lammps",
        "openmm": f"{here}.openmm:OpenMM",
    }
