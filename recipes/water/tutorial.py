"""Beads of a tutorial of VOTCA as new users have them: ``python tutorial.py FOLDER folder [ps]``.

FOLDER is a folder ``atomistic`` of VOTCA's tutorials. Its box is simulated as its ``grompp.mdp`` says, but for 40 ps
(or as many as are asked for) beyond 10 ps that are thrown away, with output every 2 ps; beads are those of the last
frame, by csg_map and the tutorial's mappings. Then, in the folder, ``backmap init`` as README.md has it.
"""
from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

FIRST = 10  #: ps


def main(tutorial: Path, folder: Path, length: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in tutorial.iterdir():
        if file.suffix in (".gro", ".itp", ".top", ".xml"):
            shutil.copy(file, folder)
    text = (tutorial / "grompp.mdp").read_text()
    step = float(re.search(r"^dt\s*=\s*(\S+)", text, re.MULTILINE)[1])
    for name, value in (("nsteps", round((FIRST + length) / step)), ("nstxout", round(2 / step)), ("nstfout", 0)):
        text = re.sub(rf"^{name}\s*=.*", f"{name} = {value}", text, flags=re.MULTILINE)
    (folder / "md.mdp").write_text(text)
    mappings = ";".join(file.name for file in sorted(folder.glob("*.xml")) if "<cg_molecule>" in file.read_text())

    def run(*command: str) -> None:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    run("gmx", "grompp", "-f", "md.mdp", "-c", "conf.gro", "-o", "md.tpr", "-maxwarn", "2")
    run("gmx", "mdrun", "-nt", "1", "-deffnm", "md", "-c", "last.gro")
    run("csg_map", "--top", "md.tpr", "--trj", "last.gro", "--cg", mappings, "--out", "cg.gro")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 40)
