"""What a landscape says: figures, maps, notes and findings."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backmap.model.assessment import CARE, GOOD, Aspect, Assessment, Curve, Figure, Surface, VerdictRule, divergence
from backmap.model.parameters import BOLTZMANN

from . import clusters
from .centres import Centres
from .chart import Chart
from .memo import Memo
from .sample import Sample
from .telling import Telling

if TYPE_CHECKING:
    from .assessor import LandscapeOptions

Array = NDArray[np.float64]
SECTION = "landscape"
#: A p-value below this is a finding.
LEVEL = 0.01
RULES = (VerdictRule("local environments", "reference", f"a p-value of the MMD below {LEVEL}, labels permuted"),)
#: Populations below this are taken as this, for Jeffreys' divergence.
FLOOR = 1e-6
#: Points of one trajectory that a map shows.
SHOWN = 1000


class Findings:
    """Gathers what is said of one trajectory.

    Args:
        options: Of the assessor.
        centres: Those that were measured.
        stride: Every how many molecules one was taken.
    """

    def __init__(self, options: LandscapeOptions, centres: Centres, stride: int) -> None:
        self.options, self.centres, self.stride = options, centres, stride
        self.assessment = Assessment()

    def _figure(self, name: str, quantity: str, value: float, error: float | None = None, *, distance: bool = False,
                ideal: float | None = None) -> None:
        known = error is not None and np.isfinite(error) and error > 0
        self.assessment.figures.append(Figure(SECTION, name, quantity, float(value), distance=distance, ideal=ideal,
                                              error=float(error) if known and error is not None else None))

    def left_out(self, ours: Sample, theirs: Sample | None) -> None:
        """What was not looked at."""
        notes = self.assessment.notes
        if ours.left_out:
            notes.append(f"{ours.left_out} frames are left out of the landscape: some of their atoms have no position")
        if ours.repeated:
            notes.append(f"{ours.repeated} frames are there more than once, and count once")
        if not ours.n_frames or (theirs is not None and not theirs.n_frames):
            notes.append("no frame is left to be compared")
        if self.stride > 1:
            notes.append(f"one molecule of {self.stride} is taken, so that there are no more than "
                         f"{self.options.limit}")

    def alike(self, memo: Memo, ours: Sample) -> None:
        """How alike environments are."""
        kernels = memo.environment_kernels(ours)
        self._figure("environments", "mean kernel", float(kernels.mean()))
        empty = sum(int((np.abs(each).max(axis=-1) == 0).sum()) for each in ours.environments)
        if empty:
            self.assessment.notes.append(f"{empty} environments are empty: no neighbour within the radius")

    def told(self, telling: Telling, theirs: Sample) -> None:
        """Two-sample tests."""
        for name, test in telling.tests.items():
            self._figure(name, "MMD²", test.value, distance=True)
            if test.p is not None:
                self._figure(name, "p of the MMD", test.p)
        if telling.accuracy is not None:
            self._figure("environments", "classifier accuracy", telling.accuracy.accuracy, telling.accuracy.error,
                         ideal=0.5)
        self.assessment.notes.extend(telling.missing)
        self.assessment.notes.append(
            f"frames are exchanged {'within pairs of the same beads' if telling.paired else 'between the sets'}: "
            f"{telling.n_reference} of the reference, {telling.n_candidate} others")
        if telling.least is None:
            return
        finest = max(telling.finest, 1 / (self.options.permutations + 1)) * len(telling.tests)
        if finest >= LEVEL:
            self.assessment.notes.append(f"these frames and exchanges are too few to tell: {len(telling.tests)} tests "
                                         f"give no p-value below {finest:.2g} together, and {LEVEL} is asked for")
            return
        apart = telling.least < LEVEL
        values = ", ".join(f"{name} p = {test.p:.3g}" for name, test in telling.tests.items())
        accuracy = ""
        if telling.accuracy is not None:
            accuracy = f"; a classifier is right in {100 * telling.accuracy.accuracy:.1f} % of environments"
        self.assessment.findings.append(Aspect(
            CARE if apart else GOOD, "local environments",
            f"Local environments {'can' if apart else 'cannot'} be told from the true ones ({values}{accuracy}).",
            "reference"))

    def mapped(self, chart: Chart, memo: Memo, ours: Sample, theirs: Sample | None) -> None:
        """Populations and confusion on the map."""
        z, residual = memo.places(chart, ours)
        labels = chart.classes(z.reshape(-1, 2), residual.reshape(-1)).reshape(residual.shape)
        mean, error = clusters.mean_and_error(_by_unit(clusters.shares(labels, chart.n_classes), ours))
        for k, (value, its) in enumerate(zip(mean, error)):
            self._figure(_called(k, chart), "population", value, its)
        density = self._density(chart, z, ours)
        if theirs is None:
            self._described(chart)
        else:
            self._compared(chart, memo, ours, theirs, labels)
            self._apart(density, self._density(chart, memo.places(chart, theirs)[0], theirs))
        self._drawn(chart, z, ours, density)

    def _described(self, chart: Chart) -> None:
        sketch = chart.sketch
        self.assessment.curves.append(Curve(SECTION, "distances between points", "D", "", chart.edges,
                                            chart.counts / max(1.0, chart.counts.sum()) / np.diff(chart.edges)))
        self.assessment.notes.append(
            f"the map: {len(sketch.z)} landmarks of {chart.n_points} points, sigma {sketch.high.sigma:.3g}, stress "
            f"{sketch.stress:.3g} ({len(sketch.stresses)} starts: {sketch.stresses.min():.3g} to "
            f"{sketch.stresses.max():.3g}), {len(chart.centres)} clusters; outliers have residuals above "
            f"{chart.limit:.3g}")

    def _compared(self, chart: Chart, memo: Memo, ours: Sample, theirs: Sample, labels: NDArray) -> None:
        """Populations and classes beside those of the reference."""
        z, residual = memo.places(chart, theirs)
        true = chart.classes(z.reshape(-1, 2), residual.reshape(-1)).reshape(residual.shape)
        n, pairing = chart.n_classes, theirs.pairing(ours)
        mine = clusters.shares(labels, n)
        if pairing.paired:
            drawn = mine[pairing.candidate - theirs.n_frames].mean(axis=1)
            off, error = clusters.mean_and_error(drawn - clusters.shares(true, n)[pairing.reference])
        else:
            (here, mine_error), (there, their_error) = (
                clusters.mean_and_error(_by_unit(values, sample))
                for values, sample in ((mine, ours), (clusters.shares(true, n), theirs)))
            off, error = here - there, np.hypot(mine_error, their_error)
        with np.errstate(invalid="ignore", divide="ignore"):
            size = np.abs(off) / error
        if np.isfinite(size).any():
            self._figure("clusters", "largest deviation / error", float(np.nanmax(np.where(error > 0, size, np.nan))))
        if pairing.paired:
            pairs = [(true[row], labels[draw]) for row, draws in
                     zip(pairing.reference, pairing.candidate - theirs.n_frames) for draw in draws]
            self._confusion("true and drawn", pairs, len(pairing.reference), n, ("true cluster", "drawn cluster"))
        self._expected(ours, labels, n)

    def _expected(self, ours: Sample, labels: NDArray, n: int) -> None:
        """Confusion of independent draws for the same beads: what that with the true ones should be."""
        units = [rows for rows in ours.units if len(rows) > 1]
        if not units:
            return
        pairs = [(labels[a], labels[b]) for rows in units for a in rows for b in rows if a != b]
        self._confusion("two draws", pairs, len(units), n, ("cluster of one draw", "cluster of another"))

    def _confusion(self, name: str, pairs: list, n_units: int, n: int, axes: tuple[str, str]) -> None:
        found = clusters.confusion(np.array([a for a, _ in pairs]), np.array([b for _, b in pairs]), n)
        by_frame = found.reshape(n_units, -1, n, n).mean(axis=1) if len(found) % n_units == 0 else found
        mean, error = clusters.mean_and_error(by_frame)
        same, its = clusters.mean_and_error(np.trace(by_frame, axis1=1, axis2=2))
        self._figure(f"same cluster, {name}", "share", float(same), float(its))
        edges = np.arange(n + 1) + 0.5
        self.assessment.surfaces.append(Surface(SECTION, f"clusters, {name}", axes, ("", ""), (edges, edges), mean,
                                                "population", None if np.isnan(error).all() else error))

    def _density(self, chart: Chart, z: Array, sample: Sample) -> Array:
        """Populations of bins by frame of beads, (n, bins, bins); points beyond the map are in its outermost bins."""
        corner, end = chart.sketch.box
        edges = _edges(chart, self.options.bins)
        inside = np.clip(z, corner, end)
        frames = np.stack([np.histogram2d(each[:, 0], each[:, 1], bins=edges)[0] / len(each) for each in inside])
        return _by_unit(frames, sample)

    def _apart(self, ours: Array, theirs: Array) -> None:
        p, q = ours.mean(axis=0), theirs.mean(axis=0)
        self._figure("map", "JSD", divergence(p, q), distance=True)
        p, q = (np.maximum(each, FLOOR) for each in (p, q))
        p, q = p / p.sum(), q / q.sum()
        self._figure("map", "Jeffreys", float(((p - q) * np.log(p / q)).sum()), distance=True)

    def _drawn(self, chart: Chart, z: Array, ours: Sample, density: Array) -> None:
        """The map with its points, and free energies."""
        mean, error = clusters.mean_and_error(density)
        flat = z.reshape(-1, 2)
        step = -(-len(flat) // SHOWN)
        hover = [f"frame {ours.numbers[k]}{f', draw {ours.replicas[k]}' * bool(ours.replicas[k])}, {self._name(p)}"
                 for k in range(z.shape[0]) for p in range(z.shape[1])][::step]
        if step > 1:
            self.assessment.notes.append(f"one point of {step} is drawn on the map")
        common = (("z1", "z2"), ("", ""), _edges(chart, self.options.bins))
        self.assessment.surfaces.append(Surface(
            SECTION, f"map of {self.options.points}", *common, mean, "population",
            None if np.isnan(error).all() else error, flat[::step], hover))
        if self.options.temperature is not None:
            heat = BOLTZMANN * self.options.temperature
            with np.errstate(divide="ignore", invalid="ignore"):
                energy = np.where(mean > 0, -heat * np.log(mean / mean.max()), np.nan)
                its = heat * error / mean
            self.assessment.surfaces.append(Surface(
                SECTION, f"map of {self.options.points}", *common, energy, "free energy, kJ/mol",
                None if np.isnan(error).all() else np.where(mean > 0, its, np.nan)))

    def _name(self, point: int) -> str:
        """What a point is called."""
        if self.options.points == "molecules":
            return self.centres.molecules[point]
        molecule, centre = divmod(point, self.centres.points.shape[1])
        return f"{self.centres.molecules[molecule]} {self.centres.names[centre]}"


def _edges(chart: Chart, bins: int) -> tuple[Array, Array]:
    corner, end = chart.sketch.box
    x, y = (np.linspace(corner[k], max(end[k], corner[k] + 1e-6), bins + 1) for k in (0, 1))
    return x, y


def _called(k: int, chart: Chart) -> str:
    return "outliers" if k == len(chart.centres) else f"cluster {k + 1}"


def _by_unit(values: Array, sample: Sample) -> Array:
    """Means over draws for the same beads, (units, ...), which count as one."""
    return np.stack([values[rows].mean(axis=0) for rows in sample.units])
