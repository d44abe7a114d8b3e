"""Melts of chains of beads that stand in place of atoms: soft bonds, two types, two beads to a coarser one."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from backmap_plugins.chemistry.coarse import chemistry_of_beads
from backmap_plugins.molecules.assemble import with_units
from backmap_plugins.molecules.limits import with_limits
from numpy.typing import NDArray

from backmap.model.mapping import Mapping
from backmap.model.molecule import MoleculeType, graph_of, implied_bead_bonds
from backmap.model.system import System, Window

Array = NDArray[np.float64]

BOND, WIDTH = 0.7, 0.05  #: nm; mean and standard deviation of bonds
TYPES = ("A", "B")


def chain(n: int = 8, types: Sequence[str] = TYPES) -> MoleculeType:
    """``n`` beads in a row, each two of them a coarser one."""
    bonds = np.column_stack([np.arange(n - 1), np.arange(1, n)])
    graph, one = graph_of(n, bonds), np.ones(n, dtype=np.int64)
    mapping = Mapping.from_rows([([k, k + 1], [1.0, 2.0]) for k in range(0, n, 2)], graph, one > 0)
    return MoleculeType(
        "CHN", [f"P{k + 1}" for k in range(n)], [types[k % len(types)] for k in range(n)], ["CHN"] * n, one,
        np.tile([100.0, 200.0], n // 2), np.zeros(n), bonds, chemistry_of_beads(n, bonds),
        [f"S{k + 1}" for k in range(n // 2)], ["S"] * (n // 2), ["CHN"] * (n // 2), one[:n // 2],
        implied_bead_bonds(bonds, mapping), mapping)


def walks(n_chains: int, n: int, rng: np.random.Generator, bond: float = BOND, width: float = WIDTH) -> Array:
    """Freely rotating chains (m, n, 3) whose inner angles are uniform between 90 and 150 degrees."""
    steps = np.empty((n_chains, n - 1, 3))
    last = rng.normal(size=(n_chains, 3))
    for k in range(n - 1):
        last /= np.linalg.norm(last, axis=1, keepdims=True)
        across = np.cross(last, rng.normal(size=(n_chains, 3)))
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        angle = np.pi - rng.uniform(np.pi / 2, 5 * np.pi / 6, (n_chains, 1))
        last = last * np.cos(angle) + across * np.sin(angle)
        steps[:, k] = last * rng.normal(bond, width, (n_chains, 1))
    return np.concatenate([np.zeros((n_chains, 1, 3)), steps.cumsum(axis=1)], axis=1)


def melt(n_frames: int = 2, n_chains: int = 20, n: int = 8, seed: int = 0, scale: float = 1.0) -> tuple[System, Window]:
    """Chains at random places in a box, with the units and limits that they show; all lengths times ``scale``."""
    rng = np.random.default_rng(seed)
    size = BOND * (n_chains * n / 0.6)**(1 / 3)
    frames = [(walks(n_chains, n, rng) + rng.uniform(0, size, (n_chains, 1, 3))).reshape(-1, 3) * scale
              for _ in range(n_frames)]
    boxes = np.tile(np.eye(3) * size * scale, (n_frames, 1, 1))
    system = with_units(System(((chain(n), n_chains),)), np.stack(frames))
    system = with_limits(system, list(zip(frames, boxes)))
    atoms, numbers = np.stack(frames), np.arange(n_frames)
    window = Window(numbers, numbers.astype(float), boxes, system.map(atoms), reference=atoms)
    return system, window.with_atoms(atoms)


def write(folder: Path, n_frames: int = 3, n_chains: int = 20, n: int = 8) -> None:
    """cg.top, cg.yaml and cg.gro of a melt."""
    _, window = melt(n_frames, n_chains, n)
    rows = "".join(f"{k + 1} {TYPES[k % 2]} 1 CHN P{k + 1} {k + 1} 0 {100 + k % 2 * 100}\n" for k in range(n))
    bonds = "".join(f"{k} {k + 1} 1\n" for k in range(1, n))
    (folder / "cg.top").write_text(f"[ moleculetype ]\nCHN 1\n[ atoms ]\n{rows}[ bonds ]\n{bonds}"
                                   f"[ system ]\nmelt\n[ molecules ]\nCHN {n_chains}\n")
    beads = "".join(f"    S{k + 1}: {{type: S, atoms: [P{2 * k + 1}, P{2 * k + 2}]}}\n" for k in range(n // 2))
    (folder / "cg.yaml").write_text(f"CHN:\n  weights: mass\n  beads:\n{beads}")
    text = []
    for frame in range(n_frames):
        lines = [f"{m + 1:5d}{'CHN':5s}{f'P{k + 1}':>5s}{(m * n + k + 1) % 100000:5d}"
                 + "".join(f"{x:9.4f}" for x in window.atoms[frame, m * n + k])
                 for m in range(n_chains) for k in range(n)]
        box = " ".join(f"{x:.5f}" for x in np.diag(window.boxes[frame]))
        text.append("\n".join([f"melt t= {frame}.0", str(n_chains * n), *lines, box]) + "\n")
    (folder / "cg.gro").write_text("".join(text))
