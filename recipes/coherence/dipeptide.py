"""Writes what dipeptide.yaml reads: beads and true atoms of alanine dipeptide, its topology by gmx pdb2gmx.

    python dipeptide.py --trajectory ../shared/data/alanine_dipeptide --frames 2000 --folder runs/dipeptide
    python dipeptide.py --trajectory runs/solvent --name gb96 --forcefield amber96 --folder runs/solvent/beads

Pieces of the trajectory can stand side by side, as molecules that do not see each other: each frame has as many.
"""
from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

import MDAnalysis as mda
import numpy as np

#: Heavy atoms of the backbone and C-beta, of which the published model's six beads are one each.
BEADS = {"C1": "resname ACE and name C", "N1": "resname ALA and name N", "CA": "name CA", "CB": "name CB",
         "C2": "resname ALA and name C", "N2": "resname NME and name N"}
#: Names of the caps' hydrogens, and of one carbon, as GROMACS has them.
RENAMED = {("ACE", "H1"): "HH31", ("ACE", "H2"): "HH32", ("ACE", "H3"): "HH33", ("NME", "H1"): "HH31",
           ("NME", "H2"): "HH32", ("NME", "H3"): "HH33", ("NME", "C"): "CH3"}
APART = 8.0  #: nm; of pieces side by side: twice the cut-off and the molecule


def topology(universe: mda.Universe, forcefield: str, folder: Path, pieces: int) -> None:
    """topol.top and aa.gro, of a force field that GROMACS ships."""
    for atom in universe.atoms:
        atom.name = RENAMED.get((atom.resname, atom.name), atom.name)
    universe.atoms.write(str(folder / "named.pdb"))
    subprocess.run(["gmx", "pdb2gmx", "-f", "named.pdb", "-ff", forcefield, "-water", "none", "-o", "aa.gro",
                    "-p", "topol.top"], cwd=folder, check=True, capture_output=True)
    rows = (folder / "aa.gro").read_text().splitlines()[2:-1]  # its box is the 0.1 nm that stand for none in a PDB file
    places = np.array([[float(row[k:k + 8]) for k in (20, 28, 36)] for row in rows])
    write_gro(folder / "aa.gro", [row[:20] for row in rows] * pieces, places + corners(pieces)[:, None], pieces)
    words = (folder / "topol.top").read_text().rstrip().rsplit(maxsplit=1)[0]
    (folder / "topol.top").write_text(f"{words} {pieces}\n")


def trajectories(universe: mda.Universe, folder: Path, first: int, n_frames: int, pieces: int) -> None:
    """aa.trr and beads.trr with beads.gro, whose beads are atoms, six a molecule."""
    at = [universe.select_atoms(words).indices[0] for words in BEADS.values()]
    places, corner = _places(universe, first, n_frames, pieces, at), corners(pieces)
    for name, chosen in (("aa", slice(None)), ("beads", at)):
        side_by_side = (places[:, :, chosen] + corner[:, None, None]).swapaxes(0, 1)
        together = mda.Universe.empty(side_by_side[0, ..., 0].size, trajectory=True)
        together.trajectory.ts.dimensions = [*3 * [10 * width(pieces)], 90, 90, 90] if pieces > 1 else None
        with mda.Writer(str(folder / f"{name}.trr"), len(together.atoms)) as writer:
            for number, frame in enumerate(side_by_side):
                together.atoms.positions, together.trajectory.ts.time = 10 * frame.reshape(-1, 3), float(number)
                writer.write(together.atoms)
    heads = [f"{piece + 1:5d}{'ADP':<5s}{name:>5s}{number:5d}"
             for piece in range(pieces) for number, name in enumerate(BEADS, 1)]
    write_gro(folder / "beads.gro", heads, places[:, 0, at] + corner[:, None], pieces)


def write_gro(path: Path, heads: list[str], places: np.ndarray, pieces: int) -> None:
    """A gro file of particles with these first columns, at ``places`` (..., 3), nm; one piece has no box."""
    rows = [head + "".join(f"{x:8.3f}" for x in place)
            for head, place in zip(heads, places.reshape(-1, 3), strict=True)]
    box = f"{width(pieces) if pieces > 1 else 0:10.5f}" * 3
    path.write_text("\n".join([path.stem, str(len(rows)), *rows, box]) + "\n")


def _places(universe: mda.Universe, first: int, n_frames: int, pieces: int, beads: list[int]) -> np.ndarray:
    """Atoms of the pieces, each frame about the middle of its beads, (pieces, frames, A, 3), nm."""
    frames = universe.trajectory[first:first + pieces * n_frames]
    if len(frames) < pieces * n_frames:
        raise SystemExit(f"there are {len(frames)} frames from {first} on, not {pieces} times {n_frames}")
    found = np.stack([frame.positions / 10 for frame in frames])
    return (found - found[:, beads].mean(axis=1, keepdims=True)).reshape(pieces, n_frames, -1, 3)


def width(pieces: int) -> float:
    """Of the cube in which they stand, nm."""
    return APART * np.ceil(pieces**(1 / 3))


def corners(pieces: int) -> np.ndarray:
    """Where each piece stands, (pieces, 3), nm."""
    side = int(np.ceil(pieces**(1 / 3)))
    return APART * (0.5 + np.stack(np.unravel_index(np.arange(pieces), (side, side, side)), axis=1))


def main() -> None:
    """Read the arguments and write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trajectory", type=Path, required=True, help="folder of NAME.xtc and NAME_top.pdb")
    parser.add_argument("--name", default="vac99sb", help="of its files")
    parser.add_argument("--forcefield", default="amber99sb", help="as gmx pdb2gmx calls it")
    parser.add_argument("--frames", type=int, default=2000, help="frames of each piece, one a picosecond")
    parser.add_argument("--first", type=int, default=0, help="the first frame that is taken")
    parser.add_argument("--pieces", type=int, default=1, help="pieces, one after the other, that stand side by side")
    parser.add_argument("--folder", type=Path, required=True, help="where everything goes")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    start = options.trajectory / f"{options.name}_top.pdb"
    shutil.copyfile(start, options.folder / "molecule.pdb")  # with the names that OpenMM knows
    universe = mda.Universe(str(start), str(options.trajectory / f"{options.name}.xtc"))
    trajectories(universe, options.folder, options.first, options.frames, options.pieces)
    topology(universe, options.forcefield, options.folder, options.pieces)


if __name__ == "__main__":
    main()
