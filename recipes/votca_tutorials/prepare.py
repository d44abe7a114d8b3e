"""Beads of hexane, propane and methanol of VOTCA's tutorials, from short simulations of small boxes of their molecules.

A molecule is taken out of the tutorial's conf.gro, GROMACS puts copies of it into a box that is too large, presses them
together, and simulates them at fixed volume; csg_map makes beads of the frames. Topology, mapping and grompp.mdp are
the tutorial's own but for how many molecules there are, how long it runs, what is written and how it is coupled. Left
behind are topol.top, the mapping, md.mdp, cg.gro and cg.trr, and the atoms that beads were made of, aa.gro and aa.trr.

    python prepare.py hexane --folder runs/hexane
"""
from __future__ import annotations

import argparse
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from simulating import filled, gmx, run, stage

TUTORIALS = Path("/usr/share/votca/csg-tutorials")
EVERY = 4.0  #: ps, between frames


@dataclass(frozen=True)
class Liquid:
    """A liquid of the tutorials: molecules in the box, its first edge in nm, temperature in K."""

    molecules: int
    edge: float
    temperature: float


#: What the box is made with, before it is simulated as the tutorial does: less far and with longer steps.
QUICK = {"dt": 0.002, "constraints": "h-bonds", "coulombtype": "reaction-field", "epsilon-rf": 0, "rlist": 0.9,
         "rcoulomb": 0.9, "rvdw": 0.9, "pcoupl": "berendsen", "tau-p": 0.5, "compressibility": 4.5e-5}
LIQUIDS = {"hexane": Liquid(80, 2.9, 300), "propane": Liquid(140, 2.8, 200), "methanol": Liquid(240, 2.8, 300)}


def options(tutorial: Path) -> dict[str, object]:
    """What the tutorial's grompp.mdp says, by names with dashes."""
    lines = (line.partition(";")[0] for line in (tutorial / "grompp.mdp").read_text().splitlines())
    pairs = (line.partition("=")[::2] for line in lines if "=" in line)
    return {name.strip().lower().replace("_", "-"): value.strip() for name, value in pairs if value.strip()}


def one_molecule(tutorial: Path, folder: Path) -> None:
    """The first molecule of the tutorial's frame, as one.gro."""
    lines = (tutorial / "conf.gro").read_text().splitlines()
    atoms = int(lines[1]) // int((tutorial / "topol.top").read_text().split()[-1])
    (folder / "one.gro").write_text("\n".join([lines[0], str(atoms), *lines[2:2 + atoms], lines[-1], ""]))


def main() -> None:
    """Simulate and map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("liquid", choices=LIQUIDS)
    parser.add_argument("--folder", type=Path, default=Path("."), help="where to write")
    parser.add_argument("--frames", type=int, default=4)
    chosen = parser.parse_args()
    liquid, folder, tutorial = LIQUIDS[chosen.liquid], chosen.folder, TUTORIALS / chosen.liquid / "atomistic"
    folder.mkdir(parents=True, exist_ok=True)
    if not tutorial.is_dir():
        raise SystemExit(f"there is no {tutorial}: apt install votca-tutorials")
    for path in [*tutorial.glob("*.itp"), tutorial / f"{chosen.liquid}.xml"]:
        shutil.copy(path, folder)
    text = (tutorial / "topol.top").read_text().rstrip()
    (folder / "topol.top").write_text(re.sub(r"\d+$", str(liquid.molecules), text) + "\n")
    one_molecule(tutorial, folder)
    filled(folder, "one.gro", liquid.molecules, liquid.edge)
    said = options(tutorial)
    said.pop("energygrps", None)
    md = said | {"tcoupl": "v-rescale", "tau-t": 0.2, "ref-t": liquid.temperature, "gen-temp": liquid.temperature,
                 "gen-seed": 7, "ld-seed": 7, "nstxout": 0, "nstfout": 0, "nstcomm": 100, "nstcalcenergy": 100,
                 "nstenergy": 100, "nstlist": 10}
    quick = md | QUICK
    stage(folder, "em", "start.gro", quick | {"integrator": "steep", "nsteps": 300, "pcoupl": "no"})
    stage(folder, "squeeze", "em.gro", quick | {"nsteps": 2500, "ref-p": 500})
    stage(folder, "press", "squeeze.gro", quick | {"nsteps": 5000, "ref-p": 1, "gen-vel": "no"})
    every = round(EVERY / float(md["dt"]))
    stage(folder, "md", "press.gro", md | {"nsteps": chosen.frames * every, "pcoupl": "no", "nstxout": every})
    gmx(folder, "trjconv", "-f", "md.trr", "-s", "md.tpr", "-b", EVERY / 2, "-pbc", "mol", "-o", "aa.trr", stdin="0\n")
    gmx(folder, "trjconv", "-f", "aa.trr", "-s", "md.tpr", "-dump", EVERY, "-o", "aa.gro", stdin="0\n")
    for atoms, beads in (("aa.trr", "cg.trr"), ("aa.gro", "cg.gro")):
        run(folder, "csg_map", "--top", "md.tpr", "--trj", atoms, "--cg", f"{chosen.liquid}.xml", "--out", beads)


if __name__ == "__main__":
    main()
