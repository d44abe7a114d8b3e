"""Writes what dipeptide.yaml reads: beads and true atoms of alanine dipeptide in vacuum, its topology by gmx pdb2gmx.

    python dipeptide.py --trajectory ../shared/data/alanine_dipeptide --frames 2000 --folder runs/dipeptide
"""
from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

import MDAnalysis as mda

#: Heavy atoms of the backbone and C-beta, of which the published model's six beads are one each.
BEADS = {"C1": "resname ACE and name C", "N1": "resname ALA and name N", "CA": "name CA", "CB": "name CB",
         "C2": "resname ALA and name C", "N2": "resname NME and name N"}
#: Names of the caps' hydrogens, and of one carbon, as GROMACS has them.
RENAMED = {("ACE", "H1"): "HH31", ("ACE", "H2"): "HH32", ("ACE", "H3"): "HH33", ("NME", "H1"): "HH31",
           ("NME", "H2"): "HH32", ("NME", "H3"): "HH33", ("NME", "C"): "CH3"}
NO_BOX = "   0.00000   0.00000   0.00000"


def topology(universe: mda.Universe, folder: Path) -> None:
    """topol.top and aa.gro, of amber99sb."""
    for atom in universe.atoms:
        atom.name = RENAMED.get((atom.resname, atom.name), atom.name)
    universe.atoms.write(str(folder / "named.pdb"))
    subprocess.run(["gmx", "pdb2gmx", "-f", "named.pdb", "-ff", "amber99sb", "-water", "none", "-o", "aa.gro",
                    "-p", "topol.top"], cwd=folder, check=True, capture_output=True)
    rows = (folder / "aa.gro").read_text().splitlines()  # its box is the 0.1 nm that stand for none in a PDB file
    (folder / "aa.gro").write_text("\n".join([*rows[:-1], NO_BOX]) + "\n")


def trajectories(universe: mda.Universe, folder: Path, n_frames: int) -> None:
    """aa.trr and beads.trr with beads.gro, whose six beads are atoms."""
    picked = [universe.select_atoms(words) for words in BEADS.values()]
    beads = sum(picked[1:], picked[0])
    with mda.Writer(str(folder / "aa.trr"), len(universe.atoms)) as atoms, \
            mda.Writer(str(folder / "beads.trr"), len(beads)) as coarse:
        for _ in universe.trajectory[:n_frames]:
            atoms.write(universe.atoms)
            coarse.write(beads)
    rows = [f"{1:5d}{'ADP':<5s}{name:>5s}{number:5d}" + "".join(f"{value / 10:8.3f}" for value in place)
            for number, (name, place) in enumerate(zip(BEADS, beads.positions, strict=True), 1)]
    (folder / "beads.gro").write_text("\n".join(["Beads", str(len(rows)), *rows, NO_BOX]) + "\n")


def main() -> None:
    """Read the arguments and write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trajectory", type=Path, required=True, help="folder of vac99sb.xtc and vac99sb_top.pdb")
    parser.add_argument("--frames", type=int, default=2000, help="frames, one a picosecond")
    parser.add_argument("--folder", type=Path, required=True, help="where everything goes")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    universe = mda.Universe(str(options.trajectory / "vac99sb_top.pdb"), str(options.trajectory / "vac99sb.xtc"))
    trajectories(universe, options.folder, options.frames)
    topology(universe, options.folder)


if __name__ == "__main__":
    main()
