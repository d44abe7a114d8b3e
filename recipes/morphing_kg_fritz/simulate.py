"""Simulates the Kremer-Grest melt with LAMMPS, as the thesis has it, and writes its frames in nm.

24 linear chains of 32 beads, kappa = 0.8815, density 0.85 sigma^-3 (M. Stieffenhofer, PhD thesis, Mainz 2022, p. 116).
One sigma is 0.7515 nm: with it the melt has as many beads per nm^3 as the mapped Fritz model.

    python simulate.py --frames 250
"""
from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

import MDAnalysis as mda
import numpy as np

CHAINS, LENGTH, DENSITY, BOND, KAPPA = 24, 32, 0.85, 0.965, 0.8815
SIGMA = 0.7515  #: nm
EVERY = 20_000  #: steps between frames: 200 tau
TIME = 200.0  #: ps by which these are written; the model has no time of its own
HERE = Path(__file__).parent


def walk(rng: np.random.Generator) -> np.ndarray:
    """A freely rotating chain whose bond angles follow the bending potential, (LENGTH, 3), sigma."""
    steps = [unit(rng.normal(size=3))]
    while len(steps) < LENGTH - 1:
        # density of the cosine c of two successive bonds: exp(kappa c)
        c = 1 + np.log1p(rng.random() * np.expm1(-2 * KAPPA)) / KAPPA
        across = unit(np.cross(steps[-1], rng.normal(size=3)))
        steps.append(c * steps[-1] + np.sqrt(1 - c * c) * across)
    return np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)]) * BOND


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector divided by its length."""
    return vector / np.linalg.norm(vector)


def write_start(path: Path, rng: np.random.Generator) -> None:
    """A LAMMPS data file of random walks in a cubic box."""
    side = (CHAINS * LENGTH / DENSITY) ** (1 / 3)
    atoms, bonds, angles = [], [], []
    for chain in range(CHAINS):
        for k, (x, y, z) in enumerate(walk(rng) + rng.random(3) * side):
            number = chain * LENGTH + k + 1
            wrapped = np.mod([x, y, z], side)
            image = np.floor(np.array([x, y, z]) / side).astype(int)
            atoms.append(f"{number} {chain + 1} 1 " + " ".join(f"{v:.6f}" for v in wrapped)
                         + " " + " ".join(map(str, image)))
            if k + 1 < LENGTH:
                bonds.append(f"{len(bonds) + 1} 1 {number} {number + 1}")
            if k + 2 < LENGTH:
                angles.append(f"{len(angles) + 1} 1 {number} {number + 1} {number + 2}")
    head = [f"{len(atoms)} atoms", f"{len(bonds)} bonds", f"{len(angles)} angles", "1 atom types", "1 bond types",
            "1 angle types", "1 extra special per atom", "2 extra bond per atom",
            *(f"0 {side:.6f} {axis}lo {axis}hi" for axis in "xyz")]
    parts = {"Masses": ["1 1.0"], "Atoms # molecular": atoms, "Bonds": bonds, "Angles": angles}
    text = "Kremer-Grest melt\n\n" + "\n".join(head) + "\n"
    path.write_text(text + "".join(f"\n{name}\n\n" + "\n".join(rows) + "\n" for name, rows in parts.items()))


def convert(folder: Path) -> None:
    """Frames of LAMMPS in nm, chains whole: kg.trr, and the first of them as kg.gro."""
    universe = mda.Universe.empty(CHAINS * LENGTH, n_residues=CHAINS, trajectory=True,
                                  atom_resindex=np.repeat(np.arange(CHAINS), LENGTH))
    universe.add_TopologyAttr("names", ["K"] * CHAINS * LENGTH)
    universe.add_TopologyAttr("resnames", ["KG"] * CHAINS)
    universe.add_TopologyAttr("resids", list(range(1, CHAINS + 1)))
    side = (CHAINS * LENGTH / DENSITY) ** (1 / 3) * SIGMA * 10
    with mda.Writer(str(folder / "kg.trr"), CHAINS * LENGTH) as out:
        for number, positions in enumerate(frames(folder / "kg.lammpstrj")):
            universe.dimensions = [side, side, side, 90, 90, 90]
            universe.trajectory.ts.time = number * TIME
            universe.atoms.positions = positions * SIGMA * 10
            out.write(universe)
            if number == 0:
                universe.atoms.write(str(folder / "kg.gro"))


def frames(path: Path):
    """Unwrapped positions of every frame of a dump, (n, 3), sigma."""
    size, head = CHAINS * LENGTH, 9
    with path.open() as lines:
        while first := lines.readline():
            assert first.startswith("ITEM: TIMESTEP")
            for _ in range(head - 1):
                lines.readline()
            rows = [lines.readline().split() for _ in range(size)]
            if len(rows[-1]) < 6:
                return  # cut short
            yield np.array([row[3:6] for row in rows], dtype=float)


def main() -> None:
    """Simulate and convert."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=250, help="frames, 200 tau apart (about 3 s each)")
    parser.add_argument("--seed", type=int, default=2022)
    parser.add_argument("--folder", type=Path, default=Path("."))
    parser.add_argument("--convert", action="store_true", help="only convert what is there")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if not options.convert:
        write_start(options.folder / "start.data", np.random.default_rng(options.seed))
        variables = {"seed": options.seed, "equilibrate": 1_000_000, "steps": (options.frames - 1) * EVERY,
                     "every": EVERY}
        given = [part for name, value in variables.items() for part in ("-var", name, str(value))]
        subprocess.run(["lmp", "-in", str((HERE / "melt.lmp").resolve()), *given], cwd=options.folder, check=True)
    convert(options.folder)


if __name__ == "__main__":
    main()
