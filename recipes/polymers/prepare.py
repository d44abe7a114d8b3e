"""Beads of a coarse-grained run of a polymer melt, and the topology of its atoms.

`polyply` (pip) writes both molecules, by Martini 3 and by an all-atom force field, and puts the coarse-grained chains
into a box; GROMACS presses them together at 400 K and simulates them. Martini's table of pairs is not part of it: types
of beads get Lennard-Jones parameters of about their size. Left behind are cg.gro and cg.xtc, and for the atoms
topol.top, md.mdp, what GROMACS would run it with, and the mapping.

    python -m venv polyply && polyply/bin/pip install polyply pysmiles cgsmiles
    python prepare.py peo --polyply polyply/bin/polyply --folder runs/peo
"""
from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from simulating import run, stage

TEMPERATURE = 400.0  #: K
MARTINI = {"integrator": "md", "dt": 0.01, "nstxout-compressed": 0, "nstlist": 20, "coulombtype": "reaction-field",
           "epsilon-r": 15, "rcoulomb": 1.1, "rvdw": 1.1, "vdw-modifier": "potential-shift-verlet",
           "tcoupl": "v-rescale", "tc-grps": "System", "tau-t": 1.0, "ref-t": TEMPERATURE, "gen-temp": TEMPERATURE,
           "gen-seed": 7, "ld-seed": 7}
ATOMS = f"""integrator = md
dt = 0.001
constraints = h-bonds
cutoff-scheme = Verlet
coulombtype = reaction-field
rcoulomb = 1.0
rvdw = 1.0
epsilon-rf = 0
tcoupl = v-rescale
tc-grps = System
tau-t = 0.1
ref-t = {TEMPERATURE:g}
gen-vel = yes
gen-temp = {TEMPERATURE:g}
"""


@dataclass(frozen=True)
class Polymer:
    """A melt.

    Attributes:
        name: Of its molecule.
        chains: How many.
        beads, atoms: Sequences, as polyply has them.
        library: Of polyply, for the atoms.
        field: Folder of GROMACS that has the types of atoms.
        types: Of beads: mass, u, sigma, nm, and epsilon, kJ/mol.
        pairs: Other sigma and epsilon of two types.
        mapping: Beads of atoms by residue, in Backward's format: residue, its beads, and (atoms, bead).
        pressure: At which chains are pressed together, bar, so that the density is about that of the melt.
    """

    name: str
    chains: int
    beads: tuple[str, ...]
    atoms: tuple[str, ...]
    library: str
    field: str
    types: dict[str, tuple[float, float, float]]
    pairs: dict[tuple[str, str], tuple[float, float]]
    mapping: dict[str, tuple[str, tuple[tuple[str, str], ...]]]
    pressure: float


POLYMERS = {
    "peo": Polymer(
        "PEO", 60, ("PEO:12",), ("OHter:1", "PEO:10", "OHter:1"), "oplsaaLigParGen", "oplsaa.ff",
        {"SN3r": (45.0, 0.41, 2.55)}, {}, {
            "PEO": ("EC", (("C01 O02 C03 H04 H05 H06 H07", "EC"),)),
            "OHter": ("EC", (("OA1 C2 HA3 H4 H5", "EC"),))}, 1.0),
    "p3ht": Polymer(
        "P3HT", 24, ("P3HT:8",), ("Hter:1", "P3HT:8", "Hter:1"), "gromos53A6", "gromos53a6.ff",
        {"TC6": (36.0, 0.34, 1.51), "TC5": (36.0, 0.34, 1.51), "SC2": (54.0, 0.41, 2.3), "U": (0.0, 0.0, 0.0)},
        {("TC6", "SC2"): (0.37, 1.7), ("TC5", "SC2"): (0.37, 1.7)}, {
            "P3HT": ("S1 C2 C3 C5 C6", (
                ("ST1", "S1"), ("CT2 CT3", "C3"), ("CT4 HT4 CT5", "C2"),
                ("C06 H06 H07 C07 H08 H09 C08 H10 H11", "C5"),
                ("C09 H12 H13 C10 H14 H15 C11 H16 H17 H18", "C6")))}, 250.0),
    "pva": Polymer(
        "PVA", 40, ("PVA:20",), ("PVA:20",), "2016H66", "gromos53a6.ff", {"SP2r": (45.0, 0.41, 2.8)}, {}, {
            "PVA": ("VNL", (("VC1 VC2 SC1 SC2", "VNL"),))}, 1.0),
    "pmma": Polymer(
        "PMMA", 24, ("PMMA:20",), ("PMMA:20",), "2016H66", "gromos53a6.ff",
        {"SC3": (54.0, 0.41, 2.3), "SN4a": (54.0, 0.41, 2.5)}, {}, {
            "PMMA": ("VNL EST", (("VC1 VC2 SB1", "VNL"), ("SC1 SC2 SC3 SC4", "EST")))}, 1.0),
    "ps": Polymer(
        "PS", 24, ("PS:15",), ("PS:15",), "2016H66", "gromos53a6.ff",
        {"TC5": (45.0, 0.34, 1.51), "TC3": (45.0, 0.34, 1.4)}, {}, {
            "PS": ("R1 R2 R3 B", (("VC1 VC2", "B"), ("SC1 SC2 H1", "R1"), ("C3 H2 C4 H3", "R2"),
                                  ("C5 H4 SC3 H5", "R3")))}, 50.0)}


