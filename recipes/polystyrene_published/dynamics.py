"""Dynamics from backmapped frames as they are, without minimisation, beside dynamics from the reference frames.

`python dynamics.py RUN` takes atoms.gro and atoms.xtc of a finished run of benchmark.yaml and starts GROMACS (one
thread, all bonds rigid, 568 K, 1 bar) from some of its frames, from the reference, and from what was published. It
writes what GROMACS said, energies and a plot into RUN/dynamics. The reference data is found as in benchmark.yaml.
Units: nm, ps, kJ/mol, K, bar.
"""
from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import MDAnalysis
import numpy as np

from backmap.running import frames

TEMPERATURE = 568.0
HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("BACKMAP_REFERENCE_DATA", HERE / "../../../shared/data")) / "polystyrene"
N_FRAMES = 78  # of the published test set
TOPOLOGY = ("topol.top", "topol_PS1.itp")
PUBLISHED = {"deepbackmap": "deepbackmap.xtc", "baseline": "baseline.xtc"}
OPTIONS = {
    "integrator": "md", "constraints": "all-bonds", "coulombtype": "Reaction-Field", "rcoulomb": 1.0, "epsilon-rf": 2.5,
    "vdw-modifier": "None", "rvdw": 1.0, "tcoupl": "v-rescale", "tc-grps": "System", "tau-t": 0.2, "ref-t": TEMPERATURE,
    "DispCorr": "EnerPres", "pcoupl": "C-rescale", "tau-p": 5.0, "ref-p": 1.0, "compressibility": 4.5e-5,
    "gen-vel": "yes", "gen-temp": TEMPERATURE, "nstenergy": 10, "nstcalcenergy": 10,
}


@dataclass(frozen=True)
class Course:
    """What a run did: times (ps), potential energy (kJ/mol), temperature (K), (n,) each; warnings of constraints."""

    time: np.ndarray
    potential: np.ndarray
    temperature: np.ndarray
    warnings: int
    ended: bool

    def mean(self, begin: float, end: float) -> float:
        """Mean potential energy of a stretch, kJ/mol; nan where the run did not get there."""
        inside = (self.time >= begin) & (self.time < end)
        return float(self.potential[inside].mean()) if inside.any() else float("nan")


def frame_file(topology: Path, trajectory: Path, number: int, path: Path) -> None:
    """Write one frame of a trajectory as a .gro."""
    universe = MDAnalysis.Universe(str(topology), str(trajectory))
    universe.trajectory[number]
    universe.atoms.write(str(path))


def simulate(folder: Path, name: str, timestep: float, duration: float, seed: int) -> Course:
    """Run GROMACS from ``folder/name.gro``; a run that breaks down is a course that ends early."""
    options = OPTIONS | {"dt": timestep, "nsteps": round(duration / timestep), "gen-seed": seed}
    run = f"{name}_{round(timestep * 1000)}fs"
    if not (folder / f"{run}.xvg").exists():  # what has been run is not run again
        (folder / f"{run}.mdp").write_text("".join(f"{key} = {value}\n" for key, value in options.items()))
        said = gmx(folder, "grompp", "-f", f"{run}.mdp", "-c", f"{name}.gro", "-p", TOPOLOGY[0], "-o", f"{run}.tpr",
                   "-maxwarn", "1")
        (folder / f"{run}.txt").write_text(said + gmx(folder, "mdrun", "-deffnm", run, "-nt", "1"))
        gmx(folder, "energy", "-f", f"{run}.edr", "-o", f"{run}.xvg", "-xvg", "none",
            given="Potential\nTemperature\n\n")
    told = [folder / f"{run}.txt", folder / f"{run}.log"]  # a warning may stand in either, or in both
    warnings = max(path.read_text(errors="replace").count("LINCS WARNING") for path in told if path.exists())
    try:
        time, potential, temperature = np.loadtxt(folder / f"{run}.xvg", ndmin=2).T
    except (OSError, ValueError):
        time = potential = temperature = np.empty(0)
    return Course(time, potential, temperature, warnings, bool(len(time) and time[-1] > duration - 0.02))


def gmx(folder: Path, *arguments: str, given: str = "") -> str:
    """What a GROMACS command says; breakdowns are what is being looked for, so none is an error here."""
    done = subprocess.run(["gmx", *arguments], cwd=folder, input=given, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def plot(courses: dict[str, list[Course]], path: Path) -> None:
    """Temperature and potential energy of all courses, over a logarithmic time."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    for number, (name, listed) in enumerate(courses.items()):
        for k, course in enumerate(listed):
            style = {"color": f"C{number}", "lw": 1.0, "label": name if k == 0 else None}
            axes[0].plot(course.time[1:], course.temperature[1:], **style)
            axes[1].plot(course.time[1:], course.potential[1:] / 1000, **style)
    axes[0].set_ylabel("temperature, K")
    axes[1].set_ylabel("potential energy, MJ/mol")
    axes[0].axhline(1.1 * TEMPERATURE, color="0.6", lw=0.8, ls=":")
    for axis in axes:
        axis.set_xscale("log")
        axis.set_xlabel("time, ps")
        axis.set_xlim(left=0.01)
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run of benchmark.yaml")
    parser.add_argument("--frames", type=int, nargs="+", default=[0, 3], help="frames of its trajectory")
    parser.add_argument("--short", type=float, default=5.0, help="ps of every run")
    parser.add_argument("--long", type=float, default=100.0, help="ps of those from the first frame, ours and true")
    options = parser.parse_args()
    folder = options.run / "dynamics"
    folder.mkdir(exist_ok=True)
    for file in TOPOLOGY:
        shutil.copyfile(DATA / file, folder / file)
    chosen = frames.select(json.loads((options.run / "run.json").read_text())["frames"], N_FRAMES)
    test = DATA / "test_568K"
    sources = {"backmap": options.run / "atoms.xtc", "reference": test / "aa.xtc"}
    sources |= {name: test / file for name, file in PUBLISHED.items()}
    courses: dict[str, list[Course]] = {}
    rows = []
    for name, trajectory in sources.items():
        for k, number in enumerate(options.frames):
            place = number if name == "backmap" else chosen[number]
            frame_file(test / "aa.gro", trajectory, place, folder / f"{name}_{k}.gro")
            longest = k == 0 and name in ("backmap", "reference")
            course = simulate(folder, f"{name}_{k}", 0.001, options.long if longest else options.short, seed=7 + k)
            courses.setdefault(name, []).append(course)
            rows.append(row(name, chosen[number], 1, course))
            print(rows[-1], flush=True)
    for name in ("backmap", "reference"):
        rows.append(row(name, chosen[options.frames[0]], 2, simulate(folder, f"{name}_0", 0.002, 20.0, seed=7)))
        print(rows[-1], flush=True)
    (folder / "dynamics.json").write_text(json.dumps(rows, indent=1))
    plot(courses, folder / "dynamics.png")


def row(name: str, frame: int, timestep: int, course: Course) -> dict[str, object]:
    """Figures of one run."""
    first = course.temperature[course.time <= 1.0]
    return {"from": name, "frame": frame, "timestep_fs": timestep, "ended": course.ended,
            "constraint_warnings": course.warnings, "hottest_in_first_ps": float(first.max(initial=0.0)),
            "first_potential": float(course.potential[0]) if len(course.potential) else None,
            "potential_1_to_5_ps": course.mean(1.0, 5.0),
            "fluctuation": float(course.potential[course.time > 1.0].std()) if course.time.max(initial=0) > 1 else None,
            "potential_last_tenth": course.mean(0.9 * course.time.max(initial=0.0), np.inf)}


if __name__ == "__main__":
    main()
