"""Distributions of bonds, angles and torsions, one of each name."""
from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import Assessment, Curve, Figure, chance, divergence
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

from . import kernels
from .histograms import Bins
from .part import Array, Flags, Measurement, beads_of, counts_of, mean_and_spread, rows_of, share
from .terms import SECTIONS, SectionTerms, terms_of

_VALUES = {"bonds": kernels.distances, "angles": kernels.angles, "propers": kernels.dihedrals,
           "impropers": kernels.dihedrals}
_LABEL = {"bonds": ("length", "nm"), "angles": ("angle", "deg"), "propers": ("torsion", "deg"),
          "impropers": ("torsion", "deg")}
#: A torsion beyond this is trans, degrees.
TRANS = 120.0
#: A bond is long only if it is also longer than this times the sum of the covalent radii, as S-S and C-I need it.
_STRETCH = 1.3
#: A bond that varies less than this is rigid, nm: a divergence would tell on which side of the edge of a bin it falls.
_RIGID = 0.001
#: Of the bonds of beads, which have no element and are as long as their model has them, nm.
_LONGEST = 1.5


class Distributions(Measurement):
    """Measures the distributions of bond lengths, angles, proper and improper torsions, by type.

    Args:
        system: Molecule types and their counts.
        forcefield: Says which terms are measured; without one, all that the bonds imply (``terms.terms_of``).
        widths: Width of the bins of each section, nm and degrees.
        long_bond: A bond longer than this is counted and flagged, nm.
        stretch: How much longer bonds are than those of atoms.
    """

    def __init__(self, system: System, forcefield: ForceField | None, widths: dict[str, float],
                 long_bond: float, stretch: float = 1.0) -> None:
        element = np.concatenate([np.tile(kind.chemistry.element, count) for kind, count in system.blocks])
        longest = 0.30 * stretch if element.any() or stretch != 1 else _LONGEST
        ranges = {"bonds": (0.05 * stretch, longest), "angles": (0.0, 180.0), "propers": (-180.0, 180.0),
                  "impropers": (-180.0, 180.0)}
        self.bins = {section: Bins(*ranges[section], widths[section]) for section in SECTIONS}
        self.system, self.forcefield, self.element = system, forcefield, element
        self.long_bond, self.stretch = long_bond, stretch

    @cached_property
    def terms(self) -> dict[str, SectionTerms]:
        """What is measured, by section; made when the first frame is there."""
        return terms_of(self.system, self.forcefield)

    @cached_property
    def longest_allowed(self) -> Array:
        """Beyond which each bond is long, nm, (n,)."""
        ends, element = self.terms["bonds"].atoms, self.element
        allowed = np.maximum(self.long_bond, _STRETCH * element_radii(element)[ends].sum(axis=1))
        return np.where((element[ends] > 0).all(axis=1) | (self.stretch != 1), allowed, np.inf)

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        flags: Flags = {}
        for section, terms in self.terms.items():
            values = _VALUES[section](frame.atoms, terms.atoms)
            n_names = len(terms.names)
            tally.count(section, frame.index, self.bins[section].count_by(values, terms.name, n_names))
            tally.row(f"{section} moments", frame.index, self._moments(section, terms, values))
            if section == "propers":
                trans = np.bincount(terms.name[np.abs(values) > TRANS], minlength=n_names)
                tally.count("propers trans", frame.index, np.stack([trans, terms.number]))
            if section == "bonds":
                long = values > self.longest_allowed
                tally.row("bonds long", frame.index, [long.sum(), values.max()])
                flags["long_bond"] = beads_of(frame, terms.atoms[long].ravel())
        return flags

    @staticmethod
    def _moments(section: str, terms: SectionTerms, values: Array) -> Array:
        """Sums of values and squares by name, or of cosines and sines for torsions; and numbers, (3, N)."""
        if section in ("bonds", "angles"):
            parts = values, values**2
        else:
            parts = np.cos(np.radians(values)), np.sin(np.radians(values))
        sums = [np.bincount(terms.name, weights=part, minlength=len(terms.names)) for part in parts]
        return np.stack([*sums, terms.number])

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        figures, curves, rigid = [], [], []
        for section, terms in self.terms.items():
            bins, (label, unit) = self.bins[section], _LABEL[section]
            shape = len(terms.names), bins.n
            counts = counts_of(tally, section, *shape)
            true = counts_of(reference, section, *shape)
            moments, known = (rows_of(each, f"{section} moments", 3, len(terms.names)).sum(axis=0)
                              for each in (tally, reference))
            for k, name in enumerate(terms.names):
                curves.append(Curve(section, name, label, unit, bins.edges, bins.density(counts[k]),
                                    samples=int(counts[k].sum())))
                if section == "bonds" and _rigid(moments[:, k], known[:, k]):
                    rigid.append(name)
                elif reference is not None:
                    figures.append(Figure(section, name, "JSD", divergence(counts[k], true[k]), distance=True,
                                          error=chance(counts[k], true[k])))
                if section != "propers":
                    mean, spread = _mean(section, *moments[:, k])
                    figures.append(Figure(section, name, "mean", mean, unit, spread))
        figures += self._trans(tally) + self._long_bonds(tally)
        said = f"bonds {', '.join(rigid)} are rigid, here and in the reference: their means are compared"
        return Assessment(figures, curves, [said] if rigid else [])

    def _trans(self, tally: Tally) -> list[Figure]:
        if "propers" not in self.terms:
            return []
        terms = self.terms["propers"]
        trans, number = counts_of(tally, "propers trans", 2, len(terms.names))
        return [Figure("propers", name, "trans share", share(trans[k], number[k]))
                for k, name in enumerate(terms.names) if terms.chain[k]]

    def _long_bonds(self, tally: Tally) -> list[Figure]:
        if "bonds" not in self.terms:
            return []
        rows = rows_of(tally, "bonds long", 2)
        mean, spread = mean_and_spread(rows[:, 0].sum(), (rows[:, 0] ** 2).sum(), len(rows))
        longest = float(rows[:, 1].max()) if len(rows) else float("nan")
        return [Figure("bonds", f"bonds longer than {self.long_bond:g} nm", "per frame", mean, "", spread, ideal=0.0),
                Figure("bonds", "longest bond", "maximum", longest, "nm")]


def _rigid(ours: Array, theirs: Array) -> bool:
    """Whether bonds have one length, and the same, by the sums of lengths and squares, and numbers, (3,)."""
    if not ours[2] or not theirs[2]:
        return False
    (mean, spread), (true, width) = mean_and_spread(*ours), mean_and_spread(*theirs)
    return abs(mean - true) < _RIGID / 2 and max(spread, width) < _RIGID


def _mean(section: str, first: float, second: float, number: float) -> tuple[float, float | None]:
    """Mean and spread; of torsions about the circle, degrees."""
    if section != "impropers":
        return mean_and_spread(first, second, number)
    if not number:
        return float("nan"), None
    length = min(np.hypot(first, second) / number, 1.0)
    spread = float(np.degrees(np.sqrt(-2 * np.log(length)))) if length > 0 else None
    return float(np.degrees(np.arctan2(second, first))), spread


def element_radii(element: NDArray[np.int64]) -> Array:
    """Covalent radii, nm; 0 for what is no element."""
    table = Chem.GetPeriodicTable()
    radii = {z: table.GetRcovalent(z) * 0.1 if z else 0.0 for z in np.unique(element).tolist()}
    return np.array([radii[z] for z in element.tolist()])