def mapping_of(polymer: Polymer) -> str:
    """Its mapping, as Backward writes them."""
    parts = []
    for residue, (beads, rows) in polymer.mapping.items():
        atoms = [(atom, bead) for names, bead in rows for atom in names.split()]
        parts.append("\n".join(["[ molecule ]", residue, "[ martini ]", beads, "[ mapping ]", polymer.library,
                                "[ atoms ]", *(f"{k} {atom} {bead}" for k, (atom, bead) in enumerate(atoms, 1))])
                     + "\n")
    return "\n".join(parts)


def coarse_topology(polymer: Polymer) -> str:
    """Of the beads, for GROMACS."""
    rows = [f"{name} {mass} 0.0 A {sigma} {epsilon}" for name, (mass, sigma, epsilon) in polymer.types.items()]
    pairs = [f"{a} {b} 1 {sigma} {epsilon}" for (a, b), (sigma, epsilon) in polymer.pairs.items()]
    return "\n".join(["[ defaults ]", "1 2 no 1.0 1.0", "[ atomtypes ]", *rows, "[ nonbond_params ]", *pairs,
                      '#include "cg.itp"', *listed(polymer)]) + "\n"


def listed(polymer: Polymer) -> tuple[str, ...]:
    """The end of a topology."""
    return "[ system ]", f"{polymer.name} melt", "[ molecules ]", f"{polymer.name} {polymer.chains}"


def main() -> None:
    """Write what there is of a polymer, and simulate its beads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("polymer", choices=sorted(POLYMERS))
    parser.add_argument("--polyply", type=Path, default=Path("polyply"), help="the program")
    parser.add_argument("--frames", type=int, default=5, help="200 ps apart")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where to write")
    options = parser.parse_args()
    folder, polymer = options.folder, POLYMERS[options.polymer]
    program = options.polyply.resolve() if options.polyply.exists() else options.polyply
    folder.mkdir(parents=True, exist_ok=True)
    for library, sequence, name in (("martini3", polymer.beads, "cg.itp"),
                                    (polymer.library, polymer.atoms, f"{options.polymer}.itp")):
        run(folder, program, "gen_params", "-lib", library, "-seq", *sequence, "-name", polymer.name, "-o", name)
    (folder / "cg.top").write_text(coarse_topology(polymer))
    run(folder, program, "gen_coords", "-p", "cg.top", "-o", "start.gro", "-name", polymer.name, "-dens", 500)
    press = {"pcoupl": "berendsen", "tau-p": 6.0, "compressibility": 1e-4, "ref-p": polymer.pressure}
    stage(folder, "em", "start.gro", MARTINI | {"integrator": "steep", "nsteps": 2000, "tcoupl": "no"}, "cg.top")
    stage(folder, "press", "em.gro", MARTINI | press | {"nsteps": 100000, "gen-vel": "yes"}, "cg.top")
    stage(folder, "cg", "press.gro", MARTINI | {"nsteps": 20000 * options.frames, "nstxout-compressed": 20000},
          "cg.top")
    (folder / "topol.top").write_text("\n".join([f'#include "{polymer.field}/forcefield.itp"',
                                                 f'#include "{options.polymer}.itp"', *listed(polymer)]) + "\n")
    (folder / f"{options.polymer}.map").write_text(mapping_of(polymer))
    (folder / "md.mdp").write_text(ATOMS)


if __name__ == "__main__":
    main()
