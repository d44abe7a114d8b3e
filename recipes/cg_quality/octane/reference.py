"""The atoms that the models of liquid octane are made from and judged by: GROMACS, 215 molecules, 350 K.

    python recipes/cg_quality/octane/reference.py --output ~/.cache/backmap/octane_350K

writes reference.gro and reference.trr (positions and forces, a frame every 2 ps; rigid bonds to hydrogens, so that
forces on beads are mean forces), by way of compression, 1 bar, and constant volume at the mean density. It takes
half an hour of one core; called again it goes on where it was. Units: nm, ps, K, bar.
"""
from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
TOPOLOGY = HERE.parents[1] / "octane" / "octane.top"
MOLECULES, SEED, TEMPERATURE, TIME_STEP = 215, 7, 350.0, 0.002
COMMON: dict[str, object] = {
    "integrator": "sd", "dt": TIME_STEP, "tc-grps": "System", "tau-t": 1.0, "ref-t": TEMPERATURE, "ld-seed": SEED,
    "rvdw": 1.0, "rcoulomb": 1.0, "vdw-modifier": "none", "coulomb-modifier": "none", "DispCorr": "EnerPres",
    "coulombtype": "reaction-field", "epsilon-rf": 1.9, "constraints": "h-bonds", "nstenergy": 500,
}


def gmx(folder: Path, *arguments: object, answer: str = "") -> str:
    """Output of a GROMACS command; RuntimeError with its words where it failed."""
    done = subprocess.run(["gmx", "-quiet", *map(str, arguments)], cwd=folder, input=answer, capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"gmx {arguments[0]} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def stage(folder: Path, name: str, before: str, options: dict[str, object]) -> None:
    """One run from the last frame of `before`; one that is there is kept, one that was cut off goes on."""
    if (folder / f"{name}.gro").exists():
        return
    if not (folder / f"{name}.tpr").exists():
        lines = [f"{key} = {value}" for key, value in {**COMMON, **options}.items()]
        (folder / f"{name}.mdp").write_text("\n".join(lines) + "\n")
        gmx(folder, "grompp", "-f", f"{name}.mdp", "-c", f"{before}.gro", "-p", "octane.top", "-o", f"{name}.tpr")
    gmx(folder, "mdrun", "-nt", 1, "-deffnm", name, "-cpi", f"{name}.cpt")


def duration(picoseconds: float) -> dict[str, object]:
    return {"nsteps": round(picoseconds / TIME_STEP)}


def pressure(bar: float) -> dict[str, object]:
    return {"pcoupl": "C-rescale", "tau-p": 1.0, "compressibility": 1e-4, "ref-p": bar}


def scale_to_mean_volume(folder: Path) -> None:
    """dense.gro: the last frame at 1 bar, molecules and box scaled to the mean volume of its last two thirds."""
    if (folder / "dense.gro").exists():
        return
    gmx(folder, "energy", "-f", "liquid.edr", "-o", "volume.xvg", answer="Volume\n\n")
    volume = np.loadtxt(folder / "volume.xvg", comments=("#", "@"))[:, 1]
    edge = np.mean(volume[len(volume) // 3:]) ** (1 / 3)
    now = float((folder / "liquid.gro").read_text().splitlines()[-1].split()[0])
    gmx(folder, "editconf", "-f", "liquid.gro", "-scale", edge / now, edge / now, edge / now, "-o", "dense.gro")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("runs/cg_quality/octane_350K"))
    parser.add_argument("--production", type=float, default=400.0, help="ps")
    options = parser.parse_args()
    folder = options.output
    folder.mkdir(parents=True, exist_ok=True)
    text = TOPOLOGY.read_text()
    (folder / "octane.top").write_text(text[:text.rindex("OCT")] + f"OCT {MOLECULES}\n")
    if not (folder / "gas.gro").exists():
        lines = (TOPOLOGY.parent / "aa.gro").read_text().splitlines()
        (folder / "one.gro").write_text("\n".join([lines[0], "   26", *lines[2:28], lines[-1]]) + "\n")
        gmx(folder, "insert-molecules", "-ci", "one.gro", "-nmol", MOLECULES, "-box", 6, 6, 6, "-seed", SEED, "-o",
            "gas.gro")
    stage(folder, "relaxed", "gas", {"integrator": "steep", "nsteps": 300, "emtol": 100, "constraints": "none"})
    stage(folder, "compressed", "relaxed", {**duration(60), **pressure(1000), "gen-vel": "yes",
                                            "gen-temp": TEMPERATURE, "gen-seed": SEED})
    stage(folder, "liquid", "compressed", {**duration(150), **pressure(1)})
    scale_to_mean_volume(folder)
    stage(folder, "settled", "dense", duration(20))
    every = round(2 / TIME_STEP)
    stage(folder, "reference", "settled", {**duration(options.production), "nstxout": every, "nstfout": every})
    frames = ("trjconv", "-f", "reference.trr", "-s", "reference.tpr")  # to train on: every 4 ps of the first half
    gmx(folder, *frames, "-o", "train.trr", "-e", options.production / 2, "-skip", 2, answer="0\n")
    gmx(folder, *frames, "-o", "first.gro", "-dump", 0, answer="0\n")


if __name__ == "__main__":
    main()
