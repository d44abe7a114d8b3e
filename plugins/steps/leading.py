"""What leads a frame to where sweeps that count can begin, and out of what they leave wrong where they only lead on."""
from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.flags import FLAT, FLATTEST, astray, with_neighbours, wound
from backmap.engine.hamiltonian.move import copied
from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves
from backmap.engine.hamiltonian.steering import Steering
from backmap.engine.mending import Mending
from backmap.engine.refolding import Refolding

from .move_options import HamiltonianOptions
from .settling import settled
from .sifting import Sifting
from .turning import Turning

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SOFTEN = "soften"  #: name of the sweeps with a capped repulsion, which come first
MEND = "mend"  #: name of the rounds that mend what moves do not leave
LOOSEN = "loosen"  #: name of the sweeps that lead chains of planar bonds to where they are flat
SETTLE = "settle"  #: name of the sweeps after it, of what was mended
SIFT, SIFT_AGAIN = "sift", "sift again"  #: names of the tries by which molecules leave wrong wells, of both starts
MEND_AGAIN = "mend again"  #: name of the rounds that mend a second start, which heat has left bent as it does the first
ROTATE, ROTATE_AGAIN = "rotate", "rotate again"  #: names of the rounds in which small molecules turn, of both starts
LEADS, LEADS_AGAIN = (MEND, LOOSEN, SETTLE, ROTATE, SIFT), (MEND_AGAIN, ROTATE_AGAIN, SIFT_AGAIN)
TURNS = 3  #: times that isomers are turned over again after mending, at most
AFTER = 40  #: sweeps of molecules that were loosened, on their beads as they are to be met
#: Times that what mending leaves is folded anew, at most, and the share of the beads, or number, up to which it is.
REFOLDS, FEW, SOME = 3, 0.02, 8
#: Rounds about what is left wrong at the end, at most; bonds along the bead graph that they reach; sweeps of each.
ROUNDS, REACH, SWEEPS = 3, 3, 10
SLOWER = 2  #: times as many sweeps cool a second start: what comes of it is lower where they were too few


