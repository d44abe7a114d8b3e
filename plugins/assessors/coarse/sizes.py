"""Sizes of chains of beads: end-to-end distance, radius of gyration, contour length, and what follows from them."""
from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import Assessment, Curve, Figure
from backmap.model.system import System
from backmap.model.tally import Tally

from ..histograms import Bins
from ..part import Flags, rows_of
from .graphs import BRANCHED, LINEAR, Chains
from .part import SECTION, CoarsePart, Distances, means, relative

#: Columns of the rows of a molecule type: means over its molecules; the length of a bond, and beads per nm^3.
_ENDS, _GYRATION, _CONTOUR, _BOND, _DENSITY = range(5)

END, GYRATION, CONTOUR = "end-to-end distance", "radius of gyration", "contour length"
KUHN_LENGTH, KUHN_NUMBER = "Kuhn length", "Kuhn number"
_RMS = "root mean square"

Value = Callable[[np.ndarray], float]
#: What is made of the means over all frames: unit, what it is called, and how.
_MADE: dict[str, tuple[str, str, Value]] = {
    END: ("nm", _RMS, lambda mean: np.sqrt(mean[_ENDS])),
    GYRATION: ("nm", _RMS, lambda mean: np.sqrt(mean[_GYRATION])),
    CONTOUR: ("nm", "mean", lambda mean: mean[_CONTOUR]),
    KUHN_LENGTH: ("nm", "⟨R²⟩/L", lambda mean: mean[_ENDS] / mean[_CONTOUR]),
    KUHN_NUMBER: ("", "beads of a molecule type alone",
                  lambda mean: mean[_DENSITY] * mean[_BOND] * (mean[_ENDS] / mean[_CONTOUR])**2)}
OFF = "relative deviation"


class Sizes(CoarsePart):
    """How long and wide molecules are, and <R^2(n)>/n between beads n bonds apart.

    Kuhn length b = <R^2>/L (R end to end, L along the contour); Kuhn number n_K = rho_K b^3 = rho l b^2, rho the number
    density of beads, l the mean bond length. Rings have no ends, and branched molecules no contour either: what needs
    them is left out, and a note says so.

    Args:
        system: What is there.
        width: Of the bins of lengths, nm.
        longest: No bond is longer, for the range of the bins, nm.
    """

    def __init__(self, system: System, width: float, longest: float) -> None:
        found = [Chains.of(group) for group in system.groups]
        self.chains = [chains for chains in found if chains is not None]
        self.torn = [group.type.name for group, chains in zip(system.groups, found)
                     if chains is None and len(group.type.bonds)]
        self.bins = {chains.name: Bins(0.0, len(chains.group.type.bonds) * longest, width) for chains in self.chains}

    @staticmethod
    def defined(chains: Chains) -> list[str]:
        """What molecules of this form have."""
        if chains.form == LINEAR:
            return list(_MADE)
        return [GYRATION] if chains.form == BRANCHED else [GYRATION, CONTOUR]

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        volume = np.nan if frame.box is None else abs(np.linalg.det(frame.box))
        for chains in self.chains:
            x, kind = frame.atoms, chains.group.type
            lengths = {GYRATION: np.sqrt(chains.gyration_squared(x)), CONTOUR: chains.contour(x)}
            ends = np.full(len(lengths[GYRATION]), np.nan)
            if chains.form == LINEAR:
                ends = chains.ends_squared(x)
                lengths[END] = np.sqrt(ends)
            contour = lengths[CONTOUR].mean()
            tally.row(f"size {chains.name}", frame.index,
                      [ends.mean(), (lengths[GYRATION]**2).mean(), contour, contour / len(kind.bonds),
                       chains.group.atoms.size / volume])
            tally.row(f"internal {chains.name}", frame.index, chains.internal(x))
            for name in self.defined(chains):
                if name in lengths:
                    tally.count(f"{name} {chains.name}", frame.index, self.bins[chains.name].count(lengths[name]))
        return {}

    def distances(self, tally: Tally, reference: Tally) -> Distances:
        found: Distances = {}
        for chains in self.chains:
            ours, theirs = (self._rows(each, chains).mean(axis=0) for each in (tally, reference))
            for name in self.defined(chains):
                value = _MADE[name][2]
                found[f"{name} of {chains.name}", OFF] = relative(value(ours), value(theirs))
            here, there = (self._internal(each, chains).mean(axis=0) for each in (tally, reference))
            found[f"⟨R²(n)⟩/n of {chains.name}", f"{OFF}, {_RMS}"] = float(np.sqrt(np.mean((here / there - 1)**2)))
        return found

    @staticmethod
    def _rows(tally: Tally, chains: Chains) -> np.ndarray:
        return rows_of(tally, f"size {chains.name}", _DENSITY + 1)

    @staticmethod
    def _internal(tally: Tally, chains: Chains) -> np.ndarray:
        return rows_of(tally, f"internal {chains.name}", len(chains.apart))

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        figures: list[Figure] = []
        curves: list[Curve] = []
        for chains in self.chains:
            rows = self._rows(tally, chains)
            for name in self.defined(chains):
                unit, quantity, value = _MADE[name]
                figures += means(f"{name} of {chains.name}", unit, rows, {quantity: value})
            curves += self._curves(chains, tally)
        return Assessment(figures, curves, list(self._notes(tally)))

    def _curves(self, chains: Chains, tally: Tally) -> Iterator[Curve]:
        edges = np.arange(len(chains.apart) + 1) + 0.5
        internal = self._internal(tally, chains)
        if len(internal):
            yield Curve(SECTION, f"⟨R²(n)⟩/n of {chains.name}", "bonds apart, n", "", edges, internal.mean(axis=0),
                        "⟨R²(n)⟩/n, nm²")
        for name in self.defined(chains):
            key, bins = f"{name} {chains.name}", self.bins[chains.name]
            if key in tally:
                yield Curve(SECTION, f"{name} of {chains.name}", name, "nm", bins.edges,
                            bins.density(tally.counts(key)), samples=int(tally.counts(key).sum()))

    def _notes(self, tally: Tally) -> Iterator[str]:
        if not tally.n_frames:
            return
        for chains in self.chains:
            missing = [name for name in _MADE if name not in self.defined(chains)]
            if missing:
                yield f"{chains.name} is {chains.form}: it has no {', no '.join(missing)}."
        for name in self.torn:
            yield f"{name} is not held together by its bonds, and has no size."


