"""Bonds through rings: what no force field mends by itself."""
from __future__ import annotations

import numpy as np
from vesin import NeighborList

from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import Assessment, Figure
from backmap.model.system import System
from backmap.model.tally import Tally

from . import kernels
from .part import Flags, Measurement, beads_of, mean_and_spread, rows_of
from .terms import small_rings

LARGEST = 8  #: atoms of a ring that nothing fits through
#: Farthest a bond's middle is looked for from a ring's centre, nm. A longer bond is torn, which is flagged anyway.
_REACH = 0.6


class Rings(Measurement):
    """Bonds that go through a ring of other atoms, any periodic image of it."""

    def __init__(self, system: System) -> None:
        found = []
        for group in system.groups:
            for ring in small_rings(group.type, LARGEST):
                rows = np.full((len(group.atom_offset), LARGEST), -1)
                rows[:, :len(ring)] = group.atom_offset[:, None] + np.array(ring)
                found.append(rows)
        self.rings = np.concatenate(found) if found else np.empty((0, LARGEST), dtype=np.int64)
        self.sizes = (self.rings >= 0).sum(axis=1)
        bonds = [(group.atom_offset[:, None, None] + group.type.bonds).reshape(-1, 2) for group in system.groups]
        self.bonds = np.concatenate(bonds).astype(np.int64)

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        if not len(self.rings):
            return {}
        x = frame.atoms
        inside = self.rings >= 0
        centres = (x[self.rings] * inside[..., None]).sum(axis=1) / self.sizes[:, None]
        radius = np.linalg.norm((x[self.rings] - centres[:, None]) * inside[..., None], axis=2).max()
        middles = (x[self.bonds[:, 0]] + x[self.bonds[:, 1]]) / 2
        half = kernels.distances(x, self.bonds).max(initial=0.0) / 2
        ring, bond, vector = _near(centres, middles, min(radius + half, _REACH), frame.box)
        through = kernels.pierced(x, ring, bond, vector, self.rings, self.sizes, centres, self.bonds, middles)
        tally.row("rings pierced", frame.index, [through.sum()])
        atoms = np.concatenate([self.bonds[bond[through]].ravel(), self.rings[ring[through]].ravel()])
        return {"ring_pierced": beads_of(frame, atoms[atoms >= 0])}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        if not len(self.rings):
            return Assessment()
        rows = rows_of(tally, "rings pierced", 1)
        mean, spread = mean_and_spread(rows.sum(), (rows**2).sum(), len(rows))
        return Assessment([Figure("packing", "bonds through rings", "per frame", mean, "", spread, ideal=0.0)])


def _near(centres: np.ndarray, middles: np.ndarray, reach: float, box: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Pairs of a centre and a middle that are near: their indices, (n,), and the vector between, (n, 3)."""
    lattice = np.zeros((3, 3)) if box is None else box
    i, j, vector = NeighborList(cutoff=reach, full_list=True).compute(
        points=np.concatenate([centres, middles]), box=lattice, periodic=box is not None, quantities="ijD")
    keep = (i < len(centres)) & (j >= len(centres))
    i, j = i[keep].astype(np.int64), j[keep].astype(np.int64) - len(centres)
    return i, j, np.ascontiguousarray(vector[keep])
