"""More frames to learn from: the 13 published training snapshots, and short dynamics from each.

`python more_frames.py [--out FOLDER] [--duration 10]` runs GROMACS (one thread, all bonds rigid, 568 K, the box as it
is) and writes FOLDER/frames.xtc, which train.yaml reads: every snapshot, and a frame every 1.25 ps after it. Angles,
rings and hydrogens have forgotten where they were by then; beads have not, so no melt is new. The reference data is
found as in benchmark.yaml. Units: nm, ps, K.
"""
from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path

import MDAnalysis

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("BACKMAP_REFERENCE_DATA", HERE / "../../../shared/data")) / "polystyrene"
SNAPSHOTS = (90, 135, 168, 235, 250, 268, 311, 350, 396, 508, 574, 644, 688)
TIMESTEP, INTERVAL = 0.001, 1.25
OPTIONS = {
    "integrator": "md", "dt": TIMESTEP, "constraints": "all-bonds", "coulombtype": "Reaction-Field", "rcoulomb": 1.0,
    "epsilon-rf": 2.5, "vdw-modifier": "None", "rvdw": 1.0, "tcoupl": "v-rescale", "tc-grps": "System", "tau-t": 0.2,
    "ref-t": 568, "gen-vel": "yes", "gen-temp": 568, "gen-seed": 5,
    "nstxout-compressed": round(INTERVAL / TIMESTEP), "compressed-x-precision": 10000,
}


def gmx(folder: Path, *arguments: str) -> None:
    """Run a GROMACS command; what it says is shown where it fails."""
    done = subprocess.run(["gmx", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"gmx {arguments[0]}: {done.stderr[-1500:]}")


def simulate(folder: Path, snapshot: int, duration: float) -> Path:
    """Dynamics from a snapshot; its trajectory, the first frame of which is the snapshot."""
    name, options = str(snapshot), OPTIONS | {"nsteps": round(duration / TIMESTEP)}
    (folder / f"{name}.mdp").write_text("".join(f"{key} = {value}\n" for key, value in options.items()))
    gmx(folder, "grompp", "-f", f"{name}.mdp", "-c", str((DATA / f"train/aa_{name}.gro").resolve()), "-p", "topol.top",
        "-o", f"{name}.tpr", "-maxwarn", "1")
    gmx(folder, "mdrun", "-deffnm", name, "-nt", "1")
    return folder / f"{name}.xtc"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "../../runs/polystyrene_published_frames")
    parser.add_argument("--duration", type=float, default=10.0, help="ps from each snapshot")
    options = parser.parse_args()
    folder = options.out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("topol.top", "topol_PS1.itp"):
        shutil.copyfile(DATA / file, folder / file)
    part = folder / "frames.part.xtc"
    with MDAnalysis.Writer(str(part), MDAnalysis.Universe(str(DATA / "train/aa_90.gro")).atoms.n_atoms) as writer:
        for snapshot in SNAPSHOTS:
            trajectory = simulate(folder, snapshot, options.duration)
            universe = MDAnalysis.Universe(str(DATA / f"train/aa_{snapshot}.gro"), str(trajectory))
            for _ in universe.trajectory:
                writer.write(universe.atoms)
            print(f"snapshot {snapshot}: {len(universe.trajectory)} frames", flush=True)
    part.rename(folder / "frames.xtc")


if __name__ == "__main__":
    main()
