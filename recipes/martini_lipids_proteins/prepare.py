"""Input for a bilayer of POPC and for ubiquitin from runs of Martini 3, without water and ions or with them.

    python prepare.py popc   BILAYER.gro FORCEFIELD.ff POPC.itp FOLDER
    python prepare.py protein MARTINI.gro MAPS PROTEIN.pdb FOLDER
    python prepare.py box    BILAYER.gro FORCEFIELD.ff POPC.itp FOLDER
    python prepare.py protein_box MARTINI.gro WIDTH PROTEIN.pdb [FORCEFIELD.ff] FOLDER

The first writes `cg.gro` and `topol.top` (CHARMM36) into FOLDER; the second runs `gmx pdb2gmx` (amber99sb-ildn) and
writes `cg.gro`, `topol.top` and Backward's maps in the form that Martini 3 and pdb2gmx ask for. The third keeps the
water, of which every 48th bead becomes an ion, and the fourth what of water and ions lies in a cube of WIDTH nm about
the protein, for amber99sb-ildn or the force field that is given; their topologies are those of `gmx` and no more, for
`backmap init` to make of them what it can.
"""
from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

SOLVENT = frozenset(("W", "WF", "ION", "NA", "CL"))
#: Side chain beads of Martini 3 where Backward's maps, which are of Martini 2, have others.
TYROSINE = {"SC1": "CB HB1 HB2 CG", "SC2": "CD1 HD1 CE1 HE1", "SC3": "CD2 HD2 CE2 HE2", "SC4": "CZ OH HH"}
ALANINE = {"SC1": "CB HB1 HB2 HB3"}
EVERY = 48  #: of the water beads, one in so many becomes an ion
NEAREST = 0.4  #: nm; water beads nearer to what stands beyond the new boundary are left out
BACKBONE = frozenset(("N", "H", "CA", "HA", "C", "O"))


def beads(source: Path, target: Path) -> int:
    """Write the beads without solvent; returns how many molecules of POPC there are."""
    rows = source.read_text().splitlines()
    count = int(rows[1])
    kept = [row for row in rows[2:2 + count] if row[5:10].strip() not in SOLVENT]
    target.write_text("\n".join([rows[0], str(len(kept)), *kept, rows[2 + count], ""]))
    return len({row[:10] for row in kept if row[5:10].strip() == "POPC"})


def lipids(bilayer: Path, forcefield: Path, itp: Path, folder: Path) -> None:
    """Beads and topology of the bilayer; includes that the force field's folder does not have are left out."""
    lipid_count = beads(bilayer, folder / "cg.gro")
    included = []
    for row in (forcefield / "forcefield.itp").read_text().splitlines():
        named = re.match(r'\s*#include\s+"(.+)"', row)
        if named is None:
            included.append(row)
        elif (forcefield / named[1]).exists():
            included.append(f'#include "{(forcefield / named[1]).resolve()}"')
    (folder / "topol.top").write_text("\n".join([*included, f'#include "{itp.resolve()}"', "[ system ]", "POPC",
                                                 "[ molecules ]", f"POPC {lipid_count}", ""]))


def protein(source: Path, maps: Path, pdb: Path, folder: Path) -> None:
    """Beads, topology and maps of a protein of one chain."""
    beads(source, folder / "cg.gro")
    topology(pdb, folder, "amber99sb-ildn", "none")
    there: dict[str, set[str]] = {}
    for row in (folder / "crystal.gro").read_text().splitlines()[2:-1]:
        there.setdefault(row[5:10].strip(), set()).add(row[10:15].strip())
    (folder / "maps").mkdir(exist_ok=True)
    for residue, atoms in there.items():
        (folder / "maps" / f"{residue.lower()}.map").write_text(
            adapted((maps / f"{residue.lower()}.amber.map").read_text(), residue, atoms))


def whole(bilayer: Path, forcefield: Path, itp: Path, folder: Path) -> None:
    """The bilayer with its water and 0.15 M of salt, and a topology that knows of water and ions."""
    rows = bilayer.read_text().splitlines()
    count = int(rows[1])
    lipid, water = ([row for row in rows[2:2 + count] if (row[5:10].strip() in SOLVENT) is there]
                    for there in (False, True))
    ions = water[::EVERY]
    named = [f"{row[:5]}ION  {'NA' if k < len(ions) // 2 else 'CL':>5}{row[15:]}" for k, row in enumerate(ions)]
    kept = [*lipid, *(row for k, row in enumerate(water) if k % EVERY), *named]
    (folder / "cg.gro").write_text("\n".join([rows[0], str(len(kept)), *kept, rows[2 + count], ""]))
    here = copied(forcefield, folder)
    (folder / itp.name).write_bytes(itp.read_bytes())
    included = (f"{here.name}/forcefield.itp", itp.name, f"{here.name}/tip3p.itp", f"{here.name}/ions.itp")
    lipids = len({row[:10] for row in lipid})
    (folder / "topol.top").write_text("\n".join([*(f'#include "{file}"' for file in included), "[ system ]",
                                                 "POPC in water", "[ molecules ]", f"POPC {lipids}", ""]))


