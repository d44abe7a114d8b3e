"""Beads of a run of Martini 3 of small molecules, also in water, and the topology of their atoms.

GROMACS puts molecules into a box that is too large, presses them together at 1 bar, and simulates them with the options
that Martini 3 is used with. Left behind are cg.gro and cg.xtc, and for the atoms topol.top (OPLS-AA by LigParGen, SPC/E
of GROMACS), md.mdp, what GROMACS would run it with, and each molecule's mapping.

    python prepare.py TOLU --martini ../shared/data/martini --pairs martini.itp --folder runs/toluene
    python prepare.py DIOX:30 THF:30 --water 250 --martini ../shared/data/martini --pairs martini.itp --folder mixture
"""
from __future__ import annotations

import argparse
import re
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
WATER = "W\n    1\n    1W        W    1   0.100   0.100   0.100\n   1.00000   1.00000   1.00000\n"


def apart(name: str, text: str) -> tuple[str, str]:
    """Atom types and molecule type of a file of LigParGen, whose atom types are called alike in all of its files.

    What rounding leaves of the charge of a neutral molecule is taken from its first atom: GROMACS stops for less.
    """
    text = re.sub(r"\bopls_(8\d\d)\b", rf"{name}_\1", text)
    start, end = text.index("[ atomtypes ]"), text.index("[ moleculetype ]")
    rows = [line.split() for line in text[text.index("[ atoms ]"):text.index("[ bonds ]")].splitlines()]
    charges = [float(row[6]) for row in rows if len(row) == 8 and row[0].isdigit()]
    old = next(row for row in rows if row[:1] == ["1"])[6]
    new = rf"\g<1>{float(old) - sum(charges):.4f}\g<2>"
    kind = re.sub(rf"^(\s+1\s.*\s){re.escape(old)}(\s)", new, text[end:], count=1, flags=re.MULTILINE)
    return text[start:end], kind


def main() -> None:
    """Simulate, and copy what belongs to the atoms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("molecules", nargs="+", metavar="NAME[:COUNT]",
                        help="as Martini calls it, e.g. TOLU; 125 of it")
    parser.add_argument("--water", type=int, default=0, help="beads W, of four waters each")
    parser.add_argument("--martini", type=Path, default=Path("../shared/data/martini"),
                        help="folder of martini_v3/ and small_molecules/")
    parser.add_argument("--pairs", type=Path, required=True, help="martini_v3.0.0.itp, with all pairs of types")
    parser.add_argument("--edge", type=float, default=3.6, help="of the first box, nm")
    parser.add_argument("--temperature", type=float, default=300.0)
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("."), help="where to write")
    options = parser.parse_args()
    folder, data = options.folder, options.martini / "small_molecules"
    counts = {name: int(count or 125) for name, _, count in (each.partition(":") for each in options.molecules)}
    for name in counts:
        if not (data / "gro" / f"{name}.gro").exists():
            raise SystemExit(f"there is no {data / 'gro' / name}.gro")
    folder.mkdir(parents=True, exist_ok=True)
    listed = "".join(f"{name} {count}\n" for name, count in counts.items())
    title = f"\n[ system ]\n{' and '.join(counts)}\n\n[ molecules ]\n{listed}"
    solvents = "moleculetype" not in options.pairs.read_text()  # some copies of the table have them
    files = [options.pairs, *(options.martini / "martini_v3" / f"martini_v3.0.0_{what}_v1.itp"
                              for what in ("solvents",) * solvents + ("small_molecules",))]
    (folder / "cg.top").write_text("".join(f'#include "{path.resolve()}"\n' for path in files) + title
                                   + (f"W {options.water}\n" if options.water else ""))
    for number, (name, count) in enumerate(counts.items()):
        shutil.copy(data / "gro" / f"{name}.gro", folder / "one.gro")
        filled(folder, "one.gro", count, options.edge, "start.gro" if number else None)
    if options.water:
        (folder / "one.gro").write_text(WATER)
        filled(folder, "one.gro", options.water, options.edge, "start.gro")
    simulated(folder, options.temperature, options.frames)
    types, molecules = zip(*(apart(name, (data / "aa" / f"{name}_LigParGen.itp").read_text()) for name in counts))
    (folder / "types.itp").write_text("".join(types))
    for name, text in zip(counts, molecules):
        (folder / f"{name}.itp").write_text(text)
        for path in (data / "mapping").glob(f"{name}_*.ndx"):
            shutil.copy(path, folder / f"{name}.ndx")
    own = ["types.itp", *(f"{name}.itp" for name in counts)]
    named = ["oplsaa.ff/forcefield.itp", *own, *(["oplsaa.ff/spce.itp"] if options.water else [])]
    (folder / "topol.top").write_text("".join(f'#include "{name}"\n' for name in named) + title)
    (folder / "md.mdp").write_text(f"{ATOMS}ref-t = {options.temperature:g}\n")


def simulated(folder: Path, temperature: float, frames: int) -> None:
    """Press what is in start.gro together and simulate it, as cg.gro and cg.xtc."""
    md = COARSE | {"ref-t": temperature, "gen-temp": temperature}
    press = {"pcoupl": "berendsen", "tau-p": 4.0, "compressibility": 3e-4, "ref-p": 1}
    stage(folder, "em", "start.gro", md | {"integrator": "steep", "nsteps": 500, "tcoupl": "no"}, "cg.top")
    stage(folder, "press", "em.gro", md | press | {"dt": 0.01, "nsteps": 30000, "gen-vel": "yes"}, "cg.top")
    steps, every = round(frames * EVERY / md["dt"]), round(EVERY / md["dt"])
    stage(folder, "cg", "press.gro", md | {"nsteps": steps, "nstxout-compressed": every}, "cg.top")
    gmx(folder, "trjconv", "-f", "cg.xtc", "-s", "cg.tpr", "-b", EVERY / 2, "-pbc", "mol", "-o", "whole.xtc",
        stdin="0\n")
    (folder / "whole.xtc").rename(folder / "cg.xtc")


if __name__ == "__main__":
    main()
