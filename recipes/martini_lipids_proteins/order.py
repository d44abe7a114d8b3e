"""Area per lipid and order of C-H bonds in a bilayer of POPC: ``python order.py FROM TO run.tpr run.xtc [other...]``.

FROM and TO are times, ps. The order S = <3 cos^2 - 1> / 2 of the angle between C-H bonds and z is that of each carbon,
over its bonds, lipids and frames. Its standard error is that of the lipids' own means, for a lipid changes too slowly
for blocks of time to tell. That of the area is of blocks of time and a lower bound, as areas wander for nanoseconds. A
second run is compared with the first.
"""
from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import MDAnalysis
import numpy as np

warnings.filterwarnings("ignore")
BLOCKS = 5
LIPID = "POPC"


@dataclass(frozen=True)
class Bilayer:
    """What was measured of a run.

    Attributes:
        areas: nm^2 a lipid, of each frame.
        carbons: Names, in the order of the topology.
        order, error: S of each carbon, and its standard error.
    """

    areas: np.ndarray
    carbons: Sequence[str]
    order: np.ndarray
    error: np.ndarray

    @property
    def area(self) -> tuple[float, float]:
        """Mean and standard error of blocks, nm^2."""
        blocks = [block.mean() for block in np.array_split(self.areas, BLOCKS)]
        return float(np.mean(self.areas)), float(np.std(blocks, ddof=1) / np.sqrt(BLOCKS))


def bonds(universe: MDAnalysis.Universe) -> tuple[np.ndarray, np.ndarray]:
    """Carbon and hydrogen of each C-H bond of the lipids, indices."""
    pairs = universe.select_atoms(f"resname {LIPID}").bonds.indices
    elements = np.array([name[0] for name in universe.atoms.names])
    pairs = np.where(elements[pairs[:, :1]] == "H", pairs[:, ::-1], pairs)
    carbon, hydrogen = pairs[(elements[pairs] == ("C", "H")).all(axis=1)].T
    return carbon, hydrogen


def measured(universe: MDAnalysis.Universe, first: float, last: float) -> Bilayer:
    """Area and order of a bilayer between two times, ps."""
    carbon, hydrogen = bonds(universe)
    names = universe.atoms.names[carbon]
    carbons = list(dict.fromkeys(names))
    number = np.array([carbons.index(name) for name in names])
    lipids, lipid = np.unique(universe.atoms.resindices[carbon], return_inverse=True)
    total, areas = np.zeros((len(carbons), len(lipids))), []
    for step in universe.trajectory:
        if first <= step.time <= last:
            box = step.dimensions[:3]
            away = universe.atoms.positions[hydrogen] - universe.atoms.positions[carbon]
            away -= box * np.round(away / box)
            np.add.at(total, (number, lipid), 1.5 * away[:, 2]**2 / (away**2).sum(axis=1) - 0.5)
            areas.append(box[0] * box[1] / 100 / (len(lipids) / 2))
    each = total / np.bincount(number)[:, None] * len(lipids) / len(areas)
    return Bilayer(np.array(areas), carbons, each.mean(axis=1), each.std(axis=1, ddof=1) / np.sqrt(len(lipids)))


def main(first: str, last: str, *files: str) -> None:
    found = [measured(MDAnalysis.Universe(*pair), float(first), float(last)) for pair in zip(files[::2], files[1::2])]
    for name, each in zip(files[::2], found):
        print(f"{name}: {len(each.areas)} frames, area {each.area[0]:.4f} +- {each.area[1]:.4f} nm^2 a lipid")
    for row, carbon in enumerate(found[0].carbons):
        print(f"{carbon:5}", *(f"{each.order[row]:7.3f} +- {each.error[row]:.3f}" for each in found))
    if len(found) == 2:
        one, other = found
        off = (other.order - one.order) / np.hypot(one.error, other.error)
        apart = (other.area[0] - one.area[0]) / np.hypot(one.area[1], other.area[1])
        print(f"apart by standard errors: area {apart:.1f}; order {np.sqrt((off**2).mean()):.2f} (root mean square), "
              f"beyond 2 in {(abs(off) > 2).sum()} of {len(off)} carbons, most in "
              f"{one.carbons[abs(off).argmax()]} ({off[abs(off).argmax()]:.1f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