def copied(forcefield: Path, folder: Path) -> Path:
    """The folder of a force field below another; files that it was made without are empty there."""
    here = folder / forcefield.name
    shutil.copytree(forcefield, here, dirs_exist_ok=True)
    for file in re.findall(r'#include\s+"(.+)"', (here / "forcefield.itp").read_text()):
        if not (here / file).exists():
            (here / file).write_text("")
    return here


def protein_box(source: Path, width: Path, pdb: Path, *rest: Path) -> None:
    """A cube of a run of a protein about it, and the topology of `gmx pdb2gmx`; the cube's images do not overlap."""
    *forcefield, folder = rest
    rows, side = source.read_text().splitlines(), float(str(width))
    count, box = int(rows[1]), float(rows[-1].split()[0])
    rows = rows[2:2 + count]
    places = np.array([[row[20:28], row[28:36], row[36:44]] for row in rows], dtype=float)
    solvent = np.array([row[5:10].strip() in {*SOLVENT, "ION"} for row in rows])
    own = places[~solvent]
    places[~solvent] = own = own[0] + minimum(own - own[0], box)
    middle = (own.min(axis=0) + own.max(axis=0)) / 2
    places = np.where(solvent[:, None], minimum(places - middle, box), places - middle) + side / 2
    kept = np.flatnonzero(~solvent | np.all((places > 0) & (places < side), axis=1))
    pairs = cKDTree(np.mod(places[kept], side), boxsize=side).query_pairs(NEAREST, output_type="ndarray")
    gone: set[int] = set()
    for pair in kept[pairs]:
        water = [k for k in pair if rows[k][5:10].strip() == "W"]
        if np.linalg.norm(places[pair[0]] - places[pair[1]]) > 2 * NEAREST and water and not gone & {*pair}:
            gone.add(water[0])
    kept = [k for k in kept if k not in gone]
    ions = {name: [k for k in kept if rows[k][10:15].strip() == name] for name in ("NA", "CL")}
    more, fewer = sorted(ions.values(), key=len, reverse=True)
    kept = [k for k in kept if k not in more[len(fewer):]]  # as neutral as the run
    (folder / "cg.gro").write_text("\n".join(
        ["protein", str(len(kept)), *(rows[k][:20] + "".join(f"{x:8.3f}" for x in places[k]) for k in kept),
         f"{side:10.5f}" * 3, ""]))
    topology(pdb, folder, copied(forcefield[0], folder).stem if forcefield else "amber99sb-ildn", "tip3p")


def topology(pdb: Path, folder: Path, forcefield: str, water: str) -> None:
    """`topol.top` of a protein's atoms by `gmx pdb2gmx`, and they themselves with hydrogens as `crystal.gro`."""
    (folder / "atoms.pdb").write_text("".join(row + "\n" for row in pdb.read_text().splitlines()
                                              if row.startswith("ATOM")))
    subprocess.run(["gmx", "pdb2gmx", "-f", "atoms.pdb", "-ignh", "-ff", forcefield, "-water", water, "-o",
                    "crystal.gro", "-p", "topol.top"], cwd=folder, check=True, capture_output=True)


def minimum(steps: np.ndarray, box: float) -> np.ndarray:
    """The same steps to the nearest images in a cube."""
    return steps - box * np.round(steps / box)


def adapted(text: str, residue: str, atoms: set[str]) -> str:
    """A map without the hydrogens of other states of protonation, and with the beads of Martini 3."""
    changed = {"TYR": TYROSINE, "ALA": ALANINE}.get(residue)
    bead_of = {atom: bead for bead, listed in (changed or {}).items() for atom in listed.split()}
    kept, gone, section = [], set(), ""
    for row in text.splitlines():
        header = re.match(r"\s*\[\s*(\w+)\s*\]", row)
        section = header[1] if header else section
        words = row.split(";")[0].split()
        if section == "martini" and words and not header and changed:
            row = " ".join(["BB", *changed])
        elif section == "atoms" and len(words) > 1 and words[0].isdigit():
            if words[1] not in atoms | BACKBONE:
                gone.add(words[1])
                continue
            if words[1] in bead_of:
                row = f"{words[0]} {words[1]} {bead_of[words[1]]}"
        elif section in ("cis", "trans", "out", "chiral") and words and not header and (
                # Helper points of Backward's tyrosine stand for beads that it places otherwise.
                gone & {*words} or (residue == "TYR" and section != "chiral")):
            continue
        kept.append(row)
    return "\n".join([*kept, ""])


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    target = Path(arguments[-1])
    target.mkdir(parents=True, exist_ok=True)
    {"popc": lipids, "protein": protein, "box": whole, "protein_box": protein_box}[what](*map(Path, arguments))
