"""Prepares beads of liquid dodecane: Martini's frames (X), and those of mapped atoms (Y), for training and for test.

Martini's liquid is denser than the atoms' by 15 %. So centres of its molecules are scaled to the mean box of Y, each
molecule as it is. Writes x.trr, y.trr, and of the frames of Y training.trr (with all molecules turned round, too),
validation.trr and test.trr; each with its first frame as .gro, molecules whole. And dodecane_aa.itp without its section
[ align ], which is DeepBackmap's own and no part of a force field.

    python prepare.py --frames ../shared/data/morphing/dodecane --folder runs/dodecane
"""
from __future__ import annotations

import argparse
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from MDAnalysis.coordinates.core import reader

BEADS = 3  #: of a molecule
MASSES = np.array([57.116, 56.108, 57.116])
TEST, VALIDATION = (2, 6, 10), (9,)  #: frames of Y, in order, that no training sees

Frame = tuple[float, np.ndarray, np.ndarray]


def read(path: Path) -> Frame:
    """Number of a frame, edges of the box (3,) and molecules, made whole, (n, BEADS, 3), nm."""
    frame = reader(str(path)).ts
    box, at = frame.dimensions[:3].astype(float) / 10, frame.positions.astype(float).reshape(-1, BEADS, 3) / 10
    steps = np.diff(at, axis=1)
    steps -= box * np.round(steps / box)
    return float(path.stem), box, np.concatenate([at[:, :1], at[:, :1] + np.cumsum(steps, axis=1)], axis=1)


def scaled(frame: Frame, factor: float) -> Frame:
    """The frame with centres of molecules so many times as far apart."""
    time, box, at = frame
    centre = np.average(at, axis=1, weights=MASSES)[:, None]
    return time, box * factor, at + (factor - 1) * centre


def turned(frame: Frame) -> Frame:
    """The frame with every molecule numbered from its other end: both are alike."""
    time, box, at = frame
    return time, box, at[:, ::-1]


def write(name: str, frames: list[Frame], folder: Path) -> None:
    """Frames as a .trr of this name, and the first as .gro."""
    n = len(frames[0][2])
    universe = mda.Universe.empty(n * BEADS, n_residues=n, trajectory=True,
                                  atom_resindex=np.repeat(np.arange(n), BEADS))
    universe.add_TopologyAttr("names", ["C01", "C02", "C03"] * n)
    universe.add_TopologyAttr("resnames", ["DEC"] * n)
    universe.add_TopologyAttr("resids", list(range(1, n + 1)))
    with mda.Writer(str(folder / f"{name}.trr"), n * BEADS) as out:
        for number, (time, box, at) in enumerate(frames):
            universe.dimensions = [*box * 10, 90, 90, 90]
            universe.trajectory.ts.time = time
            universe.atoms.positions = at.reshape(-1, 3) * 10
            out.write(universe)
            if number == 0:
                universe.atoms.write(str(folder / f"{name}.gro"))


def main() -> None:
    """Prepare all frames of a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=Path, default=Path("../shared/data/morphing/dodecane"),
                        help="folder of martini/ and aa_mapped/")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where to write")
    options = parser.parse_args()
    x, y = ([read(path) for path in sorted((options.frames / name).glob("*.gro"), key=lambda path: int(path.stem))]
            for name in ("martini", "aa_mapped"))
    if not (x and y):
        raise SystemExit(f"there are no files martini/*.gro and aa_mapped/*.gro in {options.frames}")
    options.folder.mkdir(parents=True, exist_ok=True)
    text = (options.frames / "dodecane_aa.itp").read_text()
    (options.folder / "dodecane_aa.itp").write_text(text[:text.index("[align]")])
    factor = float(np.mean([box for _, box, _ in y]) / np.mean([box for _, box, _ in x]))
    print(f"centres of Martini's molecules are {factor:.4f} times as far apart as they were")
    training = [frame for number, frame in enumerate(y) if number not in {*TEST, *VALIDATION}]
    write("x", [scaled(frame, factor) for frame in x], options.folder)
    write("y", y, options.folder)
    write("training", [*training, *map(turned, training)], options.folder)
    write("validation", [y[number] for number in VALIDATION], options.folder)
    write("test", [y[number] for number in TEST], options.folder)


if __name__ == "__main__":
    main()
