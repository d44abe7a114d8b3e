"""Compares what `tacticity` found with the sequences of the chains: share of dyads right, and whether odds are honest.

With --turned, it also says which share of centres beads hold in the other hand than the chains of --chains have: what
`turned` of `tacticity` is to be for others. And how far odds that allow for it come true of the chains of --test, each
frame alone and all of them together.

    python compare.py runs/atactic/found/tacticity.csv --truth runs/atactic/sequences.txt
    python compare.py runs/fritz/found/tacticity.csv --truth r --chains 1 --turned --test 2
"""
from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from backmap_plugins.steps.sequences import mistaken

#: Edges of the bins of what was said to be the probability of the more likely dyad.
BINS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)


def dyads(tables: list[Path], truth: str, chains: str = "") -> tuple[list[tuple[int, int]], np.ndarray, np.ndarray]:
    """Dyads of the chains FIRST-LAST, from 1, or all: chain and centre, log odds of meso (n,), truth (n,)."""
    first, _, last = chains.partition("-")
    lines = Path(truth).read_text().split() if Path(truth).exists() else None
    names, odds, meso = [], [], []
    for row in (line for table in tables for line in table.read_text().split()[1:]):
        _, molecule, centre, _, _, dyad = row.split(",")
        if dyad and (not first or int(first) <= int(molecule) <= int(last or first)):
            names.append((int(molecule), int(centre)))
            odds.append(float(dyad))
            meso.append((lines[int(molecule) - 1][int(centre) - 2] if lines else truth) == "m")
    return names, np.array(odds), np.array(meso)


def turned_over(odds: np.ndarray, meso: np.ndarray) -> float:
    """The share of centres turned over with which what is so (n,) is likeliest, by log odds (n,) of dyads."""
    shares = np.linspace(0.0, 0.3, 601)
    lost = [np.logaddexp(0.0, -np.where(meso, 1, -1) * allowing(odds, share)).sum() for share in shares]
    return float(shares[np.argmin(lost)])


def allowing(odds: np.ndarray, turned: float) -> np.ndarray:
    """Log odds of dyads (n,) where a share of the centres is turned over, half of all dyads being meso."""
    return np.array([mistaken(one, turned, 2) for one in odds.tolist()])


def show(odds: np.ndarray, meso: np.ndarray) -> None:
    """Print how many are right, of all and by how sure they are."""
    right, sure = (odds > 0) == meso, 1 / (1 + np.exp(-np.abs(odds)))
    error = np.sqrt(right.mean() * (1 - right.mean()) / len(right))
    print(f"{len(meso)} dyads, {meso.mean():.3f} meso; found {(1 / (1 + np.exp(-odds))).mean():.3f}; "
          f"right {right.mean():.3f} +- {error:.3f}, expected {sure.mean():.3f}")
    print("said to be      dyads   right")
    for low, high in pairwise(BINS):
        inside = (sure >= low) & ((sure < high) | (high == 1.0))
        if inside.any():
            print(f"{low:5.3f} to {high:5.3f}  {inside.sum():5d}   {right[inside].mean():.3f}")


def together(names: list[tuple[int, int]], odds: np.ndarray, meso: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log odds of dyads that frames of one sequence agree on, and whether that is so: each frame's add.

    Frames are taken to be independent, and half of the dyads to be expected to be meso.
    """
    found: dict[tuple[int, int], list[int]] = {}
    for row, name in enumerate(names):
        found.setdefault(name, []).append(row)
    rows = list(found.values())
    return np.array([odds[own].sum() for own in rows]), np.array([meso[own[0]] for own in rows])


def main() -> None:
    """Read and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("found", type=Path, nargs="+", help="tacticity.csv, of runs of the same chains")
    parser.add_argument("--truth", required=True, help="a file with a line of m and r for each chain, or r, or m")
    parser.add_argument("--chains", default="", help="only these, from 1, e.g. 9-16")
    parser.add_argument("--turned", action="store_true", help="which share of centres beads have turned over")
    parser.add_argument("--test", default="", help="with --turned, other chains on which that is tried")
    options = parser.parse_args()
    _, *known = dyads(options.found, options.truth, options.chains)
    show(*known)
    if options.turned:
        share = turned_over(*known)
        print(f"likeliest share of centres turned over: {share:.4f}")
        if options.test:
            names, odds, meso = dyads(options.found, options.truth, options.test)
            show(allowing(odds, share), meso)
            if len(set(names)) < len(names):
                print("all frames of a chain together:")
                show(*together(names, allowing(odds, share), meso))


if __name__ == "__main__":
    main()
