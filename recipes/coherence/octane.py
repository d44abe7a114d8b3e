"""Simulates liquid octane for octane.yaml with GROMACS: true atoms every half picosecond, and their beads by csg_map.

    python octane.py --folder runs/octane_in_time
"""
from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

DEMO = Path(__file__).resolve().parents[1] / "octane"
STEPS = {"equilibrated": 10_000, "aa": 100_000}  #: of 2 fs
INTERVAL = 250  #: steps between frames
RUN = {"integrator": "md", "dt": 0.002, "cutoff-scheme": "Verlet", "coulombtype": "reaction-field", "epsilon-rf": 1.9,
       "rcoulomb": 1.0, "rvdw": 1.0, "tcoupl": "v-rescale", "tc-grps": "System", "ref-t": 350, "tau-t": 1.0,
       "constraints": "all-bonds", "nstxout-compressed": INTERVAL, "compressed-x-precision": 1_000_000}
BEGIN = {"gen-vel": "yes", "gen-temp": 350}
GO_ON = {"continuation": "yes"}


def call(folder: Path, *command: str) -> None:
    """Run a program in the folder."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")


def simulate(folder: Path, name: str, before: Path, more: dict[str, object], *restart: str) -> None:
    """A run of ``STEPS[name]`` steps."""
    options = {**RUN, **more, "nsteps": STEPS[name]}
    (folder / f"{name}.mdp").write_text("\n".join(f"{key} = {value}" for key, value in options.items()) + "\n")
    call(folder, "gmx", "grompp", "-f", f"{name}.mdp", "-c", str(before), "-p", str(DEMO / "octane.top"),
         "-o", f"{name}.tpr", *restart)
    call(folder, "gmx", "mdrun", "-nt", "1", "-deffnm", name)


def main() -> None:
    """Read the arguments, simulate and map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where everything goes")
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    simulate(folder, "equilibrated", DEMO / "aa.gro", BEGIN)
    simulate(folder, "aa", folder / "equilibrated.gro", GO_ON, "-t", "equilibrated.cpt")
    mapping = str(DEMO / "octane.xml")
    for trajectory, beads in (("aa.gro", "beads.gro"), ("aa.xtc", "beads.trr")):
        call(folder, "csg_map", "--top", "aa.tpr", "--cg", mapping, "--trj", trajectory, "--out", beads)


if __name__ == "__main__":
    main()
