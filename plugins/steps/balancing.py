"""Whether atoms on beads that were mapped push them as they should: what a pilot asks before it calls frames relaxed.

Energies that stand still do not tell whether atoms are trapped in wrong wells about their beads. Beads that were mapped
from atoms of the force field do: forces along moves of the beads have a known mean then (docs/theory.md), whatever the
molecule, and wells that the true atoms do not have shift it.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backmap.api import State
from backmap.engine.identities.beads import BeadBalance
from backmap.engine.identities.ratios import TOLERANCE, Ratio, along_beads, in_units
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.parameters import BOLTZMANN, ForceField
from backmap.model.system import System, Window

#: Standard errors from 1 beyond which a pilot goes on: a look too many costs a few sweeps, one too few a run.
DOUBT = 2.0


class MappedBeads:
    """Forces along moves of beads that were mapped from atoms.

    Args:
        system: The molecules.
        field: Their force field.
        heat: kT, kJ/mol.
        fixman_potential: Whether rigid bonds are sampled as very stiff springs.
    """

    def __init__(self, system: System, field: ForceField, heat: float, fixman_potential: bool) -> None:
        self.system, self.heat, self.where = system, heat, AtomIndex(system)
        self.balance = BeadBalance(system, field, rigid_measure=not fixman_potential)

    @classmethod
    def of(cls, state: State, temperature: float, fixman_potential: bool) -> MappedBeads | None:
        """For the beads of a run, or None if they are not said to be mapped, or such forces are not known."""
        if state.beads_are != "mapped" or state.level != state.read_level or state.forcefield.coulomb == "pme":
            return None
        return cls(state.system, state.forcefield, BOLTZMANN * temperature, fixman_potential)

    def ratios(self, atoms: Sequence[NDArray[np.float64]], window: Window) -> dict[str, Ratio]:
        """By class of forces, 1 for exact samples, of the atoms (A, 3) of each frame of a window, nm."""
        rows: dict[str, list[NDArray[np.float64]]] = {}
        for place, one in enumerate(atoms):
            frame = Snapshot(self.system, self.where, place, place, window.box(place), one, window.beads[place])
            for number, (_, by_class) in self.balance.along(frame).items():
                rows.setdefault(self.system.types[number].name, []).append(in_units(by_class))
        several = len(self.system.types) > 1
        return {f"{kind}, {name}" if several else name: one for kind, each in rows.items()
                for name, one in along_beads(np.stack(each), self.heat).items()}


def off(ratios: dict[str, Ratio]) -> list[str]:
    """Those that are known not to be 1."""
    return [name for name, one in ratios.items()
            if one.known and one.error is not None and not abs(one.value - 1) <= max(TOLERANCE, DOUBT * one.error)]
