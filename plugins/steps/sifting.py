"""Molecules of two tries, the better one of each: a way to a start in which few are trapped in wrong wells.

Exact beads hold a molecule in the well that its torsions began in, and a wrong one strains it, whatever its neighbours
do: about given beads wells are a matter of each molecule. A copy of the frame is heated until molecules have other
wells, and cooled; both are led downhill, where energies of wells are not hidden by those of vibrations; and each
molecule is taken from where it has less. Frames that are put together so are parted again. None of it samples anything.
"""
from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backmap.engine.energy.beads import BeadEnergies
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.hamiltonian.move import copied
from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves
from backmap.engine.sites.schedule import per_bead
from backmap.model.parameters import BOLTZMANN

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

HOTTEST = 5.0  #: times the temperature at which the copy is heated
HOT, COOLING = 6, 6  #: sweeps of it at that temperature, and of those that cool it
DOWNHILL, TURNS = 40, 2  #: steps downhill of each block, and times that all blocks are led
MOST = 8  #: beads of a molecule: of many, some part is always in the worse well of the two
CAPS = (30.0, 100.0, 300.0, None, None, None)  #: kJ/mol, at which repulsion is capped in the sweeps that part


class Sifting:
    """Takes each molecule from where it has less energy.

    Args:
        moves: Those that count.
        energy: Of whole frames.
    """

    def __init__(self, moves: HamiltonianMoves, energy: FrameEnergy) -> None:
        self.moves, self.system, self._energy = moves, moves.system, energy

    @cached_property
    def energies(self) -> BeadEnergies:
        return BeadEnergies(self._energy)

    @cached_property
    def molecule(self) -> NDArray[np.int64]:
        """Number of the molecule of each bead, one type after the other, (B,)."""
        found, first = np.zeros(self.system.n_beads, dtype=np.int64), 0
        for group in self.system.groups:
            found[group.beads] = first + np.arange(len(group.beads))[:, None]
            first += len(group.beads)
        return found

    @cached_property
    def small(self) -> Mask:
        """Beads of molecules that are tried, (B,)."""
        return per_bead(self.system, [np.full(kind.n_beads, kind.n_beads <= MOST and not (kind.untied or kind.given))
                                      for kind in self.system.types])

    def sift(self, frame: Frame, box: Array | None, words: tuple, only: Mask | None = None) -> int:
        """Try all molecules once more, in place.

        Args:
            words: Of the random numbers.
            only: Beads whose molecules may change, (B,); None for all.

        Returns:
            How many molecules were taken from the other try.
        """
        wanted = self.small if only is None else only & self.small
        if not wanted.any():
            return 0
        temperature, other = self.moves.rules.heat / BOLTZMANN, copied(frame)
        for sweep, hotter in enumerate([*[HOTTEST] * HOT, *np.linspace(HOTTEST, 1, COOLING + 1)[1:]]):
            self.moves.sweep(other, (*words, "other", sweep), wanted, temperature=hotter * temperature)
        here, there = (self._at_rest(one, box, (*words, name), wanted) for one, name in ((frame, "q"), (other, "r")))
        may = np.bincount(self.molecule, ~wanted, minlength=len(here)) == 0
        better = may & (there < here)
        atoms, first = frame.atoms.copy(), 0
        for group in self.system.groups:
            taken = group.atoms[better[first:first + len(group.atoms)]]
            atoms[taken] = other.atoms[taken]
            first += len(group.atoms)
        self.moves.put(frame, atoms, box)
        for sweep, cap in enumerate(CAPS):
            self.moves.sweep(frame, (*words, "parted", sweep), wanted, cap=cap)
        return int(better.sum())

    def _at_rest(self, frame: Frame, box: Array | None, words: tuple, wanted: Mask) -> Array:
        """Energies of molecules downhill of a frame, which is left as it is, kJ/mol, (m,)."""
        resting = copied(frame)
        for turn in range(TURNS):
            self.moves.descend(resting, (*words, turn), wanted, DOWNHILL)
        pairs, _ = self.energies.pairs(resting.atoms, box)
        return np.bincount(self.molecule, self.energies.bonded(resting.atoms).sum(axis=0) + pairs.sum(axis=0))
