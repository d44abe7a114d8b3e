"""Beads of VOTCA's tutorials, from short simulations of small boxes of their molecules, and these simulations.

Molecules are taken out of the tutorial's conf.gro, GROMACS puts copies of them into a box that is too large, presses
them together, and simulates them at fixed volume; csg_map makes beads of the frames. Of spce the tutorial's own box is
simulated. Topology, mapping and grompp.mdp are the tutorial's own but for how many molecules there are, how long it
runs, what is written and how it is coupled. Left behind are topol.top, the mappings, md.mdp, cg.gro and cg.trr, and the
atoms that beads were made of, aa.gro and aa.trr.

    python prepare.py hexane --folder runs/hexane
"""
from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from simulating import filled, gmx, run, stage

TUTORIALS = Path("/usr/share/votca/csg-tutorials")


@dataclass(frozen=True)
class Liquid:
    """A liquid of the tutorials.

    Attributes:
        molecules: In the box, of each kind in the order of the topology; none for the tutorial's own box.
        edge: Of the first box, nm.
        temperature: K.
        folder: Below the tutorials, where that is not its name.
        every: ps, between frames.
        frames: That are written.
        settle: ps, before them: bonds that were rigid in the first box are cold for tens of ps.
    """

    molecules: Sequence[int]
    edge: float = 0.0
    temperature: float = 300.0
    folder: str = ""
    every: float = 4.0
    frames: int = 4
    settle: float = 0.0


#: What the box is made with, before it is simulated as the tutorial does: less far and with longer steps.
QUICK = {"dt": 0.002, "constraints": "all-bonds", "coulombtype": "reaction-field",
         "epsilon-rf": 0, "rlist": 0.9, "rcoulomb": 0.9, "rvdw": 0.9, "pcoupl": "berendsen", "tau-p": 0.5,
         "compressibility": 4.5e-5}
LIQUIDS = {"hexane": Liquid([80], 2.9, settle=40.0), "propane": Liquid([140], 2.8, 200, settle=40.0),
           "methanol": Liquid([240], 2.8, settle=40.0),
           "spce": Liquid([], every=2.0, frames=15),
           "methanol-water": Liquid([500, 500], 4.4, folder="methanol-water/X_0.5", every=2.0, frames=15),
           "urea-water": Liquid([120, 1111], 4.2, every=2.0, frames=15)}


def options(tutorial: Path) -> dict[str, object]:
    """What the tutorial's grompp.mdp says, by names with dashes."""
    lines = (line.partition(";")[0] for line in (tutorial / "grompp.mdp").read_text().splitlines())
    pairs = (line.partition("=")[::2] for line in lines if "=" in line)
    return {name.strip().lower().replace("_", "-"): value.strip() for name, value in pairs if value.strip()}


def residue(line: str) -> str:
    return line[5:10].strip().lower()


def box_of(tutorial: Path, folder: Path, counts: Sequence[int], edge: float) -> None:
    """As many of each of the tutorial's molecules in a box, as start.gro, and topol.top with their numbers."""
    lines = (tutorial / "conf.gro").read_text().splitlines()
    head, molecules = (tutorial / "topol.top").read_text().split("[ molecules ]")
    rows = re.findall(r"^\s*([A-Za-z]\w*)\s+(\d+)", molecules, re.MULTILINE)
    atoms, written = lines[2:-1], []
    for k, ((name, there), count) in enumerate(zip(rows, counts, strict=True)):
        first = atoms if len(rows) == 1 else [line for line in atoms if residue(line) == residue(atoms[0])]
        size = len(first) // int(there)
        (folder / "one.gro").write_text("\n".join([lines[0], str(size), *atoms[:size], lines[-1], ""]))
        filled(folder, "one.gro", count, edge, "start.gro" if k else None)
        atoms = atoms[len(first):]
        written.append(f"{name} {count}\n")
    (folder / "topol.top").write_text(f"{head}[ molecules ]\n{''.join(written)}")


def main() -> None:
    """Simulate and map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("liquid", choices=LIQUIDS)
    parser.add_argument("--folder", type=Path, default=Path("."), help="where to write")
    parser.add_argument("--frames", type=int)
    chosen = parser.parse_args()
    liquid, folder = LIQUIDS[chosen.liquid], chosen.folder
    tutorial = TUTORIALS / (liquid.folder or chosen.liquid) / "atomistic"
    folder.mkdir(parents=True, exist_ok=True)
    if not tutorial.is_dir():
        raise SystemExit(f"there is no {tutorial}: apt install votca-tutorials")
    mappings = sorted(path.name for path in tutorial.glob("*.xml") if "<cg_molecule>" in path.read_text())
    for path in [*tutorial.glob("*.itp"), tutorial / "topol.top", *(tutorial / name for name in mappings)]:
        shutil.copy(path, folder)
    said = options(tutorial)
    said.pop("energygrps", None)
    md = said | {"integrator": "md", "constraint-algorithm": "lincs", "tcoupl": "v-rescale", "tc-grps": "System",
                 "tau-t": 0.2, "ref-t": liquid.temperature, "gen-vel": "yes", "gen-temp": liquid.temperature,
                 "gen-seed": 7, "ld-seed": 7, "nstxout": 0, "nstfout": 0, "nstxout-compressed": 0, "nstcomm": 100,
                 "nstcalcenergy": 100, "nstenergy": 100, "nstlist": 10}
    if liquid.molecules:
        box_of(tutorial, folder, liquid.molecules, liquid.edge)
        quick = md | QUICK
        stage(folder, "em", "start.gro", quick | {"integrator": "steep", "nsteps": 300, "pcoupl": "no"})
        stage(folder, "squeeze", "em.gro", quick | {"nsteps": 2500, "ref-p": 500})
        stage(folder, "press", "squeeze.gro", quick | {"nsteps": 5000, "ref-p": 1, "gen-vel": "no"})
    else:
        shutil.copy(tutorial / "conf.gro", folder / "press.gro")
    every, frames = round(liquid.every / float(md["dt"])), chosen.frames or liquid.frames
    start, fixed = "press.gro", md | {"pcoupl": "no"}
    if liquid.settle:
        stage(folder, "settle", start, fixed | {"nsteps": round(liquid.settle / float(md["dt"]))})
        start = "settle.gro"
    stage(folder, "md", start, fixed | {"nsteps": frames * every, "nstxout": every})
    gmx(folder, "trjconv", "-f", "md.trr", "-s", "md.tpr", "-b", liquid.every / 2, "-pbc", "mol", "-o", "aa.trr",
        stdin="0\n")
    gmx(folder, "trjconv", "-f", "aa.trr", "-s", "md.tpr", "-dump", liquid.every * frames, "-o", "aa.gro", stdin="0\n")
    for atoms, beads in (("aa.trr", "cg.trr"), ("aa.gro", "cg.gro")):
        run(folder, "csg_map", "--top", "md.tpr", "--trj", atoms, "--cg", ";".join(mappings), "--out", beads)


if __name__ == "__main__":
    main()
