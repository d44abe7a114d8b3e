"""Distributions of bonds, angles and torsions along a graph of beads."""
from __future__ import annotations

import numpy as np

from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import Assessment, Curve, Figure, divergence, jeffreys
from backmap.model.system import System
from backmap.model.tally import Tally

from .. import kernels
from ..histograms import Bins
from ..part import Flags, rows_of
from ..terms import terms_of
from .part import SECTION, CoarsePart, Distances, means

_VALUES = {"bonds": kernels.distances, "angles": kernels.angles, "propers": kernels.dihedrals}
_CALLED = {"bonds": ("bond", "length", "nm"), "angles": ("angle", "angle", "deg"),
           "propers": ("torsion", "torsion", "deg")}


class BondedBeads(CoarsePart):
    """Distributions of bond lengths, angles and torsions, one of each combination of types.

    Args:
        system: What is there; terms are all that bonds imply.
        bins: Of each of bonds, angles and propers.
    """

    def __init__(self, system: System, bins: dict[str, Bins]) -> None:
        self.bins = bins
        self.terms = {section: terms for section, terms in terms_of(system, None).items() if section in _VALUES}

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        for section, terms in self.terms.items():
            values, n = _VALUES[section](frame.atoms, terms.atoms), len(terms.names)
            tally.row(section, frame.index,
                      self.bins[section].count_by(values, terms.name, n).astype(np.float32))
            if section != "propers":
                sums = [np.bincount(terms.name, weights=part, minlength=n) for part in (values, values**2)]
                tally.row(f"{section} moments", frame.index, np.stack([*sums, terms.number]))
        return {}

    def distances(self, tally: Tally, reference: Tally) -> Distances:
        found = {}
        for section, terms in self.terms.items():
            ours, theirs = (self._counts(each, section) for each in (tally, reference))
            for k, name in enumerate(terms.names):
                called = f"{_CALLED[section][0]} {name}"
                found[called, "JSD"] = divergence(ours[k], theirs[k])
                found[called, "Jeffreys"] = jeffreys(ours[k], theirs[k])
        return found

    def _counts(self, tally: Tally, section: str) -> np.ndarray:
        """Counts of all frames, (names, bins)."""
        return rows_of(tally, section, len(self.terms[section].names), self.bins[section].n).sum(axis=0, dtype=float)

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        figures: list[Figure] = []
        curves = []
        for section, terms in self.terms.items():
            kind, label, unit = _CALLED[section]
            counts, bins = self._counts(tally, section), self.bins[section]
            for k, name in enumerate(terms.names):
                curves.append(Curve(SECTION, f"{kind} {name}", label, unit, bins.edges, bins.density(counts[k]),
                                    samples=int(counts[k].sum())))
                if section != "propers":
                    rows = rows_of(tally, f"{section} moments", 3, len(terms.names))[:, :, k]
                    figures += means(f"{kind} {name}", unit, rows, {"mean": _mean, "standard deviation": _spread})
        return Assessment(figures, curves)


def _mean(sums: np.ndarray) -> float:
    return sums[0] / sums[2]


def _spread(sums: np.ndarray) -> float:
    return np.sqrt(max(0.0, sums[1] / sums[2] - _mean(sums)**2))
