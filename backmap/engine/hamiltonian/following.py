"""Frames that are followed through their sweeps: what stretches of them have of each energy, and how torsions lie."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...model.system import System
from ..energy.beads import PAIRS, WELLS, BeadEnergies
from ..energy.frame import FrameEnergy
from ..random import numpy_generator
from ..relaxation import parts_of
from .outcomes import SweepOutcome

Array = NDArray[np.float64]
Index = NDArray[np.int64]

PIECES = 64  #: of a frame at most: their scatter is the error of what is said of it
LOOKS = 48  #: largest number of sweeps after which bonded terms and torsions are looked at
BLOCKS = "blocks"  #: name of the energy that blocks feel, with pairs between two of them counted for both
OVERLAP = 100.0  #: kJ/mol; a bead whose atoms have more Lennard-Jones energy overlaps with others


def stretches(system: System, size: int, count: int) -> tuple[Index, int]:
    """Beads in at most ``count`` pieces of about the same make: whole molecules, or ``size`` beads of longer ones.

    Returns:
        Piece of each bead, -1 for those that are given, (B,); number of pieces.
    """
    units = []
    for group in system.groups:
        own = np.full(group.beads.shape, -1)
        if not group.type.given:
            per = -(-group.type.n_beads // size)
            own = np.arange(len(group.beads))[:, None] * per + np.arange(group.type.n_beads) * per // group.type.n_beads
        units.append(own)
    count = min(count, max((int(own.max(initial=-1)) + 1 for own in units), default=0))
    piece = np.full(system.n_beads, -1)
    for group, own in zip(system.groups, units):
        if own.size and own.max() >= 0:
            piece[group.beads] = own * count // (own.max() + 1)
    return piece, count


class Following:
    """What frames are followed by.

    Attributes:
        names: What is looked at often: bonded terms, ``blocks``, and shares of torsions as (kind, well).
        pairs: What is looked at rarely: ``lj``, ``coulomb``.
        twice: What is compared of two starts.
        often: Sweeps after which that is, from 1, (R,); rarely: the same, from 0, (3,); late: those of ``often`` whose
            mean is what two starts are compared by.
        n_pieces: Of a frame.
        freedom: Degrees of freedom of each energy in a frame.
    """

    def __init__(self, energy: FrameEnergy, size: int, sweeps: int, exact: bool, cooled: bool = False) -> None:
        """Prepare.

        Args:
            energy: Of the frames.
            size: Beads of a block.
            sweeps: That are made.
            exact: Whether beads are met exactly.
            cooled: Whether other sweeps cool both starts before. What they end in is the mean over the last two thirds
                then, not over the last third: what slower cooling gains is little.
        """
        self.system, self.size, self.sweeps = energy.system, size, sweeps
        self.beads = BeadEnergies(energy)
        self.bonded = [term for term in self.beads.terms if term not in PAIRS]
        self.pairs = [term for term in self.beads.terms if term in PAIRS]
        self.wells = [(kind, well) for kind in self.beads.torsions for well in WELLS]
        self.names: list[str | tuple[str, str]] = [*self.bonded, BLOCKS, *self.wells]
        self.twice = [*self.bonded, *self.wells, *self.pairs]
        every = -(-(sweeps - sweeps // 3) // LOOKS)
        self.often = np.arange(sweeps, max(sweeps // 3 - 1, 0), -every)[::-1]
        self.rarely = np.unique([0, round(2 * sweeps / 3), sweeps])
        self.late = self.often if cooled else self.often[parts_of(self.often, 2)]
        self.piece, self.n_pieces = stretches(self.system, size, PIECES)
        self.freedom = self.beads.freedom(exact)
        self.freedom[BLOCKS] = self.freedom.pop("total")

    def part(self, share: float, words: Sequence[int | str]) -> Index:
        """Pieces of beads that make up a share of a frame, -1 for all others, (B,): drawn by name."""
        piece, count = stretches(self.system, self.size, int(np.ceil(PIECES / share)))
        chosen = np.sort(numpy_generator(*words).permutation(count)[:max(min(PIECES, count), round(share * count))])
        number = np.full(count + 1, -1)  # the last is that of beads in no piece
        number[chosen] = np.arange(len(chosen)) * min(PIECES, len(chosen)) // max(len(chosen), 1)
        return number[piece]


class Followed:
    """A frame on its way through sweeps, and perhaps through those of a second start.

    Attributes:
        part: Pieces of the beads that start twice, -1 for others, (B,); None where nothing does.
    """

    def __init__(self, following: Following, box: Array | None, part: Index | None = None) -> None:
        self.following, self.box, self.part = following, box, part
        self.arrays: dict[str, Array] = {}

    def begun(self, atoms: Array) -> None:
        """Look at where torsions begin, before anything that is to make them forget it; once."""
        if self.part is not None:
            self.arrays.setdefault("begun wells", self._in_wells(atoms))

    def _in_wells(self, atoms: Array) -> Array:
        """Whether each torsion is in each well, (n, 3), 0 or 1."""
        return (np.arange(len(WELLS)) == self.following.beads.well(atoms)[:, None]).astype(float)

    def after(self, sweep: int, atoms: Array, outcome: SweepOutcome | None = None, start: str = "first") -> None:
        """Look at whole molecules (A, 3), nm, after so many sweeps of a start; 0 is before them."""
        of, arrays = self.following, self.arrays
        rarely, late = start == "first" and sweep in of.rarely, self.part is not None and sweep in of.late
        if rarely or late:
            pairs, total = of.beads.pairs(atoms, self.box)
        if rarely:
            arrays[f"pairs {sweep}"] = self._summed(pairs, of.piece, of.n_pieces)
            if sweep == 0:
                arrays["potential"] = np.array([total])
            if sweep == of.sweeps and "lj" in of.pairs:
                arrays["overlap"] = np.array([(pairs[0] > OVERLAP).sum()])
        if late:
            for name, mean in (("pairs", self._summed(pairs, self.part)), ("wells", self._in_wells(atoms))):
                arrays[f"{start} {name}"] = arrays.get(f"{start} {name}", 0.0) + mean / len(of.late)
        if outcome is not None and sweep in of.often:
            bonded, wells = of.beads.bonded(atoms), of.beads.wells(atoms).reshape(-1, of.system.n_beads)
            if start == "first":
                energies = self._summed(np.concatenate([bonded, self._felt(outcome)[None]]), of.piece, of.n_pieces)
                arrays[f"often {sweep}"] = np.concatenate([energies, self._shares(wells, of.piece, of.n_pieces)])
            if self.part is not None and sweep in of.late:
                now = np.concatenate([self._summed(bonded, self.part), self._shares(wells, self.part)]) / len(of.late)
                arrays[f"{start} late"] = arrays.get(f"{start} late", 0.0) + now

    def heated(self, atoms: Array) -> None:
        """Look at where heat has led a second start, before it is cooled; once."""
        if "heated" not in self.arrays:
            self.arrays["heated"] = self._summed(self.following.beads.bonded(atoms), self.part)

    def _summed(self, rows: Array, piece: Index, count: int | None = None) -> Array:
        """Values by bead (k, B) summed over pieces, (k, P)."""
        count, inside = int(piece.max(initial=-1)) + 1 if count is None else count, piece >= 0
        return np.array([np.bincount(piece[inside], row[inside], minlength=count) for row in rows]).reshape(-1, count)

    def _shares(self, wells: Array, piece: Index, count: int | None = None) -> Array:
        """Torsions in wells (k, B) of pieces, over those that a piece has on average, (k, P)."""
        found = self._summed(wells, piece, count)
        number = np.repeat(self.following.beads.n_torsions[:, piece >= 0].sum(axis=1), len(WELLS))
        return found * (found.shape[1] / np.maximum(number, 1))[:, None]

    def _felt(self, outcome: SweepOutcome) -> Array:
        """Energy of the blocks that each bead was moved with, shared out among their beads, (B,).

        A trajectory that broke off where it began has none: what was known before counts then.
        """
        each = outcome.energy / (outcome.beads >= 0).sum(axis=1)
        there = (outcome.beads >= 0) & ~np.isnan(each)[:, None]
        n_beads = self.following.system.n_beads
        total = np.bincount(outcome.beads[there], np.repeat(each, there.sum(axis=1)), minlength=n_beads)
        count = np.bincount(outcome.beads[there], minlength=n_beads)
        before = self.arrays.get("felt", np.zeros(n_beads))
        self.arrays["felt"] = np.where(count > 0, total / np.maximum(count, 1), before)
        return self.arrays["felt"]

    def _kept(self) -> Array:
        """Torsions of each piece that starts twice, and the probability, over the late sweeps, that they are where they
        began, and that those of the second start are there, summed, (3, P').
        """
        begun, first, second = (self.arrays[f"{start} wells"] for start in ("begun", "first", "second"))
        beads = self.following.beads
        piece = np.where(beads.telling, self.part[beads.torsion_bead], -1)
        count, inside = int(self.part.max(initial=-1)) + 1, piece >= 0
        rows = np.ones(len(piece)), (first * begun).sum(axis=1), (second * begun).sum(axis=1)
        return np.array([np.bincount(piece[inside], row[inside], minlength=count) for row in rows])

    @property
    def potential(self) -> float:
        """Of the whole frame before the first sweep, kJ/mol."""
        return float(self.arrays["potential"][0])

    def rows(self) -> dict[str, Array]:
        """What was seen: ``often`` (K, P, R) and ``pairs`` (k, P, 3), number of beads that ``overlap``; of two starts
        ``first`` and ``second`` (K', P'), the bonded ones of them ``heated`` (k', P'), which ``part`` of the beads
        they are of, and torsions that are ``kept`` (3, P').
        """
        of, arrays = self.following, self.arrays
        found = {"often": np.stack([arrays[f"often {sweep}"] for sweep in of.often], axis=-1),
                 "pairs": np.stack([arrays[f"pairs {sweep}"] for sweep in of.rarely], axis=-1)}
        if "overlap" in arrays:
            found["overlap"] = arrays["overlap"]
        if self.part is not None:
            found |= {start: np.concatenate([arrays[f"{start} late"], arrays[f"{start} pairs"]])
                      for start in ("first", "second")}
            found["heated"] = arrays["heated"]
            moving = (of.piece >= 0).sum()
            found["part"] = np.array([(self.part >= 0).sum() / moving])
            found["kept"] = self._kept()
        return found