class MovedBeads(CoarsePart):
    """How far beads are from where they were before a step moved them, and what became of sizes, frame by frame."""

    def __init__(self, sizes: Sizes) -> None:
        self.chains = sizes.chains

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        if frame.before is None or len(frame.before) != len(frame.atoms):
            return {}
        tally.row("moved", frame.index, [((frame.atoms - frame.before)**2).sum(axis=-1).mean()])
        for chains in self.chains:
            changes = [_change(chains.gyration_squared, frame) / 2, _change(chains.contour, frame),
                       _change(chains.ends_squared, frame) / 2 if chains.form == LINEAR else np.nan]
            tally.row(f"changed {chains.name}", frame.index, np.expm1(changes))
        return {}

    def distances(self, tally: Tally, reference: Tally) -> Distances:
        return {}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        if "moved" not in tally:
            return Assessment()
        figures = list(means("beads", "nm", tally.rows("moved"), {"moved by, root mean square":
                                                                  lambda mean: np.sqrt(mean[0])}))
        for chains in self.chains:
            rows = tally.rows(f"changed {chains.name}")
            for name in Sizes.defined(chains):
                if name not in (GYRATION, CONTOUR, END):
                    continue
                change = rows[:, (GYRATION, CONTOUR, END).index(name)]
                ideal = None if name == CONTOUR else 0.0
                for quantity, value, spread in (("change by the step, mean", change.mean(), change.std()),
                                                ("change by the step, root mean square over frames",
                                                 np.sqrt((change**2).mean()), None)):
                    figures.append(Figure(SECTION, f"{name} of {chains.name}", quantity, float(value), "",
                                          spread=None if spread is None else float(spread), ideal=ideal))
        return Assessment(figures)


def _change(measure: Callable[[np.ndarray], np.ndarray], frame: Snapshot) -> float:
    """Logarithm of how much the mean over molecules has grown."""
    return float(np.log(measure(frame.atoms).mean() / measure(frame.before).mean()))