class Leading:
    """Leads frames about, as the options of ``hamiltonian`` say.

    Args:
        moves: Those that count.
        energy: Of whole frames.
        options: Of the step.
    """

    def __init__(self, moves: HamiltonianMoves, energy: FrameEnergy, options: HamiltonianOptions) -> None:
        self.moves, self.options = moves, options
        self.mending = Mending(moves, energy, 0 if options.only is not None else options.mend)
        self.sifting = Sifting(moves, energy)
        self.turning = Turning(moves, options.rotation_sweeps, options.temperature)

    @cached_property
    def refolding(self) -> Refolding:
        """What folds anew; made when a frame needs it."""
        return Refolding(self.moves, self.options.temperature, self.options.block_size)

    @cached_property
    def steering(self) -> Steering:
        """What turns isomers over that came out wrong; made when a frame needs it."""
        options, moves = self.options, self.moves
        return Steering(moves.system, moves.layout.field, options.temperature, options.block_size, moves.sigma)

    def keep_flat(self, name: str, number: int) -> None:
        """Before sweep ``number`` of those called ``name``: whether planar bonds are kept flat, as from loosening on.

        Before, a chain has others in its way, and would stand still.
        """
        early = name == SOFTEN or (name, number) == (MEND, 0)
        self.moves.keep_flat(FLAT if self.options.for_start and not early else 0.0)

    def turn_over(self, frame: Frame, words: tuple, only: Mask | None = None, least: float = 0.0) -> bool:
        """Turn over what is another isomer than it should be, or less flat than ``least``; whether there was any."""
        if not astray(self.moves.system, frame.atoms, least).any():
            return False
        for _ in self.steering.steer(frame, words, only, least):
            pass
        return True

    def ready(self, frame: Frame, box: Array | None, words: tuple, mended: Mask,
              progress: Callable[[float], None] = lambda share: None, refold: bool = True) -> Array | None:
        """Mend, loosen, turn, sift or settle a frame, as ``words`` name it, both in place; time steps if it settled.

        Args:
            mended: Beads that were led about so far, (B,).
            refold: Whether what mending leaves is folded anew.
        """
        if SETTLE in words:
            return settled(self.moves, frame, mended, words[:-1], progress)
        if ROTATE in words:
            self.turning.turn(frame, box, words)
            return None
        if SIFT in words:
            self.sifting.sift(frame, box, words)
            return None
        mended |= (self.loosen if LOOSEN in words else self.mend)(frame, box, words, progress, refold)
        return None

    def again(self, frame: Frame, box: Array | None, words: tuple, part: Mask) -> None:
        """Lead a second start, as ``words`` name it, in place: the ``part`` (B,) of it that moves, or what is wrong."""
        if MEND_AGAIN in words:
            self.mend(frame, box, words)
        elif SIFT_AGAIN in words:
            self.sifting.sift(frame, box, words, part)
        else:
            self.turning.turn(frame, box, words, part, SLOWER)

    def mend(self, frame: Frame, box: Array | None, words: tuple,
             progress: Callable[[float], None] = lambda share: None, refold: bool = True) -> Mask:
        """Mend a frame, in place, and turn over what that made another isomer; returns beads that were moved, (B,)."""
        done = self.mending.mend(frame, box, words, progress)
        mended = done.beads
        if refold:
            mended |= self._refolded(frame, box, words, done.left)
        for turn in range(TURNS):
            if not self.turn_over(frame, (*words, "steer", turn), least=FLATTEST):
                break
            mended |= self.mending.mend(frame, box, (*words, "again", turn)).beads
        return mended

    def _refolded(self, frame: Frame, box: Array | None, words: tuple, left: dict[str, Mask]) -> Mask:
        """Fold anew what mending has left, where that is little and comes out better, in place; beads moved, (B,)."""
        moved = np.zeros(self.moves.system.n_beads, dtype=bool)
        for turn in range(REFOLDS if self.mending.rounds and self.moves.sigma is not None else 0):
            wrong = np.any([*left.values()], axis=0) & ~self.moves.untied
            if not 0 < wrong.sum() <= max(SOME, FEW * len(wrong)):
                break
            other = copied(frame)
            around = self.refolding.refold(other, box, (*words, "refold", turn), wrong)
            done = self.mending.mend(other, box, (*words, "refolded", turn))
            if np.any([*done.left.values()], axis=0).sum() < np.any([*left.values()], axis=0).sum():
                self.moves.take_over(frame, other)
                moved, left = moved | around | done.beads, done.left
        return moved

    def loosen(self, frame: Frame, box: Array | None, words: tuple,
               progress: Callable[[float], None] = lambda share: None, refold: bool = True) -> Mask:
        """Lead molecules with planar bonds that beads hold twisted to where these are flat, in place.

        Returns:
            Beads that were moved, (B,).
        """
        around = wound(self.moves.system, frame.atoms)
        if not self.options.loosening_sweeps or self.moves.sigma is None or not around.any():
            return np.zeros_like(around)
        self._loosened(frame, box, words, around)
        return around | self.mend(frame, box, (*words, MEND), progress, refold)

    def _loosened(self, frame: Frame, box: Array | None, words: tuple, around: Mask) -> None:
        """Loosen what is ``around`` and tied to its beads, without what is free, in place."""
        moves, tied, count = self.moves.tied, ~self.moves.untied, self.options.loosening_sweeps
        if self.moves.sigma is None or not count or not around[tied].any():
            return
        atoms = tied[self.moves.layout.where.owner]
        alone = moves.frame(frame.atoms[atoms], frame.grid.beads[tied], box)
        Steering(moves.system, moves.layout.field, self.options.temperature, self.options.block_size,
                 moves.sigma).loosen(alone, words, around[tied], count)
        for sweep in range(AFTER):
            moves.sweep(alone, (*words, "after", sweep), around[tied])
        whole = frame.atoms.copy()
        whole[atoms] = alone.atoms
        self.moves.put(frame, whole, box)

    def once_more(self, frame: Frame, box: Array | None, words: tuple,
                  left: dict[str, Mask]) -> tuple[Mask, dict[str, Mask]]:
        """Lead what sweeps have left wrong on, in place, with what is around it, until nothing is or rounds are over.

        For frames in which sweeps sample nothing: to go on where something is wrong changes what is sampled.

        Args:
            left: Beads in each trouble, (B,), by name.

        Returns:
            Beads that were moved, (B,), and the same at the end.
        """
        moved = np.zeros(self.moves.system.n_beads, dtype=bool)
        for number in range(ROUNDS):
            around = np.any([*left.values()], axis=0)
            if not around.any():
                break
            for _ in range(REACH):
                around = with_neighbours(around[None], self.moves.system)[0]
            self._loosened(frame, box, (*words, number), around)
            moved |= around | self.mend(frame, box, (*words, number, MEND))
            for sweep in range(SWEEPS):
                self.moves.sweep(frame, (*words, number, "after", sweep), around)
            left = self.mending.troubles(frame, box)
        return moved, left
