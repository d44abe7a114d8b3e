"""Measures beads of dodecane by code that has nothing in common with the package: X, morphed ones and Y side by side.

Distances are to all frames of Y, with floors: one half of the frames of Y from the other. Divergences have the natural
logarithm and 90 bins: bonds from 0.2 to 0.7 nm, angles from 0 to 180 degrees.

    python beads.py x.trr y.trr morphed=morphed_x/morphed.trr
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "morphing_kg_fritz"))
import yardstick
from yardstick import BINS, Melt, counted, jsd, kept, l1, line, pair_functions

LENGTH, EVERYWHERE, ELSEWHERE = 3, 0, 10**9
SHOULDER = np.linspace(0.49, 0.54, 11)  #: nm; where Y has its second peak, and X nothing like it


def compared(melts: list[Melt], y: Melt, cutoff: float) -> None:
    """Print distances of distributions from Y, with floors."""
    print(f"\n{'distance to Y':28s}" + "".join(f"{melt.name:>20s}" for melt in melts) + f"{'floor, mean (max)':>22s}")
    for name, measure, span in (("bond", yardstick.bonds, (0.2, 0.7)), ("angle", yardstick.angles, (0, 180))):
        edges = np.linspace(*span, BINS + 1)
        line(f"{name} JSD", [counted(measure(melt), edges) for melt in melts], counted(measure(y), edges), jsd)
    edges = np.linspace(0, cutoff, BINS + 1)
    for name, apart in (("all pairs", EVERYWHERE), ("other molecules", ELSEWHERE)):
        line(f"g(r) L1, {name}", [pair_functions(melt, edges, apart) for melt in melts],
             pair_functions(y, edges, apart), l1(edges[1]))
    line("ends of a molecule JSD", [ends(melt) for melt in melts], ends(y), jsd)


def ends(melt: Melt) -> np.ndarray:
    """Counts per frame of distances between both ends, 0.3 to 1.2 nm."""
    return counted(np.linalg.norm(melt.chains[:, :, -1] - melt.chains[:, :, 0], axis=-1),
                   np.linspace(0.3, 1.2, BINS + 1))


def shoulder(melts: list[Melt]) -> None:
    """Print the density of bond lengths about Y's second peak, per nm, with standard errors over frames."""
    print(f"\n{'bonds per nm, at':28s}" + "".join(f"{melt.name:>20s}" for melt in melts))
    width = SHOULDER[1] - SHOULDER[0]
    rows = [np.array([np.histogram(frame, SHOULDER)[0] / frame.size / width for frame in yardstick.bonds(melt)])
            for melt in melts]
    for k in range(len(SHOULDER) - 1):
        print(f"{f'{SHOULDER[k]:.3f} to {SHOULDER[k + 1]:.3f} nm':28s}"
              + "".join(yardstick.spread(row[:, k]) for row in rows))
    for name, measure in (("mean bond, nm", np.mean), ("its standard deviation, nm", np.std)):
        print(f"{name:28s}" + "".join(f"{measure(yardstick.bonds(melt)):20.4f}" for melt in melts))


def main() -> None:
    """Read the files and print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("x", type=Path)
    parser.add_argument("y", type=Path)
    parser.add_argument("morphed", nargs="*", help="files, each with or without a name: A=file.trr")
    parser.add_argument("--cutoff", type=float, default=1.5, help="end of g(r), nm")
    options = parser.parse_args()
    x, y = (Melt.read(name, path, LENGTH) for name, path in (("X", options.x), ("Y", options.y)))
    morphed = []
    for given in options.morphed:
        name, _, path = given.rpartition("=")
        morphed.append(Melt.read(name or Path(path).stem, Path(path), LENGTH))
    print(", ".join(f"{melt.name}: {len(melt.time)} frames" for melt in (x, *morphed, y)))
    compared([x, *morphed], y, options.cutoff)
    shoulder([x, *morphed, y])
    for melt in morphed:
        kept(x, melt, y)


if __name__ == "__main__":
    main()
