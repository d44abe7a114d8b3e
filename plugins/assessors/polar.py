"""Heavy atoms that hydrogen bonds and ions hold nearer to each other than others come."""
from __future__ import annotations

import numpy as np

from backmap.engine.sites.snapshot import Pairs
from backmap.model.system import System

from .part import Array

#: nm; a hydrogen so near to a polar atom is shared with it.
BRIDGE = 0.19
#: nm; two heavy atoms that share a hydrogen come no nearer, nor do an ion and a polar atom: short hydrogen bonds have
#: 0.24 nm, magnesium and water 0.19.
SHARED, IONIC = 0.225, 0.17
_HYDROGEN, _POLAR = 1, (7, 8, 9, 15, 16, 17, 35, 53)


class PolarContacts:
    """Which near pairs of heavy atoms are hydrogen bonds, or an ion beside a polar atom, and no clashes.

    Args:
        system: What is there.
    """

    def __init__(self, system: System) -> None:
        carrier, ion, polar = [], [], []
        before = 0
        for kind, count in system.blocks:
            element, own = kind.chemistry.element, np.full(kind.n_atoms, -1, dtype=np.int64)
            for atom in np.flatnonzero(element == _HYDROGEN).tolist():
                own[atom] = next((other for other in kind.graph[atom] if element[other] in _POLAR), -1)
            start = before + kind.n_atoms * np.arange(count)[:, None]
            carrier.append(np.where(own >= 0, start + own, -1).ravel())
            alone = kind.n_atoms == 1 and bool(abs(kind.partial_charge[0]) > 0)
            ion.append(np.full(count * kind.n_atoms, alone))
            polar.append(np.tile(np.isin(element, _POLAR), count))
            before += count * kind.n_atoms
        self.carrier, self.ion, self.polar = (np.concatenate(part) for part in (carrier, ion, polar))

    def held(self, pairs: Pairs, near: float) -> Array:
        """Pairs (n,) bool of heavy atoms nearer than ``near``, nm, that are no clash."""
        found, n = np.zeros(len(pairs.i), dtype=bool), len(self.polar)
        rows = np.flatnonzero(pairs.distance < max(near, BRIDGE))
        i, j, distance = pairs.i[rows], pairs.j[rows], pairs.distance[rows]
        keys = []
        for hydrogen, other in ((i, j), (j, i)):
            there = (self.carrier[hydrogen] >= 0) & self.polar[other] & (distance < BRIDGE)
            keys.append(self.carrier[hydrogen][there] * n + other[there])
        bridges = np.concatenate(keys)
        bridged = np.isin(i * n + j, bridges) | np.isin(j * n + i, bridges)
        ionic = (self.ion[i] & (self.polar[j] | self.ion[j])) | (self.ion[j] & self.polar[i])
        found[rows] = (bridged & (distance >= SHARED)) | (ionic & (distance >= IONIC))
        return found
