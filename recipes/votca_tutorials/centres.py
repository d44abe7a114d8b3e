"""g(r) of mass centres beside an equilibrium run: ``python centres.py md.tpr md.trr atoms.gro [run.tpr run.xtc]``.

For every pair of kinds of molecules, the integral of |g - g'| over r up to 1.2 nm between the equilibrium run (from
10 ps on) and the atoms that were made, and the second half of a run that began there. Beside it two floors: the same
between both halves of the equilibrium run, and between one frame or as many as are compared and the equilibrium run
without them.
"""
from __future__ import annotations

import sys
import warnings

import MDAnalysis
import numpy as np
from MDAnalysis.lib.distances import self_capped_distance

warnings.filterwarnings("ignore")
FIRST, FARTHEST, EDGES = 10.0, 12.0, np.linspace(0.0, 12.0, 121)


def distributions(universe: MDAnalysis.Universe, wanted: slice) -> dict[tuple[str, str], np.ndarray]:
    """g(r) of each frame by pair of kinds, (frames, bins)."""
    residues = universe.residues
    kinds = np.array([name.upper() for name in residues.resnames])
    names = sorted(set(kinds))
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for step in universe.trajectory[wanted]:
        anchor = np.repeat(universe.atoms.positions[[atoms[0] for atoms in residues.indices]],
                           [len(atoms) for atoms in residues.indices], axis=0)
        away = universe.atoms.positions - anchor
        away -= step.dimensions[:3] * np.round(away / step.dimensions[:3])
        mass = universe.atoms.masses
        whole = (anchor + away) * mass[:, None]
        row = universe.atoms.resindices
        centres = np.stack([np.bincount(row, whole[:, k]) for k in range(3)], axis=1) / np.bincount(row, mass)[:, None]
        pairs, far = self_capped_distance(centres.astype(np.float32), FARTHEST, box=step.dimensions)
        volume = np.prod(step.dimensions[:3]) / (4 / 3 * np.pi * np.diff(EDGES**3))
        for i, one in enumerate(names):
            for other in names[i:]:
                ends = np.sort(kinds[pairs], axis=1)
                here = (ends == sorted((one, other))).all(axis=1)
                n, m = (kinds == one).sum(), (kinds == other).sum()
                possible = n * (n - 1) / 2 if one == other else n * m
                found.setdefault((one, other), []).append(np.histogram(far[here], EDGES)[0] * volume / possible)
    return {pair: np.array(rows) for pair, rows in found.items()}


def main(tpr: str, trr: str, gro: str, *ours: str) -> None:
    run = MDAnalysis.Universe(tpr, trr)
    times = np.array([step.time for step in run.trajectory])
    true = distributions(run, slice(int(np.argmax(times >= FIRST)), None))
    rows = [("made", distributions(MDAnalysis.Universe(tpr, gro), slice(None)))]
    if ours:
        after = MDAnalysis.Universe(*ours)
        rows.append(("simulated", distributions(after, slice(len(after.trajectory) // 2, None))))
    width = np.diff(EDGES) / 10
    for what, found in rows:
        for pair, each in found.items():
            own, n = true[pair], min(len(each), len(true[pair]) // 2)
            off = (np.abs(each.mean(axis=0) - own.mean(axis=0)) * width).sum()
            starts = range(0, len(own) - n + 1, n)
            floor = np.mean([(np.abs(own[k:k + n].mean(axis=0) - np.delete(own, np.s_[k:k + n], axis=0).mean(axis=0))
                              * width).sum() for k in starts])
            half = len(own) // 2
            halves = (np.abs(own[:half].mean(axis=0) - own[half:].mean(axis=0)) * width).sum()
            print(f"{what} ({len(each)}), {'-'.join(pair)}: {off:.4f} nm; {off / halves:.2f} of {halves:.4f}, halves; "
                  f"{off / floor:.2f} of {floor:.4f}, {n} of its {len(own)} frames")


if __name__ == "__main__":
    main(*sys.argv[1:])
