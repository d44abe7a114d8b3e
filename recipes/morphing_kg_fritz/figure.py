"""Draws docs/images/morphing.png: X, morphed X and Y side by side, and one chain before and after.

    python figure.py kg.trr morphed_s2/morphed.trr fritz_kg.trr ../../docs/images/morphing.png
"""
from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import yardstick

COLOURS = {"X, Kremer-Grest": "#b8512e", "X, morphed": "#20639b", "Y, Fritz": "#333333"}
CHAIN = 3  #: which chain is drawn


def panel(axes, melts: list[yardstick.Melt], measure, edges: np.ndarray, label: str) -> None:
    """Histograms of one coordinate."""
    for melt in melts:
        share = np.histogram(measure(melt), edges, density=True)[0]
        axes.plot((edges[1:] + edges[:-1]) / 2, share, color=COLOURS[melt.name], label=melt.name,
                  lw=2.6 if melt.name.startswith("Y") else 1.6, alpha=0.55 if melt.name.startswith("Y") else 1)
    axes.set(xlabel=label, yticks=[])


def main() -> None:
    """Read, draw, save."""
    *paths, out = map(Path, sys.argv[1:])
    melts = [yardstick.Melt.read(name, path, 32) for name, path in zip(COLOURS, paths)]
    figure, axes = plt.subplots(1, 4, figsize=(12, 2.9), layout="constrained")
    panel(axes[0], melts, yardstick.bonds, np.linspace(0.45, 1.0, 70), "bond, nm")
    panel(axes[1], melts, yardstick.angles, np.linspace(30, 180, 60), "angle, degrees")
    edges = np.linspace(0, 2.2, 90)
    for melt in melts:
        few = melt.take(np.arange(0, len(melt.time), max(1, len(melt.time) // 20)))
        axes[2].plot((edges[1:] + edges[:-1]) / 2, yardstick.pair_functions(few, edges, 4).mean(axis=0),
                     color=COLOURS[melt.name], lw=2.6 if melt.name.startswith("Y") else 1.6,
                     alpha=0.55 if melt.name.startswith("Y") else 1)
    axes[2].set(xlabel="r, nm", ylabel="g(r), four bonds or more apart")
    axes[0].legend(frameon=False, fontsize=8, loc="upper left")
    start = melts[0].chains[0, CHAIN]
    for melt in melts[:2]:
        chain = melt.chains[0, CHAIN] - np.round((melt.chains[0, CHAIN, 0] - start[0]) / melt.box[0]) * melt.box[0]
        axes[3].plot(chain[:, 0], chain[:, 1], "o-", color=COLOURS[melt.name], ms=3.5, lw=1.2)
    axes[3].set(aspect="equal", xticks=[], yticks=[], xlabel="one chain, before and after")
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main()
