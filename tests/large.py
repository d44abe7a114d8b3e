"""Polyethylene of any size, as files: one long chain, or a network of strands that is one molecule."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import numpy as np
import yaml
from backmap_plugins.forcefields.gromacs.reader import Gromacs as ForceFieldFile
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.yaml import YamlMapping
from backmap_plugins.molecules.assemble import assemble
from numpy.typing import NDArray

from backmap.model.parameters import ForceField
from backmap.model.system import System

Array = NDArray[np.float64]

BOND = 0.1529
#: Lines of a force field in the manner of OPLS-AA, for the carbons C and the hydrogens H.
FIELD = """\
[ defaults ]
1 3 yes 0.5 0.5
[ atomtypes ]
C C 12.011 -0.12 A 0.350 0.276144
H H  1.008  0.06 A 0.250 0.125520
[ bondtypes ]
C C 1 0.1529 224262.4
C H 1 0.1090 284512.0
[ angletypes ]
C C C 1 112.7 488.273
C C H 1 110.7 313.800
H C H 1 107.8 276.144
[ dihedraltypes ]
C C C C 3 2.92880 -1.46440 0.20920 -1.67360 0.0 0.0
C C C H 3 0.62760 1.88280 0.0 -2.51040 0.0 0.0
H C C H 3 0.62760 1.88280 0.0 -2.51040 0.0 0.0
"""


@dataclass(frozen=True, eq=False)
class Carbons:
    """The carbons of a molecule; hydrogens saturate them.

    Attributes:
        bonds: (n, 2).
        bead: Of each carbon and its hydrogens, (C,).
        positions: nm, (C, 3).
    """

    bonds: NDArray[np.int64]
    bead: NDArray[np.int64]
    positions: Array


def chain(n_carbons: int) -> Carbons:
    """A stretched chain, two carbons a bead."""
    k = np.arange(n_carbons)
    positions = np.column_stack([0.127 * k, 0.085 * (k % 2), np.zeros(n_carbons)])
    return Carbons(np.column_stack([k[:-1], k[1:]]), k // 2, positions)


def network(cells: int, strand: int = 10) -> Carbons:
    """A diamond lattice of ``cells``^3 cells whose bonds are strands of carbons (an even number, 4 or more).

    Not periodic. A node is a bead with its four neighbours; of strands two carbons are one.
    """
    corners = np.array([(0, 0, 0), (0, 2, 2), (2, 0, 2), (2, 2, 0)])
    first = np.array([(x, y, z) for x in range(cells) for y in range(cells) for z in range(cells)]) * 4
    even = (first[:, None] + corners).reshape(-1, 3)
    place = {tuple(node): k for k, node in enumerate(np.concatenate([even, even + 1]).tolist())}
    steps = np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)])
    pairs = [(place[tuple(node)], place[tuple(other)]) for node in even.tolist()
             for other in (node + steps).tolist() if tuple(other) in place]
    edge = (strand + 1) * 0.1275
    nodes = np.concatenate([even, even + 1]) * edge / np.sqrt(3)
    bonds, bead, positions = [], list(range(len(nodes))), list(nodes)
    n_beads = len(nodes)
    for a, b in pairs:
        start = len(positions)
        inside = list(range(start, start + strand))
        bonds += list(zip([a, *inside], [*inside, b]))
        bead += [a, *(n_beads + np.arange(strand - 2) // 2).tolist(), b]
        n_beads += (strand - 2) // 2
        along = (nodes[b] - nodes[a]) / edge
        aside = np.cross(along, [0.36, 0.48, 0.8])
        share = (np.arange(strand) + 1)[:, None] / (strand + 1)
        zigzag = 0.0425 * (-1.0)**np.arange(strand)[:, None] * aside / np.linalg.norm(aside)
        positions += list(nodes[a] + share * (nodes[b] - nodes[a]) + zigzag)
    return Carbons(np.array(bonds), np.array(bead), np.array(positions))


class Files:
    """A topology, a mapping and beads of copies of a molecule in a row, written into a folder.

    Attributes:
        topology, mapping, beads: The files.
        n_atoms: Of one molecule.
    """

    def __init__(self, folder: Path, carbons: Carbons, copies: int = 1) -> None:
        self.topology, self.mapping, self.beads = (folder / name for name in ("large.top", "large.yaml", "beads.gro"))
        graph = nx.Graph(carbons.bonds.tolist())
        left = [4 - graph.degree(c) for c in range(len(carbons.bead))]
        self.first = np.cumsum([0, *(1 + n for n in left)])
        self.n_atoms = int(self.first[-1])
        own = [range(self.first[c], self.first[c + 1]) for c in range(len(left))]
        bonds = [(self.first[a], self.first[b]) for a, b in carbons.bonds.tolist()]
        bonds += [(atoms[0], h) for atoms in own for h in atoms[1:]]
        names = [f"C{c}" if not k else f"H{c}{'abc'[k - 1]}" for c, atoms in enumerate(own) for k in range(len(atoms))]
        self.topology.write_text(FIELD + _molecule(names, sorted(bonds)) + f"[ system ]\nlarge\n[ molecules ]\n"
                                 f"PE {copies}\n")
        beads = [[] for _ in range(carbons.bead.max() + 1)]
        for c, bead in enumerate(carbons.bead.tolist()):
            beads[bead] += [names[a] for a in own[c]]
        entries = {f"B{k}": {"atoms": atoms, "type": f"B{len(atoms)}"} for k, atoms in enumerate(beads)}
        self.mapping.write_text(yaml.dump({"PE": {"beads": entries, "weights": "mass"}}, sort_keys=False,
                                          Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))
        centres = np.array([carbons.positions[carbons.bead == k].mean(axis=0) for k in range(len(beads))])
        self._gro(centres - centres.min(axis=0) + 0.5, copies)

    def _gro(self, beads: Array, copies: int) -> None:
        row = np.arange(copies)[:, None, None] * np.array([0.0, 0.0, np.ptp(beads[:, 2]) + 0.5])
        placed = (beads + row).reshape(-1, 3)
        box = placed.max(axis=0) + 0.5
        lines = [f"{1:5d}{'PE':<5}{'B':>5}{(k + 1) % 100000:5d}{x:8.3f}{y:8.3f}{z:8.3f}"
                 for k, (x, y, z) in enumerate(placed.tolist())]
        self.beads.write_text("\n".join(["large", str(len(placed)), *lines, " ".join(f"{x:.5f}" for x in box)]) + "\n")

    def system(self, constraints: str = "all-bonds") -> System:
        """What the files hold."""
        topology = Gromacs(Gromacs.Options(file=self.topology)).read()
        beads = YamlMapping(YamlMapping.Options(files=self.mapping)).read(topology)
        return assemble(topology, beads, constraints=constraints)

    def field(self, system: System) -> ForceField:
        """The force field."""
        return ForceFieldFile(ForceFieldFile.Options(file=self.topology)).read(system)


def _molecule(names: list[str], bonds: list[tuple[int, int]]) -> str:
    """Sections of a molecule type with all its angles, dihedrals and pairs."""
    graph = nx.Graph(bonds)
    charge = [0.06 if name[0] == "H" else -0.06 * sum(names[n][0] == "H" for n in graph[a])
              for a, name in enumerate(names)]
    atoms = [f"{a + 1} {name[0]} 1 PE {name} {a + 1} {charge[a]:.2f}" for a, name in enumerate(names)]
    angles = [(i, j, k) for j in range(len(names)) for i in graph[j] for k in graph[j] if i < k]
    dihedrals = [(i, j, k, m) for j, k in bonds for i in graph[j] for m in graph[k] if i != k and m != j]
    sections = {"moleculetype": ["PE 3"], "atoms": atoms, "bonds": _lines(bonds, 1), "angles": _lines(angles, 1),
                "dihedrals": _lines(dihedrals, 3), "pairs": _lines([(quad[0], quad[3]) for quad in dihedrals], 1)}
    return "".join(f"[ {name} ]\n" + "\n".join(lines) + "\n" for name, lines in sections.items())


def _lines(rows: list[tuple[int, ...]], function: int) -> list[str]:
    return [" ".join(str(a + 1) for a in row) + f" {function}" for row in rows]
