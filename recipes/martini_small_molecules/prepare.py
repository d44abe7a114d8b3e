"""Beads of a run of Martini 3 of a small molecule, and the topology of its atoms.

GROMACS puts molecules into a box that is too large, presses them together at 1 bar, and simulates them with the options
that Martini 3 is used with. Left behind are cg.gro and cg.xtc, and for the atoms topol.top (OPLS-AA by LigParGen),
md.mdp, what GROMACS would run it with, and the molecule's mapping.

    python prepare.py TOLU --martini ../shared/data/martini --pairs martini.itp --folder runs/toluene
"""
from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from simulating import filled, gmx, stage

EVERY = 20.0  #: ps, between frames
COARSE = {"integrator": "md", "dt": 0.02, "nstxout-compressed": 0, "nstenergy": 500, "nstlist": 20,
          "coulombtype": "reaction-field", "epsilon-r": 15, "epsilon-rf": 0, "rcoulomb": 1.1, "rvdw": 1.1,
          "vdw-modifier": "potential-shift-verlet", "tcoupl": "v-rescale", "tc-grps": "System", "tau-t": 1.0,
          "gen-seed": 7, "ld-seed": 7, "lincs-order": 8, "lincs-iter": 2}
ATOMS = """integrator = md
dt = 0.002
constraints = h-bonds
cutoff-scheme = Verlet
coulombtype = PME
rcoulomb = 1.1
rvdw = 1.1
vdw-modifier = None
DispCorr = EnerPres
tcoupl = v-rescale
tc-grps = System
tau-t = 0.2
"""
DEFAULTS = "[ defaults ]\n1 3 yes 0.5 0.5\n\n"  #: of OPLS-AA


def main() -> None:
    """Simulate, and copy what belongs to the atoms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("molecule", help="as Martini calls it, e.g. TOLU")
    parser.add_argument("--martini", type=Path, default=Path("../shared/data/martini"),
                        help="folder of martini_v3/ and small_molecules/")
    parser.add_argument("--pairs", type=Path, required=True, help="martini_v3.0.0.itp, with all pairs of types")
    parser.add_argument("--molecules", type=int, default=125)
    parser.add_argument("--edge", type=float, default=3.6, help="of the first box, nm")
    parser.add_argument("--temperature", type=float, default=300.0)
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("."), help="where to write")
    options = parser.parse_args()
    folder, name, data = options.folder, options.molecule, options.martini / "small_molecules"
    if not (data / "gro" / f"{name}.gro").exists():
        raise SystemExit(f"there is no {data / 'gro' / name}.gro")
    folder.mkdir(parents=True, exist_ok=True)
    itp = (options.martini / "martini_v3" / "martini_v3.0.0_small_molecules_v1.itp").resolve()
    contents = f"\n[ system ]\n{name}\n\n[ molecules ]\n{name} {options.molecules}\n"
    (folder / "cg.top").write_text(f'#include "{options.pairs.resolve()}"\n#include "{itp}"\n{contents}')
    shutil.copy(data / "gro" / f"{name}.gro", folder / "one.gro")
    filled(folder, "one.gro", options.molecules, options.edge)
    md = COARSE | {"ref-t": options.temperature, "gen-temp": options.temperature}
    press = {"pcoupl": "berendsen", "tau-p": 4.0, "compressibility": 3e-4, "ref-p": 1}
    stage(folder, "em", "start.gro", md | {"integrator": "steep", "nsteps": 500, "tcoupl": "no"}, "cg.top")
    stage(folder, "press", "em.gro", md | press | {"dt": 0.01, "nsteps": 30000, "gen-vel": "yes"}, "cg.top")
    steps, every = round(options.frames * EVERY / md["dt"]), round(EVERY / md["dt"])
    stage(folder, "cg", "press.gro", md | {"nsteps": steps, "nstxout-compressed": every}, "cg.top")
    gmx(folder, "trjconv", "-f", "cg.xtc", "-s", "cg.tpr", "-b", EVERY / 2, "-pbc", "mol", "-o", "whole.xtc",
        stdin="0\n")
    (folder / "whole.xtc").rename(folder / "cg.xtc")
    atoms = data / "aa" / f"{name}_LigParGen.itp"
    shutil.copy(atoms, folder / f"{name}.itp")
    (folder / "topol.top").write_text(f'{DEFAULTS}#include "{name}.itp"\n{contents}')
    (folder / "md.mdp").write_text(f"{ATOMS}ref-t = {options.temperature:g}\n")
    for path in (data / "mapping").glob(f"{name}_*.ndx"):
        shutil.copy(path, folder / f"{name}.ndx")


if __name__ == "__main__":
    main()
