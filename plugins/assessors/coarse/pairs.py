"""g(r) of beads."""
from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import Assessment, Curve
from backmap.model.system import System
from backmap.model.tally import Tally

from .. import kernels
from ..histograms import Bins
from ..packing import possible_pairs
from ..part import Flags, rows_of
from .part import SECTION, CoarsePart, Distances

#: Pairs of so many types have a g(r) each, beside that of all.
MOST_TYPES = 4


class PairFunctions(CoarsePart):
    """Radial distribution functions of all beads, and of each pair of types where there are a few.

    Args:
        system: What is there.
        bins: Of g(r), nm.
        apart: Two beads of one molecule count from so many bonds on.
    """

    def __init__(self, system: System, bins: Bins, apart: int) -> None:
        self.bins, self.apart = bins, apart
        types = np.concatenate([np.tile(kind.atom_types, count) for kind, count in system.blocks])
        chosen = {"g(r)": (np.ones(len(types), dtype=bool),) * 2}
        known = sorted(set(types))
        if 1 < len(known) <= MOST_TYPES:
            chosen |= {f"g(r) {a}-{b}": (types == a, types == b)
                       for a, b in combinations_with_replacement(known, 2)}
        self.names = list(chosen)
        self.first, self.second = (np.stack([pair[k] for pair in chosen.values()]) for k in (0, 1))
        self.ideal_pairs = possible_pairs(self.first, self.second)

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        if frame.box is None:
            return {}
        none = np.zeros(len(frame.atoms), dtype=bool)
        pairs = frame.pairs(float(self.bins.edges[-1]))
        atoms = kernels.PackedAtoms(none, none, self.first, self.second, np.zeros(len(pairs.i), dtype=bool))
        rules = kernels.PackingRules(self.apart, self.bins.width, self.bins.n, 0.0, 0.0)
        counts = kernels.packing(pairs, atoms, rules)[1]
        shells = 4 / 3 * np.pi * np.diff(self.bins.edges**3) / abs(np.linalg.det(frame.box))
        tally.row("g(r)", frame.index, counts / (np.maximum(self.ideal_pairs, 1)[:, None] * shells))
        return {}

    def _means(self, tally: Tally) -> np.ndarray | None:
        """g(r) of all frames, (names, n); None without a box."""
        rows = rows_of(tally, "g(r)", len(self.names), self.bins.n)
        return rows.mean(axis=0) if len(rows) else None

    def distances(self, tally: Tally, reference: Tally) -> Distances:
        ours, theirs = self._means(tally), self._means(reference)
        if ours is None or theirs is None:
            return {}
        return {(name, "integral of |g - g_ref|"): float(np.abs(ours[k] - theirs[k]).sum() * self.bins.width)
                for k, name in enumerate(self.names)}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        found = self._means(tally)
        if found is None:
            return Assessment(notes=["There is no g(r), because the frames have no box."] if tally.n_frames else [])
        return Assessment(curves=[Curve(SECTION, name, "distance", "nm", self.bins.edges, found[k], "g")
                                  for k, name in enumerate(self.names)])
