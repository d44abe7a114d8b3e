"""The ``calibration`` assessor: whether the truth is one among the replicas of a frame."""
from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import ndtr

from backmap.api import Assessor, Options
from backmap.engine.energy import bonded
from backmap.engine.energy.beads import turning
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.random import numpy_generator
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.assessment import CARE, GOOD, UNUSABLE, Aspect, Assessment, Curve, Figure, VerdictRule
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

Array = NDArray[np.float64]
Index = NDArray[np.int64]

TOPIC = "calibration"
FALSE_ALARMS = 0.01  #: probability that replicas of which the truth is one are said to be wrong
#: Mean square of ranks about the middle, of that of uniform ones, beyond its errors; that of half the spread is 1.56.
FAR = 1.25
FEWEST = 8  #: molecules and frames without which nothing is said
TORSIONS, ANGLES, FORCES = "torsions", "angles", "forces"


class CalibrationOptions(Options):
    """Options of the ``calibration`` assessor."""

    most: int = Field(2000, ge=1, description="Torsions, angles and forces of a frame that are looked at, evenly among "
                                              "all.")


class Calibration(Assessor):
    """Ranks of what is true among the replicas of the same beads: of torsions, angles and forces on beads.

    If atoms are drawn as the beads leave them free, the truth is one more draw: its rank among the replicas of a frame
    is uniform. Draws that spread too little leave it at the ends, draws that spread too much in the middle. It takes a
    reference, ``replicas`` in the recipe, and beads that were mapped from its atoms; with few replicas, many frames.
    """

    Options = CalibrationOptions
    options: CalibrationOptions
    verdict_rules = (VerdictRule(
        TOPIC, "reference", f"ranks of the truth among replicas that are not uniform (p below {FALSE_ALARMS:g})",
        f"mean squares of these ranks about the middle {FAR:g} times too large beyond three standard errors"),)
    seed = 0

    def use(self, generator: object, seed: int, device: str) -> None:
        self.seed = seed

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        super().begin(system, forcefield)
        where = AtomIndex(system)
        self.atoms = {TORSIONS: self._some(_of_all(system, _torsions)), ANGLES: self._some(_of_all(system, _angles))}
        self.molecule = {name: where.molecule[atoms[:, 1]] for name, atoms in self.atoms.items()}
        self.energy, self.owner = None, where.owner
        if forcefield is not None and forcefield.coulomb != "pme":
            self.energy = FrameEnergy(system, forcefield)
            beads = np.concatenate([group.beads.ravel() for group in system.groups if not group.type.given])
            self.beads = self._some(beads[:, None])[:, 0]
            of_bead = np.zeros(system.n_beads, dtype=np.int64)
            of_bead[where.owner] = where.molecule
            self.molecule[FORCES] = np.repeat(of_bead[self.beads], 3)

    def _some(self, rows: Index) -> Index:
        """At most so many rows as are wanted, evenly among all."""
        count = min(len(rows), self.options.most)
        return rows[np.linspace(0, len(rows), count, endpoint=False).astype(np.int64)]

    def measure(self, frame: Snapshot, tally: Tally) -> None:
        tally.row(f"frames of {TOPIC}", frame.index, 1.0)
        if self.beads_are != "mapped":
            return
        for name, function in ((TORSIONS, bonded.dihedral), (ANGLES, bonded.angle)):
            corners = torch.as_tensor(frame.atoms[self.atoms[name]])
            tally.row(name, frame.index, function(*corners.unbind(1)).numpy())
        if self.energy is not None:
            forces = self.energy.forces(frame.atoms, frame.box)
            on_beads = np.stack([np.bincount(self.owner, column, minlength=self.system.n_beads) for column in forces.T])
            tally.row(FORCES, frame.index, on_beads[:, self.beads].T.ravel())

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        if self.beads_are != "mapped":
            return _unmade("the recipe does not say that its beads were mapped from atoms ('beads: mapped')")
        if reference is None or TORSIONS not in reference:
            return _unmade("there is no reference")
        if tally is reference:
            return _unmade("")
        period = len(reference.rows(TORSIONS))
        count = len(tally.rows(TORSIONS)) // period
        if count < 2 or count * period != len(tally.rows(TORSIONS)):
            return _unmade("it takes replicas of every frame ('replicas: 9')")
        found = {name: self._ranks(name, tally.rows(name).reshape(count, period, -1), reference.rows(name))
                 for name, molecule in self.molecule.items() if len(molecule)}
        figures, curves, spread, tests = [_replicas(count)], [], {}, {}
        for name, ranks in found.items():
            mean, square = (self._mean(name, values) for values in (ranks, 12 * (ranks - 0.5)**2))
            spread[name] = square
            tests[name] = min(_probability(mean, 0.5), _probability(square, 1.0)) * 2 * len(found)
            figures += [Figure(TOPIC, name, "mean rank", mean[0], ideal=0.5, error=mean[1]),
                        Figure(TOPIC, name, "spread of ranks", square[0], ideal=1.0, error=square[1])]
            bins = np.linspace(0, 1, count + 2)
            curves.append(Curve(TOPIC, name, "rank", "", bins,
                                np.histogram(ranks, bins)[0] * (count + 1) / ranks.size))
        return Assessment(figures, curves, findings=list(self._findings(count, spread, tests)))

    def _ranks(self, name: str, drawn: Array, true: Array) -> Array:
        """The share of replicas (K, W, n) below the truth (W, n), ties broken at random, (W, n)."""
        rng = numpy_generator(self.seed, TOPIC, name)
        if name == TORSIONS:  # a circle is cut opposite to the mean of all of them, among which no one is special
            cut = np.angle(np.exp(1j * drawn).sum(axis=0) + np.exp(1j * true)) + np.pi
            drawn, true = np.mod(drawn - cut, 2 * np.pi), np.mod(true - cut, 2 * np.pi)
        below, ties = (drawn < true).sum(axis=0), (drawn == true).sum(axis=0)
        return (below + rng.uniform(size=true.shape) * (1 + ties)) / (len(drawn) + 1)

    def _mean(self, name: str, values: Array) -> tuple[float, float]:
        """Mean of values (W, n) and its error, from the scatter of the molecules of all frames."""
        molecule = np.unique(self.molecule[name], return_inverse=True)[1]
        size = np.bincount(molecule)
        sums = np.array([np.bincount(molecule, row) for row in values])
        off = sums - values.mean() * size
        n = off.size
        error = np.sqrt((off**2).sum() * n / max(n - 1, 1)) / values.size if n >= FEWEST else np.inf
        return float(values.mean()), float(error)

    def _findings(self, count: int, spread: dict[str, tuple[float, float]], tests: dict[str, float]) -> list[Aspect]:
        if not tests or not np.isfinite([error for _, error in spread.values()]).all():
            return []
        wrong = [name for name, p in tests.items() if p < FALSE_ALARMS]
        if not wrong:
            said = f"Ranks of the truth among {count} replicas are uniform: of {', '.join(tests)}."
            return [Aspect(GOOD, TOPIC, said, "reference")]
        far = any(square - 3 * error > FAR for square, error in spread.values())
        said = "; ".join(f"{name} {spread[name][0]:.2f} ± {spread[name][1]:.2f}" for name in wrong)
        return [Aspect(UNUSABLE if far else CARE, TOPIC,
                       f"The truth is not one among {count} replicas of its beads. The mean square of its ranks about "
                       f"the middle is, of that of uniform ones: {said}. Above 1 draws spread too little, below 1 too "
                       "much.",
                       "reference")]


