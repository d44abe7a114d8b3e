"""Measures Fritz's beads and atoms that were put back, by code that has nothing in common with the package.

Distances are to the first of the files; divergences have the natural logarithm. The floor is the mean distance of one
half of the first file's molecules from the other, over 20 ways to halve them: molecules, as frames are few.

    python fine_yardstick.py beads Y=fritz_test.trr X=atoms_x/fritz.trr morphed=atoms_morphed/fritz.trr
    python fine_yardstick.py atoms Y=atoms_y/atoms.trr X=atoms_x/atoms.trr morphed=atoms_morphed/atoms.trr
"""
from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import numpy as np
from chains import CHAINS, MONOMERS, polystyrene
from MDAnalysis.coordinates.core import reader
from MDAnalysis.lib.distances import self_capped_distance
from scipy.spatial.distance import jensenshannon

WAYS = 20  #: to halve molecules, for floors
CLOSE = 0.25  #: nm; heavy atoms nearer than this, four bonds or more apart, overlap
APART = 4  #: bonds, from which on a pair counts as not bonded


@dataclass
class Kind:
    """What the particles of one chain are.

    Attributes:
        types: Of each, (n,).
        graph: Of their bonds.
        counted: Which of them pairs are counted of, (n,) bool.
    """

    types: np.ndarray
    graph: nx.Graph
    counted: np.ndarray

    @classmethod
    def of(cls, resolution: str) -> Kind:
        """Fritz's beads, A and B by turns, or atoms in the order of atoms.top, of which the carbons count."""
        if resolution == "beads":
            types = np.array(["A", "B"] * MONOMERS)
            return cls(types, nx.path_graph(len(types)), np.full(len(types), True))
        model = polystyrene()
        order = model.atoms()
        graph = nx.relabel_nodes(model.chain(), {atom: place for place, atom in enumerate(order)})
        types = np.array([model.atom_type(atom) for atom in order])
        return cls(types, graph, np.array([name[0] == "C" for _, name in order]))

    def angles(self) -> dict[str, np.ndarray]:
        """Triples of particles by their types, (n, 3)."""
        found: dict[str, list] = {}
        for middle in sorted(self.graph):
            around = sorted(self.graph[middle])
            for place, one in enumerate(around):
                for other in around[place + 1:]:
                    ends = sorted([(self.types[one], one), (self.types[other], other)])
                    name = f"{ends[0][0]}-{self.types[middle]}-{ends[1][0]}"
                    found.setdefault(name, []).append((ends[0][1], middle, ends[1][1]))
        return {name: np.array(rows) for name, rows in found.items()}

    def near(self) -> np.ndarray:
        """Pairs of one chain that count as bonded, as codes ``i * n + j`` with i < j."""
        n = len(self.types)
        return np.array(sorted({i * n + j for i in self.graph for j in nx.single_source_shortest_path_length(
            self.graph, i, cutoff=APART - 1) if i < j}))


def frames(path: Path, size: int):
    """Edges of the box, nm, (3,), and chains, nm, (CHAINS, size, 3), of each frame."""
    for frame in reader(str(path)):
        if frame.n_atoms != CHAINS * size:
            raise SystemExit(f"{path} has {frame.n_atoms} particles, not {CHAINS} chains of {size}")
        yield frame.dimensions[:3] / 10, frame.positions.astype(float).reshape(CHAINS, size, 3) / 10


def measured(path: Path, kind: Kind) -> dict[str, np.ndarray]:
    """Counts by chain, (frames * CHAINS, bins), of everything; g(r) counts pairs of which one is in that chain."""
    size, near, triples = len(kind.types), kind.near(), kind.angles()
    bonds = np.array(sorted(kind.graph.edges))
    found: dict[str, list] = {}
    for box, x in frames(path, size):
        def nearest(way, box=box):
            return way - box * np.round(way / box)

        lengths = np.linalg.norm(nearest(x[:, bonds[:, 0]] - x[:, bonds[:, 1]]), axis=-1)
        found.setdefault("bond", []).append(_counted(lengths, np.linspace(0.08, 0.5, 106)))
        for name, rows in triples.items():
            first, second = (nearest(x[:, rows[:, k]] - x[:, rows[:, 1]]) for k in (0, 2))
            cosine = (first * second).sum(-1) / np.linalg.norm(first, axis=-1) / np.linalg.norm(second, axis=-1)
            degrees = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
            found.setdefault(f"angle {name}", []).append(_counted(degrees, np.linspace(0, 180, 91)))
        for name, rows in _pairs(box, x, kind, near).items():
            found.setdefault(name, []).append(rows)
    return {name: np.concatenate(rows) for name, rows in found.items()}


