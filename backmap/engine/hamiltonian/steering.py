"""Moves that turn stereocentres and planar bonds over that came out wrong: a way into the support of the target.

The force field gets springs towards the right isomer, so that trajectories of blocks are drawn there. They follow the
force field with springs; what is right stays right (``isomers.stays_isomer``).

With the same springs chains of planar bonds are made flat. Which planes fit side by side along a chain is for all of
them together to find; a start on beads puts some across, and beads then hold them there, twisted, since what would have
to turn with them is held as well. Loosely held, with planes kept flat, chains turn about the bonds that do turn.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...model.isomers import BOND, CENTRE, TRANS
from ...model.molecule import MoleculeType
from ...model.parameters import Bonded, ForceField, MoleculeParameters
from ...model.system import System
from ..flags import astray, with_neighbours
from .moves import Frame, HamiltonianMoves

Array = NDArray[np.float64]

#: Of the spring on the dihedral of a centre and three neighbours, kJ/mol/rad^2, and where it rests in a tetrahedron.
TURN, TETRAHEDRAL = 1500.0, 0.615
#: Of the torsion of a planar bond, k (1 + cos), kJ/mol: more than force fields hold a wrong side with.
FLIP = 400.0
#: Sweeps at most, and those after which neighbours are moved with what is wrong.
ROUNDS, STUBBORN = 40, 4
#: fs and steps of a move: short ones, since springs are stiff.
TIMESTEP, STEPS = 0.5, 40
#: Cosine up to which a planar bond that has been turned is turned on: what is around it is to make room for it.
FLAT = 0.94
CAP = 10.0  #: kJ/mol; repulsion of a pair, so that atoms that are in the way let others pass


@dataclass(frozen=True)
class Hold:
    """How chains are held at first that are then taken hold of little by little.

    Attributes:
        sigma: Of their beads, nm.
        warmth: Times the temperature.
        cap: Of the repulsion of a pair, kJ/mol, all the time.
    """

    sigma: float
    warmth: float
    cap: float


LOOSELY = Hold(sigma=0.25, warmth=2.0, cap=100.0)


class Steering:
    """Brings frames into the support of the right isomers.

    Args:
        system: The molecules.
        field: Their force field.
        temperature: K.
        size: Beads in a block.
        sigma: Of soft beads, nm, one or (B,); None for exact ones.
    """

    def __init__(self, system: System, field: ForceField, temperature: float, size: int,
                 sigma: float | Array | None) -> None:
        self.system, self.temperature = system, temperature
        # Types of one name may be different isomers, and force fields tell types by name.
        own = {kind: replace(kind, name=f"{kind.name} {number}") for number, kind in enumerate(system.types)}
        molecules = {own[kind].name: steered(kind, known)
                     for kind, known in zip(system.types, field.of(system), strict=True)}
        self.moves = HamiltonianMoves(System(tuple((own[kind], count) for kind, count in system.blocks)),
                                      replace(field, molecules=molecules), temperature, STEPS, TIMESTEP, size, sigma)

    def steer(self, frame: Frame, name: Sequence[int | str], only: NDArray[np.bool_] | None = None,
              least: float = 0.0) -> Iterator[int]:
        """Move what is wrong, in place, until nothing is; yields how many beads were wrong before each sweep.

        Args:
            frame: All atoms placed, on the rigid bonds.
            name: Of the random numbers: seed, step, number of the frame in the input.
            only: Beads in whose neighbourhood atoms may move, (B,); None means all.
            least: How flat planar bonds are to be: a cosine, 0 or more. Those that are not, if it is not 0, are turned
                on until they are flat.
        """
        turned = np.zeros(self.system.n_beads, dtype=bool)
        for number in range(ROUNDS):
            wrong = astray(self.system, frame.atoms, least)
            if least:
                turned |= wrong
                wrong |= turned & astray(self.system, frame.atoms, FLAT)
            if number >= STUBBORN:
                wrong = with_neighbours(wrong[None], self.system)[0]
            wrong = wrong if only is None else wrong & only
            if not wrong.any():
                return
            yield int(wrong.sum())
            self.moves.sweep(frame, (*name, number), wrong, cap=CAP)

    def loosen(self, frame: Frame, name: Sequence[int | str], around: NDArray[np.bool_], sweeps: int,
               first: Hold = LOOSELY) -> None:
        """Move molecules on beads that hold them loosely at first, then ever less so, in place.

        Args:
            frame: All atoms placed, on the rigid bonds.
            name: Of the random numbers: seed, step, number of the frame in the input.
            around: Beads of these molecules, (B,).
            sweeps: How many.
            first: How they are held at first.
        """
        own = self.moves.sigma
        if own is None:
            return
        for number, share in enumerate(np.linspace(0.0, 1.0, sweeps)):
            self.moves.soften(np.maximum(own, first.sigma**(1 - share) * own**share))
            warm = self.temperature * (first.warmth + (1 - first.warmth) * share**2)
            self.moves.sweep(frame, (*name, number), around, cap=first.cap, temperature=warm)
        self.moves.soften(own)


def steered(kind: MoleculeType, known: MoleculeParameters) -> MoleculeParameters:
    """Parameters of a molecule type with springs towards the right isomer."""
    terms = kind.isomer_terms
    centres, bonds = terms.code == CENTRE, terms.code == BOND
    springs = []
    if centres.any():
        springs.append(Bonded("harmonic_improper", terms.atoms[centres], np.column_stack(
            [TETRAHEDRAL * terms.sign[centres], np.full(centres.sum(), TURN)])))
    if bonds.any():
        # k (1 + cos(p - p0)) is smallest half a turn from p0.
        rest = np.where(terms.sign[bonds] == TRANS, 0.0, np.pi)
        springs.append(Bonded("periodic_proper", terms.atoms[bonds], np.column_stack(
            [rest, np.full(len(rest), FLIP), np.ones(len(rest))])))
    return replace(known, bonded=(*known.bonded, *springs))
