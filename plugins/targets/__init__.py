"""Targets: densities that can be evaluated, for Monte Carlo."""
from __future__ import annotations

from backmap.hookspecs import hookimpl


@hookimpl
def backmap_targets() -> dict[str, str]:
    here = "backmap_plugins.targets"
    return {
        "dimer_fluid": f"{here}.dimer_fluid:DimerFluid",
        "double_well": f"{here}.double_well:DoubleWell",
        "lattice_gas": f"{here}.lattice_gas:LatticeGas",
        "molecule": f"{here}.molecule:Molecule",
        "united_atom_chain": f"{here}.polymer:UnitedAtomChain",
    }
