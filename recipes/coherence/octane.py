"""Simulates liquid octane for octane.yaml with GROMACS: true atoms every half picosecond, and their beads by csg_map.

    python octane.py --folder runs/octane_in_time
"""
from __future__ import annotations

import argparse
import subprocess
from dataclasses import dataclass
from pathlib import Path

DEMO = Path(__file__).resolve().parents[1] / "octane"
RUN = {"integrator": "md", "dt": 0.002, "cutoff-scheme": "Verlet", "coulombtype": "reaction-field", "rcoulomb": 1.0,
       "rvdw": 1.0, "tcoupl": "v-rescale", "tc-grps": "System", "constraints": "all-bonds",
       "compressed-x-precision": 1_000_000}
BEGIN = {"gen-vel": "yes"}
GO_ON = {"continuation": "yes"}


@dataclass(frozen=True)
class Simulation:
    """What is simulated.

    Attributes:
        topology, mapping: Files.
        temperature: K.
        interval: Steps between frames.
        steps: Of 2 fs, of each of its runs, by name.
        more: Options of its own.
    """

    topology: Path
    mapping: Path
    temperature: float
    interval: int
    steps: dict[str, int]
    more: dict[str, object]


LIQUID = Simulation(DEMO / "octane.top", DEMO / "octane.xml", 350, 250, {"equilibrated": 10_000, "aa": 100_000},
                    {"epsilon-rf": 1.9, "tau-t": 1.0})


def call(folder: Path, *command: str) -> None:
    """Run a program in the folder."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")


def run(of: Simulation, folder: Path, name: str, before: Path, more: dict[str, object], *restart: str) -> None:
    """One of its runs."""
    options = {**RUN, **of.more, "ref-t": of.temperature, "gen-temp": of.temperature, "nsteps": of.steps[name],
               "nstxout-compressed": of.interval, **more}
    (folder / f"{name}.mdp").write_text("\n".join(f"{key} = {value}" for key, value in options.items()) + "\n")
    call(folder, "gmx", "grompp", "-f", f"{name}.mdp", "-c", str(before), "-p", str(of.topology), "-o", f"{name}.tpr",
         *restart)
    call(folder, "gmx", "mdrun", "-nt", "1", "-deffnm", name)


def simulated(of: Simulation, start: Path, folder: Path) -> None:
    """Simulate from a gro file, and map what comes of it."""
    folder.mkdir(parents=True, exist_ok=True)
    run(of, folder, "equilibrated", start, BEGIN)
    run(of, folder, "aa", folder / "equilibrated.gro", GO_ON, "-t", "equilibrated.cpt")
    for trajectory, beads in (("aa.gro", "beads.gro"), ("aa.xtc", "beads.trr")):
        call(folder, "csg_map", "--top", "aa.tpr", "--cg", str(of.mapping), "--trj", trajectory, "--out", beads)


def main() -> None:
    """Read the arguments, simulate and map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where everything goes")
    simulated(LIQUID, DEMO / "aa.gro", parser.parse_args().folder.resolve())


if __name__ == "__main__":
    main()
