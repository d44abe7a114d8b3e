"""Compares what `tacticity` found with the sequences of the chains: share of dyads right, and whether odds are honest.

    python compare.py runs/atactic/found/tacticity.csv --truth runs/atactic/sequences.txt
    python compare.py runs/fritz/found/tacticity.csv --truth r
"""
from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np

#: Edges of the bins of what was said to be the probability of the more likely dyad.
BINS = (0.5, 0.8, 0.95, 0.99, 0.999, 1.0)


def main() -> None:
    """Read both and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("found", type=Path, help="tacticity.csv")
    parser.add_argument("--truth", required=True, help="a file with a line of m and r for each chain, or r, or m")
    parser.add_argument("--chains", default="", help="only these, from 1, e.g. 9-16")
    options = parser.parse_args()
    rows = [line.split(",") for line in options.found.read_text().split()[1:]]
    first, _, last = options.chains.partition("-")
    lines = Path(options.truth).read_text().split() if Path(options.truth).exists() else None
    odds, meso = [], []
    for _, molecule, centre, _, _, dyad in rows:
        if dyad and (not first or int(first) <= int(molecule) <= int(last or first)):
            odds.append(float(dyad))
            meso.append((lines[int(molecule) - 1][int(centre) - 2] if lines else options.truth) == "m")
    said, true = np.array(odds), np.array(meso)
    right = (said > 0) == true
    sure = 1 / (1 + np.exp(-np.abs(said)))
    print(f"{len(true)} dyads, {true.mean():.3f} meso; found {(said > 0).mean():.3f}; right {right.mean():.3f}, "
          f"expected {sure.mean():.3f}")
    print("said to be      dyads   right")
    for low, high in pairwise(BINS):
        inside = (sure >= low) & ((sure < high) | (high == 1.0))
        if inside.any():
            print(f"{low:5.3f} to {high:5.3f}  {inside.sum():5d}   {right[inside].mean():.3f}")


if __name__ == "__main__":
    main()
