"""Bonds through rings: what no force field mends by itself."""
from __future__ import annotations

from functools import cached_property

from backmap.engine.rings import SmallRings
from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import Assessment, Figure
from backmap.model.system import System
from backmap.model.tally import Tally

from .part import Flags, Measurement, beads_of, mean_and_spread, rows_of


class Rings(Measurement):
    """Bonds that go through a ring of other atoms, any periodic image of it."""

    def __init__(self, system: System) -> None:
        self.system = system

    @cached_property
    def known(self) -> SmallRings:
        """Rings and bonds; looked for when the first frame is there."""
        return SmallRings(self.system)

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        if not len(self.known.rings):
            return {}
        threads = self.known.threads(frame.atoms, frame.box)
        tally.row("rings pierced", frame.index, [len(threads)])
        return {"ring_pierced": beads_of(frame, self.known.atoms_of(threads))}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        if not len(self.known.rings):
            return Assessment()
        rows = rows_of(tally, "rings pierced", 1)
        mean, spread = mean_and_spread(rows.sum(), (rows**2).sum(), len(rows))
        return Assessment([Figure("packing", "bonds through rings", "per frame", mean, "", spread, ideal=0.0)])