def _replicas(count: int) -> Figure:
    return Figure(TOPIC, "replicas", "count", float(count))


def _unmade(why: str) -> Assessment:
    """Nothing was ranked, and why; empty where nobody expects it."""
    return Assessment([_replicas(0)], notes=[f"{TOPIC}: not made, as {why}."] if why else [])


def _probability(found: tuple[float, float], expected: float) -> float:
    value, error = found
    return float(2 * ndtr(-abs(value - expected) / error)) if error > 0 else float(value == expected)


def _of_all(system: System, rows: object) -> Index:
    """Atoms of all coordinates of a system, (n, k)."""
    found = [(group.atom_offset[:, None, None] + own).reshape(-1, own.shape[1])
             for group in system.groups if len(own := rows(group.type))]
    return np.concatenate(found) if found else np.zeros((0, 4), dtype=np.int64)


def _torsions(kind: MoleculeType) -> Index:
    return np.array(list(turning(kind)), dtype=np.int64).reshape(-1, 4)


def _angles(kind: MoleculeType) -> Index:
    """Those of heavy atoms."""
    if kind.given or kind.coarse:
        return np.zeros((0, 3), dtype=np.int64)
    graph, heavy = kind.graph, kind.chemistry.heavy
    return np.array([(a, b, c) for b in graph for a in graph[b] for c in graph[b]
                     if a < c and heavy[a] and heavy[b] and heavy[c]], dtype=np.int64).reshape(-1, 3)
