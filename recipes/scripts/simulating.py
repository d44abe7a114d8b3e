"""Small boxes of molecules, simulated by GROMACS: what scripts that prepare beads share."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

LOG = "log.txt"  #: of what other programs print


def run(folder: Path, *words: object, stdin: str = "") -> None:
    """A command in a folder, with one thread; what it prints goes to ``LOG``."""
    try:
        done = subprocess.run([str(word) for word in words], cwd=folder, input=stdin, text=True, capture_output=True,
                              check=False, env=os.environ | {"OMP_NUM_THREADS": "1"})
    except FileNotFoundError:
        raise SystemExit(f"there is no program '{words[0]}' here: install it, or say where it is") from None
    with (folder / LOG).open("a") as log:
        log.write(done.stdout + done.stderr)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))} failed, see {folder / LOG}")


def gmx(folder: Path, *words: object, stdin: str = "") -> None:
    """A command of GROMACS (`GMX` says which program), which would else give way to all others."""
    run(folder, os.environ.get("GMX", "gmx"), "-nobackup", *words, "-nice", 0, stdin=stdin)


def stage(folder: Path, name: str, start: str, settings: Mapping[str, object], topology: str = "topol.top",
          restrained: str | None = None) -> None:
    """One run of GROMACS, from a file ``start`` to ``name.gro``, with positions of ``restrained`` to hold atoms at."""
    (folder / f"{name}.mdp").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
    gmx(folder, "grompp", "-f", f"{name}.mdp", "-c", start, "-p", topology, "-o", f"{name}.tpr", "-po",
        f"{name}.out.mdp", "-maxwarn", 5, *(("-r", restrained) if restrained else ()))
    gmx(folder, "mdrun", "-deffnm", name, "-ntmpi", 1, "-ntomp", 1)


def filled(folder: Path, molecule: str, count: int, edge: float, into: str | None = None) -> None:
    """Put copies of the molecule in a .gro or .pdb into a cubic box, edge in nm, or what it holds, as start.gro."""
    there = int((folder / into).read_text().splitlines()[1]) if into else 0
    gmx(folder, "insert-molecules", "-ci", molecule, "-nmol", count, *(("-f", into) if into else ("-box", edge)),
        "-try", 500, "-seed", 1, "-o", "start.gro")
    found = int((folder / "start.gro").read_text().splitlines()[1]) - there
    size = len((folder / molecule).read_text().split("ATOM")) - 1 if molecule.endswith(".pdb") else int(
        (folder / molecule).read_text().splitlines()[1])
    if found != size * count:
        raise SystemExit(f"only {found // size} of {count} molecules fit into a box of {edge:g} nm")
