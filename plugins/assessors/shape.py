"""Size of molecules: end-to-end distance and radius of gyration."""
from __future__ import annotations

import networkx as nx
import numpy as np

from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import Assessment, Curve, Figure, chance, divergence
from backmap.model.molecule import MoleculeType
from backmap.model.system import System
from backmap.model.tally import Tally

from .histograms import Bins
from .part import Flags, Measurement, counts_of, mean_and_spread, rows_of

#: Molecules with shorter heavy chains have no shape to speak of, bonds.
_SHORTEST = 3
#: Longer than any bond of a stretched chain, nm.
_BOND = 0.16
_END, _GYRATION = "end-to-end distance", "radius of gyration"


class Shape(Measurement):
    """End-to-end distance of the longest chain of heavy bonds, and mass-weighted radius of gyration.

    Args:
        system: What is there.
        end_width: Width of the bins of the end-to-end distance, nm.
        gyration_width: Width of the bins of the radius of gyration, nm.
    """

    def __init__(self, system: System, end_width: float, gyration_width: float) -> None:
        self.groups = []
        for group in system.groups:
            if group.type.standing:
                continue
            first, last, n_bonds = ends_of(group.type)
            if n_bonds >= _SHORTEST:
                longest = n_bonds * _BOND
                bins = {_END: Bins(0.0, longest, end_width), _GYRATION: Bins(0.0, longest / 2, gyration_width)}
                self.groups.append((group, first, last, bins))

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        for group, first, last, bins in self.groups:
            atoms, mass = frame.atoms[group.atoms], group.type.mass
            centre = np.einsum("mai,a->mi", atoms, mass) / mass.sum()
            square = np.einsum("mai,mai,a->m", atoms - centre[:, None], atoms - centre[:, None], mass) / mass.sum()
            values = {_END: np.linalg.norm(atoms[:, last] - atoms[:, first], axis=1), _GYRATION: np.sqrt(square)}
            for name, value in values.items():
                key = f"shape {group.type.name} {name}"
                tally.count(key, frame.index, bins[name].count(value))
                tally.row(key, frame.index, [value.sum(), (value**2).sum(), len(value)])
        return {}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        figures, curves = [], []
        for group, _, _, of_name in self.groups:
            for name, bins in of_name.items():
                key, label = f"shape {group.type.name} {name}", f"{name} of {group.type.name}"
                counts = counts_of(tally, key, bins.n)
                mean, spread = mean_and_spread(*rows_of(tally, key, 3).sum(axis=0))
                curves.append(Curve("shape", label, name, "nm", bins.edges, bins.density(counts),
                                    samples=int(counts.sum())))
                if reference is not None:
                    true = counts_of(reference, key, bins.n)
                    figures.append(Figure("shape", label, "JSD", divergence(counts, true), distance=True,
                                          error=chance(counts, true)))
                figures.append(Figure("shape", label, "mean", mean, "nm", spread))
        return Assessment(figures, curves)


def ends_of(kind: MoleculeType) -> tuple[int, int, int]:
    """Both ends of the longest chain of heavy bonds, and its number of bonds.

    It is found by two searches, each for the farthest atom: exact in trees, and nearly so with rings.
    """
    heavy = np.flatnonzero(kind.chemistry.heavy).tolist()
    if not heavy:
        return 0, 0, 0
    graph = kind.graph.subgraph(heavy)

    def farthest(start: int) -> tuple[int, int]:
        reached = nx.single_source_shortest_path_length(graph, start)
        length = max(reached.values())
        return min(a for a, d in reached.items() if d == length), length

    first, _ = farthest(heavy[0])
    last, length = farthest(first)
    return first, last, length
