"""What template + GROMACS costs for a frame of the published melt: steepest descent, and 2 ps of dynamics behind it.

`python minimised.py FOLDER --gmx gmx` puts templates on the beads of a frame, minimises them to 1,000 kJ/mol/nm and
follows 2 ps of dynamics as of dynamics.py (one thread, all bonds rigid, 568 K) at each time step, and prints user CPU
seconds of every part. The reference data is found as in benchmark.yaml.
"""
from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
from pathlib import Path

import yaml
from dynamics import DATA, HERE, OPTIONS, TOPOLOGY

import backmap

ATOMS = 5832
LENGTH = 2.0  #: ps
DESCENT = {name: OPTIONS[name] for name in ("coulombtype", "rcoulomb", "epsilon-rf", "vdw-modifier", "rvdw")} | {
    "integrator": "steep", "emtol": 1000, "emstep": 0.01, "nsteps": 5000}


def seconds(*command: object, folder: Path) -> tuple[float, bool]:
    """User CPU seconds of a command, and whether it ended well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, check=False)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, done.returncode == 0


def stage(gmx: str, folder: Path, name: str, options: dict[str, object], start: str) -> tuple[float, bool]:
    """Run ``options`` from ``start``.gro as ``name``; the CPU seconds of mdrun alone."""
    (folder / f"{name}.mdp").write_text("".join(f"{key} = {value}\n" for key, value in options.items()))
    seconds(gmx, "grompp", "-f", f"{name}.mdp", "-c", f"{start}.gro", "-p", TOPOLOGY[0], "-o", f"{name}.tpr",
            "-maxwarn", 2, folder=folder)
    return seconds(gmx, "mdrun", "-deffnm", name, "-ntmpi", 1, "-ntomp", 1, folder=folder)


def said_of(spent: float, ended: bool) -> str:
    """What a part took."""
    return f"{spent:.2f} s, {ATOMS / spent:.0f} atoms/s" if ended else f"broke off after {spent:.2f} s"


def main() -> None:
    """Print a row for each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gmx", default="gmx")
    parser.add_argument("--frame", type=int, default=0)
    chosen = parser.parse_args()
    folder = chosen.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for file in TOPOLOGY:
        shutil.copy(DATA / file, folder)
    said = yaml.safe_load((HERE / "benchmark.yaml").read_text().replace(
        "${BACKMAP_REFERENCE_DATA:-../../../shared/data}", str(DATA.resolve().parent)))
    steps = [step for step in said["steps"] if set(step) & {"topology", "read"}]
    backmap.run({"recipe": 1, "seed": 7, "steps": [*steps, {"forward": "template"},
                                                   {"write": {"atoms": {"gromacs": "template.gro"}}}]},
                frames=[chosen.frame], output=folder / "template")
    shutil.copy(folder / "template" / "template.gro", folder)
    descent, ended = stage(chosen.gmx, folder, "minimised", DESCENT, "template")
    print(f"minimised: {said_of(descent, ended)}")
    for timestep in (0.001, 0.002):
        name = f"dynamics_{timestep * 1000:.0f}fs"
        options = OPTIONS | {"pcoupl": "no", "dt": timestep, "nsteps": round(LENGTH / timestep), "gen-seed": 7}
        more, ended = stage(chosen.gmx, folder, name, options, "minimised")
        print(f"{name} behind that: {said_of(descent + more, ended)} in all")


if __name__ == "__main__":
    main()
