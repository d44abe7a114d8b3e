"""How atoms that are not bonded to each other pack: g(r), nearest contacts, clashes."""
from __future__ import annotations

import numpy as np

from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import Assessment, Curve, Figure, divergence
from backmap.model.system import System
from backmap.model.tally import Tally

from ..chemistry.selections import Selections
from . import kernels
from .histograms import Bins
from .part import Array, Flags, Measurement, beads_of, counts_of, mean_and_spread, rows_of, share
from .polar import PolarContacts

#: Atoms of one molecule count if they are at least this many bonds apart.
APART = 4
#: Farthest nearest contact that is told apart, nm.
REACH = 0.8
_FINE = 1e-4
_CONTACTS = ("any-any", "heavy-heavy")
_HYDROGEN, _CARBON = 1, 6


class Packing(Measurement):
    """g(r) between selections, nearest contacts and clashes.

    Args:
        system: What is there.
        rdf: Name -> two selections; None stands for carbon and carbon, or heavy and heavy without carbon.
        rdf_bins: Bins of g(r), nm.
        contact_width: Width of the bins of nearest contacts, nm.
        clash: A pair of atoms that is closer counts as a clash, nm.
        heavy_clash: The same for a pair of heavy atoms, nm.
        unit: nm that contacts are looked for in multiples of: 1 for atoms.
    """

    def __init__(self, system: System, rdf: dict[str, tuple[str, str]] | None, rdf_bins: Bins, contact_width: float,
                 clash: float, heavy_clash: float, unit: float = 1.0) -> None:
        element = np.concatenate([np.tile(kind.chemistry.element, count) for kind, count in system.blocks])
        # A virtual site, which has no mass, lies inside other atoms.
        self.solid = np.concatenate([np.tile(kind.mass > 0, count) for kind, count in system.blocks])
        self.heavy = self.solid & (element != _HYDROGEN)
        self.polar = PolarContacts(system)
        reach = REACH * unit
        self.bins, self.contacts, self.fine = rdf_bins, Bins(0.0, reach, contact_width), Bins(0.0, reach, _FINE)
        self.clash, self.heavy_clash = clash, heavy_clash
        if rdf is None:
            carbon = element == _CARBON
            chosen, self.names = (carbon, ["C-C"]) if carbon.any() else (self.heavy, ["heavy-heavy"])
            self.first = self.second = chosen[None]
        else:
            self.names = list(rdf)
            self.first, self.second = self._selected(system, rdf)
        self.ideal_pairs = possible_pairs(self.first, self.second)
        self.cutoff = max(reach, rdf_bins.edges[-1] if self.names else 0.0, clash, heavy_clash)

    @staticmethod
    def _selected(system: System, rdf: dict[str, tuple[str, str]]) -> tuple[np.ndarray, np.ndarray]:
        selections = Selections(system)
        masks = np.zeros((2, len(rdf), system.n_atoms), dtype=bool)
        for r, (name, pair) in enumerate(rdf.items()):
            for side, text in enumerate(pair):
                masks[side, r] = selections.mask(text, where=f"rdf.{name}")
        return masks[0], masks[1]

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        pairs = frame.pairs(self.cutoff)
        atoms = kernels.PackedAtoms(self.solid, self.heavy, self.first, self.second,
                                    self.polar.held(pairs, self.heavy_clash))
        rules = kernels.PackingRules(APART, self.bins.width, self.bins.n, self.clash, self.heavy_clash)
        nearest, counts, clashes, clashing = kernels.packing(pairs, atoms, rules)
        for name, distance in zip(_CONTACTS, nearest):
            found = distance[np.isfinite(distance)]
            tally.count(f"contacts {name}", frame.index, self.contacts.count(found))
            tally.count(f"contacts {name} fine", frame.index, self.fine.count(found))
            tally.row(f"contacts {name}", frame.index, [len(found), found.sum(), found.min(initial=np.inf)])
        tally.row("clashes", frame.index, clashes * (1000 / frame.system.n_atoms))
        if frame.box is not None:
            tally.row("g(r)", frame.index, self._normalised(counts, abs(np.linalg.det(frame.box))))
        return {"clash": beads_of(frame, clashing)}

    def _normalised(self, counts: np.ndarray, volume: float) -> Array:
        """g(r) of one frame, (R, n): pairs in each shell by what an ideal gas of these atoms has there."""
        shells = 4 / 3 * np.pi * np.diff(self.bins.edges**3)
        return counts / (np.maximum(self.ideal_pairs, 1)[:, None] * shells / volume)

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        parts = self._functions(tally, reference), self._contacts(tally, reference), self._clashes(tally)
        return Assessment([f for figures, _ in parts for f in figures], [c for _, curves in parts for c in curves],
                          self._notes(tally))

    def _notes(self, tally: Tally) -> list[str]:
        if self.names and tally.n_frames and not len(rows_of(tally, "g(r)", 0)):
            return ["There is no g(r), because the frames have no box."]
        return []

    def _functions(self, tally: Tally, reference: Tally | None) -> tuple[list[Figure], list[Curve]]:
        shape = len(self.names), self.bins.n
        here, there = rows_of(tally, "g(r)", *shape), rows_of(reference, "g(r)", *shape)
        figures, curves = [], []
        for r, name in enumerate(self.names):
            if len(here):
                curves.append(Curve("packing", f"g(r) {name}", "distance", "nm", self.bins.edges,
                                    here[:, r].mean(axis=0), "g"))
            if reference is not None:
                off = float("nan")
                if len(here) and len(there):
                    off = float(np.abs(here[:, r].mean(axis=0) - there[:, r].mean(axis=0)).sum() * self.bins.width)
                figures.append(Figure("packing", f"g(r) {name}", "integral of |g - g_ref|", off, "nm", distance=True))
        return figures, curves

    def _contacts(self, tally: Tally, reference: Tally | None) -> tuple[list[Figure], list[Curve]]:
        figures, curves = [], []
        for kind in _CONTACTS:
            name, key = f"nearest contact {kind}", f"contacts {kind}"
            counts, fine = counts_of(tally, key, self.contacts.n), counts_of(tally, f"{key} fine", self.fine.n)
            if counts.any():
                curves.append(Curve("packing", name, "distance", "nm", self.contacts.edges,
                                    self.contacts.density(counts), samples=int(counts.sum())))
            if reference is not None:
                true = counts_of(reference, key, self.contacts.n)
                figures.append(Figure("packing", name, "JSD", divergence(counts, true), distance=True))
            rows = rows_of(tally, key, 3)
            smallest = float(rows[:, 2].min()) if counts.any() else float("nan")
            low, lowish = (np.fmax(smallest, self.fine.quantile(fine, part)) for part in (0.001, 0.01))
            figures += [Figure("packing", name, "minimum", smallest, "nm"),
                        Figure("packing", name, "0.1 %", float(low), "nm"),
                        Figure("packing", name, "1 %", float(lowish), "nm"),
                        Figure("packing", name, "mean", share(rows[:, 1].sum(), rows[:, 0].sum()), "nm")]
        return figures, curves

    def _clashes(self, tally: Tally) -> tuple[list[Figure], list[Curve]]:
        rows, figures = rows_of(tally, "clashes", 2), []
        names = f"pairs closer than {self.clash:g} nm", f"heavy pairs closer than {self.heavy_clash:g} nm"
        for k, name in enumerate(names):
            mean, spread = mean_and_spread(rows[:, k].sum(), (rows[:, k] ** 2).sum(), len(rows))
            figures.append(Figure("packing", name, "per 1000 atoms", mean, "", spread, ideal=0.0))
        return figures, []


def possible_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pairs of different atoms, each once, one of ``first`` and one of ``second`` (R, A), (R,)."""
    both = (first & second).sum(axis=1)
    return first.sum(axis=1) * second.sum(axis=1) - both * (both + 1) // 2
