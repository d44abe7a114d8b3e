"""Energies and forces from GROMACS itself, in double precision: an independent program to compare with."""
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Single point, plain cut-offs of 1 nm, reaction field; ``rerun(mdp=...)`` overrides any of it.
MDP: dict[str, Any] = {
    "integrator": "md", "nsteps": 0, "cutoff-scheme": "Verlet", "verlet-buffer-tolerance": -1, "nstlist": 1,
    "rlist": 1.0, "coulombtype": "reaction-field", "rcoulomb": 1.0, "epsilon-rf": 2.5, "rvdw": 1.0,
    "vdw-modifier": "None", "DispCorr": "no", "constraints": "none", "nstenergy": 1, "nstcalcenergy": 1,
    "nstxout": 0, "nstfout": 1, "nstlog": 0,
}


def installed() -> bool:
    """Whether GROMACS in double precision is there."""
    return shutil.which("gmx_d") is not None


def required() -> None:
    """Skip the test, with the reason, where GROMACS in double precision is missing."""
    if not installed():
        pytest.skip("gmx_d (GROMACS in double precision) is not installed")


def run(*words: str, folder: Path, stdin: str = "") -> str:
    """Run one ``gmx_d`` command in ``folder``; returns what it prints, and fails with it."""
    words = (*words, "-nice", "0")  # else it waits for all other processes
    done = subprocess.run(["gmx_d", *words], cwd=folder, input=stdin, text=True, capture_output=True, check=False,
                          env=os.environ | {"GMX_MAXBACKUP": "-1", "OMP_NUM_THREADS": "1"})
    if done.returncode:
        told = done.stderr[max(done.stderr.find("ERROR"), len(done.stderr) - 3000, 0):]
        raise RuntimeError(f"gmx_d {' '.join(words)} failed:\n{told}")
    return done.stdout + done.stderr


def write_gro(path: Path, frames: Array, boxes: Array) -> None:
    """Frames (W, A, 3) in boxes (W, 3, 3), nm, as a .gro of twelve decimals; names mean nothing."""
    with path.open("w") as file:
        for atoms, box in zip(frames, boxes, strict=True):
            file.write(f"t= 0.0\n{len(atoms)}\n")
            for number, (x, y, z) in enumerate(atoms, 1):
                file.write(f"{1:5d}{'X':<5s}{'X':>5s}{number % 100000:5d}{x:19.12f}{y:19.12f}{z:19.12f}\n")
            order = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]
            file.write(" ".join(f"{box[at]:.12f}" for at in order) + "\n")


def rerun(top: Path, frames: Array, boxes: Array, folder: Path, mdp: dict[str, Any] | None = None,
          defines: str = "") -> dict[str, Array]:
    """Energies by term as ``gmx_d mdrun -rerun`` gives them.

    Args:
        top: A whole topology, with [ system ] and [ molecules ]; includes are found beside it.
        frames: (W, A, 3), nm; molecules may be broken. boxes: (W, 3, 3), nm, lower triangular.
        folder: Where its files go, e.g. pytest's ``tmp_path``.
        mdp: Changes to ``MDP``.
        defines: For ``define`` of the .mdp, e.g. ``-DFLEXIBLE``.

    Returns:
        GROMACS' name of a term, e.g. ``Angle``, ``LJ (SR)``, ``LJ-14``, ``Coulomb (SR)``, ``Potential`` ->
        kJ/mol, (W,). Forces are left in ``folder/rerun.trr``; see ``forces``.
    """
    required()
    folder.mkdir(parents=True, exist_ok=True)
    options = MDP | {"define": defines, "include": f"-I{Path(top).resolve().parent}"} | (mdp or {})
    (folder / "rerun.mdp").write_text("".join(f"{key} = {value}\n" for key, value in options.items()))
    write_gro(folder / "frames.gro", frames, boxes)
    write_gro(folder / "first.gro", frames[:1], boxes[:1])
    run("grompp", "-f", "rerun.mdp", "-c", "first.gro", "-p", str(Path(top).resolve()), "-o", "rerun.tpr", "-po",
        "out.mdp", "-maxwarn", "20", folder=folder)
    run("mdrun", "-s", "rerun.tpr", "-rerun", "frames.gro", "-deffnm", "rerun", "-nt", "1", folder=folder)
    return _energies(folder, len(frames))


def _energies(folder: Path, n_frames: int) -> dict[str, Array]:
    """All terms of ``rerun.edr`` with every digit."""
    run("energy", "-f", "rerun.edr", "-o", "rerun.xvg", "-xvg", "xmgrace", "-dp", folder=folder,
        stdin=" ".join(str(number) for number in range(1, 60)) + " 0\n")
    names, rows = [], []
    for line in (folder / "rerun.xvg").read_text().splitlines():
        if line.startswith("@ s") and " legend " in line:
            names.append(line.split('"')[1])
        elif line[0] not in "#@":
            rows.append([float(word) for word in line.split()])
    table = np.array(rows)
    if table.shape != (n_frames, len(names) + 1):
        raise RuntimeError(f"gmx_d energy gave {table.shape} numbers for {n_frames} frames of {len(names)} terms")
    return {name: table[:, column] for column, name in enumerate(names, 1)}


def forces(folder: Path) -> Array:
    """Forces of the last ``rerun`` in ``folder``, kJ/mol/nm, (W, A, 3), in six digits, as ``gmx_d dump`` prints."""
    text = run("dump", "-f", "rerun.trr", folder=folder)
    frames, rows = [], []
    for line in text.splitlines():
        if line.strip().startswith("f[") and "{" in line:
            rows.append([float(word) for word in line.split("{")[1].rstrip("} ").split(",")])
        elif line.strip().startswith("f (") and rows:
            frames.append(rows)
            rows = []
    return np.array([*frames, rows])


#: GROMACS' names of what the force-field terms of this project are called.
TERMS = {
    "bond": ("Bond", "G96Bond", "Harmonic Pot."), "angle": ("Angle", "G96Angle", "U-B"),
    "proper": ("Proper Dih.", "Ryckaert-Bell.", "Fourier Dih."), "improper": ("Improper Dih.", "Per. Imp. Dih."),
    "cmap": ("CMAP Dih.",),
    "lj_14": ("LJ-14",), "coulomb_14": ("Coulomb-14",), "lj": ("LJ (SR)", "Disper. corr."),
    "coulomb": ("Coulomb (SR)", "Coul. recip."), "total": ("Potential",),
}


def by_term(found: dict[str, Array]) -> dict[str, Array]:
    """What ``rerun`` gives, summed under the names of this project, (W,) each; terms that are missing are 0."""
    left = set(found) - {name for names in TERMS.values() for name in names} - {"Pres. DC", "Pressure", "Time"}
    if left:
        raise RuntimeError(f"terms of GROMACS that have no name here: {sorted(left)}")
    nothing = np.zeros(len(found["Potential"]))
    return {term: sum((found[name] for name in names if name in found), nothing) for term, names in TERMS.items()}
