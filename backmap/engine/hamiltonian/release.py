"""What becomes of energies when the beads of a frame are let go.

Beads that were mapped from atoms of the force field are a function of a sample of it, and so atoms that are a sample
given these beads are, without them, a sample of the force field alone. Moves that leave that distribution as it is
leave the means of all energies where they are. Atoms that beads hold in wells into which no sample would have led, and
that no move on those beads leaves, find out of them once they are let go: energies fall (docs/theory.md).

One Gibbs step lets beads go: given the atoms r, centres R' are drawn from N(M r, sigma^2) of every coordinate; given
R', the atoms are moved with the density e^(-U/kT) N(R'; M r, sigma^2), which is that of soft beads. Atoms and centres
together have that density before and after it, and atoms alone the one of the force field.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...model.parameters import ForceField
from ...model.system import System
from ..energy.beads import BeadEnergies
from ..energy.frame import FrameEnergy
from ..random import numpy_generator
from . import timestep as lengths
from .moves import HamiltonianMoves

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: nm; centres are drawn anew before every sweep, as far from the beads: in a sweep molecules move less.
SIGMA = 0.1
#: fs, where some bonds are springs; where all are rigid that of ``timestep``.
SPRINGY = 1.8
SPLITS = 5  #: times that a frame is halved into pieces, each in a place of its own, as neighbours share energy


class Release:
    """Lets the beads of frames go.

    Attributes:
        terms: Of the energies, ``BeadEnergies.terms``.
    """

    def __init__(self, system: System, field: ForceField, temperature: float, fixman_potential: bool = False,
                 timestep: float | None = None, size: int = 8) -> None:
        """Prepare.

        Args:
            temperature: K.
            fixman_potential: Whether rigid bonds are sampled as very stiff springs.
            timestep: fs; None for one that suits most molecules. Any is exact.
            size: Beads of a block.
        """
        rigid = all(np.isfinite(kind.bond_length).all() for kind in system.types if not (kind.given or kind.coarse))
        timestep = timestep or (lengths.RIGID if rigid else SPRINGY)
        self.system, self.beads = system, BeadEnergies(FrameEnergy(system, field))
        self.moves = HamiltonianMoves(system, field, temperature, lengths.steps_of(timestep), timestep, size, SIGMA,
                                      fixman_potential)
        self.terms = self.beads.terms

    def course(self, atoms: Array, box: Array | None, sweeps: int, name: Sequence[int | str]) -> tuple[Array, float]:
        """Energies of a frame before its beads are let go and after each of some sweeps.

        Args:
            atoms: Whole molecules, on their rigid bonds, (A, 3), nm.
            box: (3, 3), nm, or None.
            sweeps: After which energies are looked at.
            name: Of the random numbers.

        Returns:
            By look, term and piece of the frame, kJ/mol, (sweeps + 1, terms, pieces), the first before; and the share
            of moves that was accepted.
        """
        piece = places(self.system, atoms, box)
        looks, accepted = [self._energies(atoms, box, piece)], []
        for sweep in range(sweeps):
            mapped = self.system.map(atoms)
            noise = numpy_generator(*name, "centres", sweep).standard_normal(mapped.shape)
            frame = self.moves.frame(atoms, mapped + SIGMA * noise, box)
            outcome = self.moves.sweep(frame, (*name, "released", sweep))
            atoms = frame.atoms
            accepted.append(outcome.accepted.mean() if len(outcome.accepted) else np.nan)
            looks.append(self._energies(atoms, box, piece))
        return np.array(looks), float(np.mean(accepted))

    def _energies(self, atoms: Array, box: Array | None, piece: Index) -> Array:
        """By term and piece, (terms, pieces), kJ/mol."""
        pairs, _ = self.beads.pairs(atoms, box)
        rows = np.concatenate([self.beads.bonded(atoms), pairs])
        return np.array([np.bincount(piece, row, minlength=2**SPLITS) for row in rows])


def places(system: System, atoms: Array, box: Array | None) -> Index:
    """Pieces of a frame by where molecules are, each about as large, of every bead, (B,): halved in turn along axes."""
    centre = np.zeros((system.n_beads, 3))
    for group in system.groups:
        beads = group.beads
        centre[beads] = atoms[group.atoms].mean(axis=1)[:, None]
    shares = centre if box is None else np.linalg.solve(box.T, centre.T).T % 1.0
    piece = np.zeros(system.n_beads, dtype=np.int64)
    for split in range(SPLITS):
        order = np.lexsort((np.arange(len(piece)), shares[:, split % 3], piece))
        start = np.searchsorted(piece[order], np.arange(2**split + 1))
        rank = np.empty(len(piece), dtype=np.int64)
        rank[order] = np.arange(len(piece)) - start[piece[order]]
        piece = 2 * piece + (2 * rank >= np.diff(start)[piece])
    return piece
