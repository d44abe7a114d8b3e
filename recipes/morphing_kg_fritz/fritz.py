"""Maps the ten Fritz frames to the resolution of the Kremer-Grest melt: three monomers, six beads, to one bead.

Writes fritz_kg.trr, 24 chains of 32 beads, whole, in the order of time, and of its frames training.trr (with all chains
turned round, too), validation.trr and test.trr; each with its first frame as .gro. Of the same frames
fine_training.trr, fine_validation.trr and fine_test.trr hold Fritz's beads themselves, 24 chains of 192.

    python fritz.py --frames ../shared/data/morphing/fritz --folder runs/kg
"""
from __future__ import annotations

import argparse
from pathlib import Path

import MDAnalysis as mda
import numpy as np

CHAINS, LENGTH, OWN = 24, 32, 6
TEST, VALIDATION = (2, 5, 8), (9,)  #: frames, in the order of time, that no training sees
MASSES = np.array([27.05, 77.11] * (OWN // 2))  #: of A and B, of one bead

Frame = tuple[float, np.ndarray, np.ndarray]


def beads(path: Path) -> Frame:
    """Time in ps, edges of the box (3,) and beads (CHAINS * LENGTH * OWN, 3), both in nm, of one frame.

    Columns of these files are one too far left for readers of gro, so that numbers are told apart by blanks. Chains are
    broken at the boundary. Neighbours are less than half of the box apart, so that successive vectors to the nearest
    image make chains whole.
    """
    title, number, *rows, edges = path.read_text().splitlines()
    if int(number) != CHAINS * LENGTH * OWN or len(rows) != int(number):
        raise SystemExit(f"{path} has {len(rows)} beads, not {CHAINS} chains of {LENGTH * OWN}")
    box = np.array(edges.split(), dtype=float)
    beads = np.array([row.split()[-3:] for row in rows], dtype=float).reshape(CHAINS, LENGTH * OWN, 3)
    steps = np.diff(beads, axis=1)
    steps -= box * np.round(steps / box)
    whole = np.concatenate([beads[:, :1], beads[:, :1] + np.cumsum(steps, axis=1)], axis=1)
    return float(title.split("t=")[1].split()[0]), box, whole.reshape(-1, 3)


def mapped(path: Path) -> Frame:
    """The same with mass centres of every six beads."""
    time, box, positions = beads(path)
    return time, box, np.einsum("cki,k->ci", positions.reshape(-1, OWN, 3), MASSES) / MASSES.sum()


def write(name: str, frames: list[Frame], folder: Path) -> None:
    """Frames as a .trr of this name."""
    size = len(frames[0][2])
    universe = mda.Universe.empty(size, n_residues=CHAINS, trajectory=True,
                                  atom_resindex=np.repeat(np.arange(CHAINS), size // CHAINS))
    universe.add_TopologyAttr("names", ["K"] * size)
    universe.add_TopologyAttr("resnames", ["KG"] * CHAINS)
    universe.add_TopologyAttr("resids", list(range(1, CHAINS + 1)))
    with mda.Writer(str(folder / f"{name}.trr"), size) as out:
        for number, (time, box, positions) in enumerate(frames):
            universe.dimensions = [*box * 10, 90, 90, 90]
            universe.trajectory.ts.time = time
            universe.atoms.positions = positions * 10
            out.write(universe)
            if number == 0:
                universe.atoms.write(str(folder / f"{name}.gro"))


def turned(frame: Frame) -> Frame:
    """The frame with every chain numbered from its other end: what one bead is to the next tells no direction."""
    time, box, positions = frame
    return time, box, positions.reshape(CHAINS, LENGTH, 3)[:, ::-1].reshape(-1, 3)


def main() -> None:
    """Map all frames of a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=Path, default=Path("../shared/data/morphing/fritz"),
                        help="folder of fritz_1.gro to fritz_10.gro")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where to write")
    options = parser.parse_args()
    paths = sorted(options.frames.glob("fritz_*.gro"), key=lambda path: int(path.stem.split("_")[1]))
    if not paths:
        raise SystemExit(f"there are no files fritz_*.gro in {options.frames}")
    options.folder.mkdir(parents=True, exist_ok=True)
    fine, frames = (sorted((read(path) for path in paths), key=lambda frame: frame[0]) for read in (beads, mapped))
    parts = {"training": [number for number in range(len(frames)) if number not in {*TEST, *VALIDATION}],
             "validation": VALIDATION, "test": TEST}
    write("fritz_kg", frames, options.folder)
    for part, numbers in parts.items():
        chosen = [frames[number] for number in numbers]
        write(part, chosen + [turned(frame) for frame in chosen if part == "training"], options.folder)
        write(f"fine_{part}", [fine[number] for number in numbers], options.folder)


if __name__ == "__main__":
    main()
