"""How much of the box the atoms fill, and where: liquid, crystal, slab, gas, or a box in another unit."""
from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import CARE, GOOD, Aspect, Assessment, Figure, VerdictRule
from backmap.model.system import System
from backmap.model.tally import Tally

from ..chemistry.volume import packing, volume_of
from .part import Array, Flags, Measurement, rows_of

#: Packing fractions: of a liquid, at least (propane at its boiling point has 0.37, ethanol a third too thin 0.32), and
#: around atoms of one that does not fill the box, surfaces included; of a crystal or glass, at least and at most.
LIQUID, AROUND, SOLID, DENSEST = 0.35, 0.3, 0.68, 0.82
EMPTY = 0.1  #: share of cells without atoms from which on there is empty space
LITTLE = 0.02  #: of the box that is filled: less is a drop in nothing, or a box that is too large
ATOMS = 200  #: fewer atoms tell no density
#: Nearest molecules of an ideal gas are 0.554 of the cube root of the volume of one apart on average, Gamma(4/3)
#: (4 pi / 3)^(-1/3), with a spread of 0.363 of that (Hertz, Math. Ann. 67, 387 (1909)).
NEAREST, NEAREST_SPREAD = 0.55396, 0.363
#: Molecules that keep farther apart than those of a gas by so much have the order of a liquid, in another unit; those
#: that are nearer than a share of it are together.
ORDERED, TOGETHER = 0.25, 0.5
FEW = 8  #: molecules whose distances tell nothing
TOPIC = "density"
RULE = VerdictRule(TOPIC, care=f"less than {LITTLE:.0%} of the box filled by molecules that are not spread as those of "
                   f"a gas, less than {LIQUID:.0%} evenly by anything else, or more than {DENSEST:.0%}")


class Density(Measurement):
    """Packing fraction by van der Waals volumes, of the box and around the atoms, and how what there is lies in it.

    It is a hint, never more than "with care", and none where the box is filled as a liquid, a crystal, a slab or a gas
    fills it: these are as they are.
    """

    def __init__(self, system: System) -> None:
        share = [np.full(kind.n_atoms, volume_of(kind) / kind.n_atoms) for kind in system.types]
        of_type = dict(zip(system.types, share, strict=True))
        self.volume = np.concatenate([np.tile(of_type[kind], count) for kind, count in system.blocks])
        self.looked_at = len(self.volume) >= ATOMS and np.isfinite(self.volume).all()
        self.n_molecules = sum(count for _, count in system.blocks)

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        if frame.box is not None and self.looked_at:
            tally.row("filled", frame.index, [*packing(frame.atoms, self.volume, frame.box),
                                              spacing(centres(frame.atoms, frame.where.molecule), frame.box)])
        return {}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        rows = rows_of(tally, "filled", 4)
        if not len(rows):
            return Assessment()
        overall, around, empty, apart = rows.mean(axis=0).tolist()
        figures = [Figure("packing", "packing fraction", "mean", overall, spread=float(rows[:, 0].std())),
                   Figure("packing", "packing fraction around atoms", "median", around),
                   Figure("packing", "cells without atoms", "share", empty)]
        level, guess = guessed(overall, around, empty, apart, self.n_molecules)
        return Assessment(figures, findings=[Aspect(level, TOPIC, f"Atoms fill {overall:.2g} of the box{guess}")])


def centres(atoms: Array, molecule: np.ndarray) -> Array:
    """Geometric centres of molecules, (M, 3), nm."""
    count = np.bincount(molecule)
    return np.stack([np.bincount(molecule, axis) / count for axis in atoms.T], axis=1)


def spacing(points: Array, box: Array) -> float:
    """Mean distance of nearest neighbours, over that of an ideal gas of this density; NaN of a few points.

    Near faces, neighbours are those in the box alone, or in images of it that are shifted by one edge.
    """
    if len(points) < FEW:
        return float("nan")
    inside = points - np.floor(np.linalg.solve(box.T, points.T).T) @ box
    shifts = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ box
    tree = cKDTree((inside[None] + shifts[:, None]).reshape(-1, 3))
    nearest = tree.query(inside, k=2)[0][:, 1]  # the first is the point itself
    return float(nearest.mean() / (NEAREST * (abs(np.linalg.det(box)) / len(points)) ** (1 / 3)))


def guessed(overall: float, around: float, empty: float, apart: float = 1.0,
            n_molecules: int = 1000) -> tuple[int, str]:
    """Level, and what it may be.

    Args:
        overall: Packing fraction.
        around: The same around atoms.
        empty: Share of empty cells.
        apart: See ``spacing``.
        n_molecules: By which its error is judged.
    """
    if overall > DENSEST:
        return CARE, (", more than any crystal: is the box too small, or in another unit, or are molecules there "
                      "twice?")
    if overall >= SOLID:
        return GOOD, ", as in a crystal or a glass."
    if overall >= LIQUID:
        return GOOD, ", as in a liquid." if empty < EMPTY else ", as in a liquid with empty space."
    if empty >= EMPTY and around >= AROUND:
        said = f"; {empty:.0%} of it is empty, and the rest is filled as a liquid ({around:.2g})"
        if 1 - empty >= LITTLE:
            return GOOD, said + ": a slab, a drop, pores, or molecules that were left out."
        return CARE, said + ": a drop in nothing, or a box that is too large or in another unit."
    if empty < EMPTY:
        return CARE, ", less than in a liquid: is that the density that was meant, and is nothing left out?"
    if apart > 1 + max(ORDERED, 3 * NEAREST_SPREAD / n_molecules**0.5):
        return CARE, (f", as in a gas, but nearest molecules are {apart:.2g} times as far apart as in a gas, in the "
                      "order of a liquid: are lengths in another unit?")
    if apart < TOGETHER:
        return CARE, (f", as in a gas, but nearest molecules are at {apart:.2g} of their distance in a gas: a drop in "
                      "nothing, or a box that is too large or in another unit?")
    return GOOD, ", as in a gas, if that was meant."
