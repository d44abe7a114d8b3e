"""Measures atoms of dodecane by code that has nothing in common with the package: those in beads of X, morphed X and Y.

Close contacts are pairs of carbons nearer than 0.25 nm that are in different molecules, or more than three bonds apart.
Distances are to the atoms of Y, with floors: one half of the frames of Y from the other; divergences have the natural
logarithm and 90 bins.

    python atoms.py --topology ../shared/data/morphing/dodecane/dodecane_aa.itp X=atoms_of_x/atoms.trr \\
        morphed=atoms_of_morphed/atoms.trr Y=atoms_of_y/atoms.trr
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "morphing_kg_fritz"))
from MDAnalysis.coordinates.core import reader
from MDAnalysis.lib.distances import self_capped_distance
from yardstick import BINS, Melt, angles, bonds, counted, jsd, l1, line, pair_functions, spread, torsions

CLOSE, NEAR = 0.25, 4  #: nm; bonds from which on carbons of one molecule count


def carbons(topology: Path) -> tuple[np.ndarray, int]:
    """Which atoms of a molecule are carbons, in the order along the chain, and how many atoms there are."""
    rows = topology.read_text().split("[atoms]")[1].split("[/atoms]")[0].splitlines()
    types = [row.split()[1] for row in rows if row.split() and not row.startswith(";")]
    return np.flatnonzero([kind == "C" for kind in types]), len(types)


def skeletons(name: str, path: Path, chain: np.ndarray, size: int, most: int) -> Melt:
    """The carbons of all molecules, whole."""
    time, box, chains = [], [], []
    for frame in reader(str(path))[:most]:
        edges = frame.dimensions[:3].astype(float) / 10
        x = frame.positions.astype(float).reshape(-1, size, 3)[:, chain] / 10
        step = np.diff(x, axis=1)
        step -= edges * np.round(step / edges)
        time.append(frame.time)
        box.append(edges)
        chains.append(np.concatenate([x[:, :1], x[:, :1] + np.cumsum(step, axis=1)], axis=1))
    return Melt(name, np.array(time), np.array(box), np.array(chains))


def contacts(melt: Melt, size: int) -> np.ndarray:
    """Close contacts per 1000 atoms of each frame, (F,)."""
    found = []
    for box, chains in zip(melt.box, melt.chains):
        atoms = chains.reshape(-1, 3).astype(np.float32)
        pairs, _ = self_capped_distance(atoms, CLOSE, box=np.array([*box, 90, 90, 90]))
        chain, place = np.divmod(pairs, chains.shape[1])
        counts = (chain[:, 0] != chain[:, 1]) | (np.abs(place[:, 0] - place[:, 1]) >= NEAR)
        found.append(1000 * counts.sum() / (len(chains) * size))
    return np.array(found)


def main() -> None:
    """Read the files and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", help="NAME=FILE, the atoms of Y last")
    parser.add_argument("--topology", type=Path, required=True, help="dodecane_aa.itp")
    parser.add_argument("--frames", type=int, default=12, help="frames of each file at most")
    parser.add_argument("--cutoff", type=float, default=1.0, help="end of g(r), nm")
    options = parser.parse_args()
    chain, size = carbons(options.topology)
    melts = [skeletons(name, Path(path), chain, size, options.frames)
             for name, _, path in (given.partition("=") for given in options.files)]
    y = melts[-1]
    print(f"{'':28s}" + "".join(f"{melt.name:>20s}" for melt in melts))
    print(f"{'close contacts / 1000 atoms':28s}" + "".join(spread(contacts(melt, size)) for melt in melts))
    print(f"{'gauche, share of torsions':28s}"
          + "".join(spread((np.abs(torsions(melt)) < 120).mean(axis=1)) for melt in melts))
    print(f"\n{f'distance to {y.name}':28s}" + "".join(f"{melt.name:>20s}" for melt in melts[:-1])
          + f"{'floor, mean (max)':>22s}")
    for name, measure, span in (("C-C bond", bonds, (0.13, 0.18)), ("C-C-C angle", angles, (90, 140)),
                                ("torsion", torsions, (-180, 180))):
        edges = np.linspace(*span, BINS + 1)
        line(f"{name} JSD", [counted(measure(melt), edges) for melt in melts[:-1]], counted(measure(y), edges), jsd)
    edges = np.linspace(0, options.cutoff, BINS + 1)
    line("g(r) L1, C-C, molecules", [pair_functions(melt, edges, 10**9) for melt in melts[:-1]],
         pair_functions(y, edges, 10**9), l1(edges[1]))


if __name__ == "__main__":
    main()