def _pairs(box: np.ndarray, x: np.ndarray, kind: Kind, near: np.ndarray) -> dict[str, np.ndarray]:
    """g(r) of pairs that are not bonded, up to 1.2 nm, and the number of contacts, by chain."""
    size, edges = len(kind.types), np.linspace(0, 1.2, 61)
    place = np.flatnonzero(np.tile(kind.counted, CHAINS))
    pairs, distance = self_capped_distance(x.reshape(-1, 3)[place].astype(np.float32), edges[-1],
                                           box=np.array([*box, 90, 90, 90]))
    pairs = np.sort(place[pairs], axis=1)
    chain, inside = np.divmod(pairs, size)
    bonded = (chain[:, 0] == chain[:, 1]) & np.isin(inside[:, 0] * size + inside[:, 1], near)
    chain, inside, distance = chain[~bonded], inside[~bonded], distance[~bonded]
    shells = 4 / 3 * np.pi * np.diff(edges**3) / box.prod()
    found = {}
    kinds = np.sort(kind.types[inside], axis=1)
    for one, other in (("A", "A"), ("A", "B"), ("B", "B"), ("", "")) if "A" in kind.types else (("", ""),):
        chosen = (kinds == [one, other]).all(axis=1) if one else np.full(len(kinds), True)
        n_one, n_other = (int((kind.types == each).sum() if each else kind.counted.sum()) * CHAINS
                          for each in (one, other))
        possible = n_one * n_other / (2 if one == other else 1) / CHAINS
        rows = np.stack([sum(np.histogram(distance[chosen & (chain[:, side] == number)], edges)[0]
                             for side in (0, 1)) / 2 for number in range(CHAINS)])
        found[f"g(r) {one}-{other}" if one else "g(r) all"] = rows / possible / shells
    short = distance < CLOSE
    found["contacts"] = np.stack([[sum((chain[short, side] == number).sum() for side in (0, 1)) / 2]
                                  for number in range(CHAINS)])
    return found


def _counted(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Counts by chain, (CHAINS, bins)."""
    return np.array([np.histogram(np.clip(row, edges[0], edges[-1]), edges)[0] for row in values])


def apart(name: str, ours: np.ndarray, theirs: np.ndarray) -> float:
    """Divergence of counts; of g(r) the integral of the difference, nm."""
    if name.startswith("g(r)"):
        return float(np.abs(ours.mean(axis=0) - theirs.mean(axis=0)).sum() * 0.02)
    return float(jensenshannon(ours.sum(axis=0), theirs.sum(axis=0))**2)


def floor(name: str, rows: np.ndarray) -> float:
    """Mean distance of halves of the chains; each chain stays whole over all frames."""
    found = []
    for seed in range(WAYS):
        half = np.isin(np.arange(len(rows)) % CHAINS, np.random.default_rng(seed).permutation(CHAINS)[:CHAINS // 2])
        found.append(apart(name, rows[half], rows[~half]))
    return float(np.mean(found))


def main() -> None:
    """Read the files and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("resolution", choices=["beads", "atoms"])
    parser.add_argument("files", nargs="+", help="NAME=file; the first is what the others are compared with")
    options = parser.parse_args()
    kind = Kind.of(options.resolution)
    given = dict(each.partition("=")[::2] for each in options.files)
    all_of = {name: measured(Path(path), kind) for name, path in given.items()}
    first, *others = given
    print(f"{'distance to ' + first:28s}" + "".join(f"{name:>16s}" for name in others) + f"{'floor':>16s}")
    for name, theirs in all_of[first].items():
        if name != "contacts":
            print(f"{name:28s}" + "".join(f"{apart(name, all_of[other][name], theirs):16.5f}" for other in others)
                  + f"{floor(name, theirs):16.5f}")
    every = CHAINS * len(kind.types)
    print(f"{'':28s}" + "".join(f"{name:>16s}" for name in given))
    print(f"contacts below {CLOSE:g} nm, of 1000 " + "".join(
        f"{found['contacts'].sum() / (len(found['contacts']) / CHAINS) / every * 1000:16.3f}"
        for found in all_of.values()))


if __name__ == "__main__":
    main()
