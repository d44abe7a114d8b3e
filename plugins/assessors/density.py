"""How much of the box the atoms fill, and where: liquid, crystal, slab, gas, or a box in another unit."""
from __future__ import annotations

import numpy as np

from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import CARE, GOOD, Aspect, Assessment, Figure, VerdictRule
from backmap.model.system import System
from backmap.model.tally import Tally

from ..chemistry.volume import volume_of
from .part import Array, Flags, Measurement, rows_of

CELL = 1.0  #: nm; about the width of the cells in which atoms are counted
LEAST_CELLS = 2  #: in each direction
#: Packing fractions: of a liquid, at least; of a crystal or glass, at least and at most.
LIQUID, SOLID, DENSEST = 0.38, 0.68, 0.82
EMPTY = 0.1  #: share of cells without atoms from which on there is empty space
LITTLE = 0.02  #: of the box that is filled: less is a drop in nothing, or a box that is too large
ATOMS = 200  #: fewer atoms tell no density
TOPIC = "density"
RULE = VerdictRule(TOPIC, care=f"less than {LITTLE:.0%} of the box filled, or more than {DENSEST:.0%}")


class Density(Measurement):
    """Packing fraction by van der Waals volumes, of the box and around the atoms, and the share of empty cells.

    It is a hint, never more than "with care": slabs, drops and gases are as they are.
    """

    def __init__(self, system: System) -> None:
        share = [np.full(kind.n_atoms, volume_of(kind) / kind.n_atoms) for kind in system.types]
        of_type = dict(zip(system.types, share, strict=True))
        self.volume = np.concatenate([np.tile(of_type[kind], count) for kind, count in system.blocks])
        self.looked_at = len(self.volume) >= ATOMS and np.isfinite(self.volume).all()

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        if frame.box is not None and self.looked_at:
            tally.row("filled", frame.index, self._filled(frame.atoms, frame.box))
        return {}

    def _filled(self, atoms: Array, box: Array) -> list[float]:
        """Packing fraction of the box, its median around atoms, and the share of cells that hold none."""
        whole = abs(np.linalg.det(box))
        n = np.maximum((np.linalg.norm(box, axis=1) / CELL).astype(int), LEAST_CELLS)
        n = np.minimum(n, 200)
        cell = np.floor(np.linalg.solve(box.T, atoms.T).T % 1.0 * n).astype(np.int64) % n
        key = np.ravel_multi_index(tuple(cell.T), tuple(n))
        filled = np.bincount(key, self.volume, minlength=int(n.prod()))
        around = filled[key] / (whole / n.prod())
        order = np.argsort(around)
        weight = np.cumsum(self.volume[order])
        median = float(around[order][np.searchsorted(weight, 0.5 * weight[-1])])
        return [self.volume.sum() / whole, median, float((filled == 0).mean())]

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        rows = rows_of(tally, "filled", 3)
        if not len(rows):
            return Assessment()
        overall, around, empty = np.nanmean(rows, axis=0).tolist()
        figures = [Figure("packing", "packing fraction", "mean", overall, spread=float(rows[:, 0].std())),
                   Figure("packing", "packing fraction around atoms", "median", around),
                   Figure("packing", "cells without atoms", "share", empty)]
        level, guess = guessed(overall, around, empty)
        return Assessment(figures, findings=[Aspect(level, TOPIC, f"Atoms fill {overall:.2g} of the box{guess}")])


def guessed(overall: float, around: float, empty: float) -> tuple[int, str]:
    """Level, and what it may be, from the packing fraction, the one around atoms, and the share of empty cells."""
    if overall > DENSEST:
        return CARE, (", more than any crystal: is the box too small, or in another unit, or are molecules there "
                      "twice?")
    if overall >= SOLID:
        return GOOD, ", as in a crystal or a glass."
    if overall >= LIQUID:
        return GOOD, ", as in a liquid." if empty < EMPTY else ", as in a liquid with empty space."
    if empty >= EMPTY and around >= LIQUID:
        said = f"; {empty:.0%} of it is empty, and the rest is filled as a liquid ({around:.2g})"
        if 1 - empty >= LITTLE:
            return GOOD, said + ": a slab, a drop, pores, or molecules that were left out."
        return CARE, said + ": a drop in nothing, or a box that is too large or in another unit."
    if empty >= EMPTY:
        return CARE, ", as in a gas: are that the density and the unit of the box that were meant?"
    return CARE, ", less than in a liquid: is that the density that was meant, and is nothing left out?"
