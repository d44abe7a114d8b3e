"""Chains of beads whose coarsened law is known, as frames and as files."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from backmap_plugins.bottleneck.beads import BeadFrames
from backmap_plugins.molecules.bead_molecule import BeadMolecule
from numpy.typing import NDArray

Array = NDArray[np.float64]

BOX = 8.0


def chain(n: int, ring: bool = False, mass: float = 1.0) -> BeadMolecule:
    """A chain of n beads, one in each residue."""
    bonds = [(k, k + 1) for k in range(n - 1)] + ([(0, n - 1)] if ring else [])
    return BeadMolecule("KG", ["P"] * n, ["P"] * n, ["KG"] * n, np.arange(1, n + 1), np.full(n, mass),
                        np.array(sorted(bonds)))


def gaussian(rng: np.random.Generator, n_frames: int, n_chains: int, n_beads: int, sigma: float) -> Array:
    """Ideal chains with bonds N(0, sigma^2) in every component, anywhere in the box, (frames, chains, beads, 3)."""
    steps = rng.normal(scale=sigma, size=(n_frames, n_chains, n_beads, 3))
    steps[:, :, 0] = rng.uniform(0, BOX, size=(n_frames, n_chains, 3))
    return steps.cumsum(axis=2)


def paired(rng: np.random.Generator, n_frames: int, n_chains: int, n_pairs: int, width: float) -> Array:
    """Pairs of beads about the beads of an ideal chain, each pair N(0, width^2) apart: e_2 does not depend on width."""
    centres = gaussian(rng, n_frames, n_chains, n_pairs, 0.4)
    half = rng.normal(scale=width / 2, size=centres.shape)
    return np.stack([centres - half, centres + half], axis=3).reshape(n_frames, n_chains, -1, 3)


def frames(positions: Array) -> BeadFrames:
    """Frames of chains (frames, chains, beads, 3)."""
    n_frames, n_chains, n_beads, _ = positions.shape
    return BeadFrames("melt", [(chain(n_beads), n_chains)], list(positions.reshape(n_frames, -1, 3)),
                      [np.eye(3) * BOX] * n_frames)


def topology(path: Path, n_beads: int, mass: str = "72.0", name: str = "P") -> None:
    """A .itp of a chain."""
    atoms = "".join(f"{k} P {k} KG {name} {k} 0 {mass}\n" for k in range(1, n_beads + 1))
    bonds = "".join(f"{k} {k + 1} 1\n" for k in range(1, n_beads))
    path.write_text(f"[ moleculetype ]\nKG 1\n[ atoms ]\n{atoms}[ bonds ]\n{bonds}")


def gro(path: Path, positions: Array) -> None:
    """A .gro of chains, wrapped into the box."""
    n_frames, _, n_beads, _ = positions.shape
    lines = []
    for number, frame in enumerate(positions.reshape(n_frames, -1, 3) % BOX):
        lines += [f"melt t= {number:.1f}", str(len(frame))]
        lines += [f"{k % n_beads + 1:5d}{'KG':<5}{'P':>5}{(k + 1) % 100000:5d}{x:8.3f}{y:8.3f}{z:8.3f}"
                  for k, (x, y, z) in enumerate(frame)]
        lines.append(f"{BOX:10.5f}{BOX:10.5f}{BOX:10.5f}")
    path.write_text("\n".join(lines) + "\n")


def pdb(path: Path, positions: Array) -> None:
    """The same as .pdb."""
    n_frames, _, n_beads, _ = positions.shape
    lines = []
    for number, frame in enumerate(positions.reshape(n_frames, -1, 3) % BOX * 10):
        lines += [f"CRYST1{BOX * 10:9.3f}{BOX * 10:9.3f}{BOX * 10:9.3f}  90.00  90.00  90.00 P 1           1",
                  f"MODEL     {number + 1:4d}"]
        lines += [f"ATOM  {k + 1:5d}  P   KG  {k % n_beads + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00"
                  for k, (x, y, z) in enumerate(frame)]
        lines.append("ENDMDL")
    path.write_text("\n".join(lines) + "\nEND\n")


def dump(path: Path, positions: Array, sigma: float) -> None:
    """The same as a LAMMPS dump in lj units."""
    n_frames = len(positions)
    lines = []
    for number, frame in enumerate(positions.reshape(n_frames, -1, 3) % BOX / sigma):
        edge = f"0 {BOX / sigma:.9f}"
        lines += ["ITEM: TIMESTEP", str(number), "ITEM: NUMBER OF ATOMS", str(len(frame)),
                  "ITEM: BOX BOUNDS pp pp pp", edge, edge, edge, "ITEM: ATOMS id type x y z"]
        lines += [f"{k + 1} 1 {x:.9f} {y:.9f} {z:.9f}" for k, (x, y, z) in enumerate(frame)]
    path.write_text("\n".join(lines) + "\n")
