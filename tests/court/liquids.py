"""Small boxes of molecules simulated by GROMACS with the OPLS-AA force field: true atoms, to be mapped to beads."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import networkx as nx
import numpy as np
import yaml
from rdkit import Chem
from rdkit.Chem import AllChem

#: Of OPLS-AA as GROMACS ships it: of an alkane's carbon with so many hydrogens, and of the atoms of an alcohol.
CARBON = {3: ("opls_135", -0.18), 2: ("opls_136", -0.12)}
HYDROGEN = ("opls_140", 0.06)
ALCOHOL = {"C": ("opls_157", 0.145), "H": ("opls_156", 0.04), "O": ("opls_154", -0.683), "HO": ("opls_155", 0.418)}
MASS = {"C": 12.011, "H": 1.008, "O": 15.9994}
APART = 4  #: ps, between frames
APART_IN_GAS = 2.0  #: nm, between molecules: 350 K and about 6 bar
LOG = "log.txt"  #: of what GROMACS prints


@dataclass(frozen=True)
class Molecule:
    """A molecule and its beads.

    Attributes:
        name: Of the molecule type, three letters.
        smiles: Carbons first in the order of beads.
        beads: Heavy atoms of each bead, by their number in the SMILES; hydrogens follow them.
    """

    name: str
    smiles: str
    beads: tuple[tuple[int, ...], ...]

    @property
    def graph(self) -> Chem.Mol:
        return Chem.AddHs(Chem.MolFromSmiles(self.smiles))

    @property
    def order(self) -> list[int]:
        """Atoms of ``graph`` in the order of files: each heavy atom and its hydrogens."""
        made = []
        for atom in self.graph.GetAtoms():
            if atom.GetAtomicNum() > 1:
                made += [atom.GetIdx(), *sorted(n.GetIdx() for n in atom.GetNeighbors() if n.GetAtomicNum() == 1)]
        return made

    @property
    def atoms(self) -> list[tuple[str, str, str, float]]:
        """Name, element, type and charge of each, in the order of files."""
        made, number = [], 0
        for index in self.order:
            atom = self.graph.GetAtomWithIdx(index)
            if atom.GetAtomicNum() > 1:
                number, letter = number + 1, "A"
                name = f"{atom.GetSymbol()}{number}"
            else:
                name, letter = f"H{number}{letter}", chr(ord(letter) + 1)
            made.append((name, atom.GetSymbol(), *_kind(atom)))
        return made

    def itp(self) -> str:
        """Its topology; OPLS-AA has the parameters."""
        place = {index: number for number, index in enumerate(self.order, 1)}
        graph = nx.Graph((place[b.GetBeginAtomIdx()], place[b.GetEndAtomIdx()]) for b in self.graph.GetBonds())
        angles = [(a, b, c) for b in sorted(graph) for a in graph[b] for c in graph[b] if a < c]
        torsions = [(a, b, c, d) for b, c in graph.edges for a in graph[b] for d in graph[c] if a != c and d != b]
        lines = ["[ moleculetype ]", f"{self.name} 3", "[ atoms ]"]
        lines += [f"{number} {kind} 1 {self.name} {name} {number} {charge} {MASS[element]}"
                  for number, (name, element, kind, charge) in enumerate(self.atoms, 1)]
        for section, members, function in (("bonds", graph.edges, 1), ("angles", angles, 1),
                                           ("pairs", [(t[0], t[-1]) for t in torsions], 1), ("dihedrals", torsions, 3)):
            lines += [f"[ {section} ]", *(f"{' '.join(map(str, each))} {function}" for each in members)]
        return "\n".join(lines) + "\n"

    def mapping(self, weights: str = "mass") -> dict[str, object]:
        """Its beads, as a YAML mapping has them."""
        names, beads = [name for name, *_ in self.atoms], {}
        for number, heavy in enumerate(self.beads, 1):
            members = []
            for place, index in enumerate(self.order):
                atom = self.graph.GetAtomWithIdx(index)
                owner = index if atom.GetAtomicNum() > 1 else atom.GetNeighbors()[0].GetIdx()
                if owner in heavy:
                    members.append(names[place])
            beads[f"B{number}"] = {"type": f"T{len(heavy)}", "atoms": members}
        return {self.name: {"weights": weights, "beads": beads}}

    def conformer(self, seed: int) -> np.ndarray:
        """Positions in the order of files, nm, (A, 3)."""
        graph = self.graph
        AllChem.EmbedMolecule(graph, randomSeed=seed)
        return graph.GetConformer().GetPositions()[self.order] / 10


def _kind(atom: Chem.Atom) -> tuple[str, float]:
    """Type and charge in OPLS-AA."""
    heavy = atom if atom.GetAtomicNum() > 1 else atom.GetNeighbors()[0]
    hydrogens = sum(n.GetAtomicNum() == 1 for n in heavy.GetNeighbors())
    alcohol = any(n.GetSymbol() == "O" for n in heavy.GetNeighbors())
    if heavy.GetSymbol() == "O":
        return ALCOHOL["O" if heavy is atom else "HO"]
    if heavy is atom:
        return ALCOHOL["C"] if alcohol else CARBON[hydrogens]
    return ALCOHOL["H"] if alcohol and hydrogens == 3 else HYDROGEN  # as methanol has them


class Water(Molecule):
    """Rigid water, SPC/E, of one bead."""

    @property
    def atoms(self) -> list[tuple[str, str, str, float]]:
        return [("OW", "O", "opls_116", -0.8476), ("HW1", "H", "opls_117", 0.4238), ("HW2", "H", "opls_117", 0.4238)]

    def itp(self) -> str:
        return '#include "oplsaa.ff/spce.itp"\n'

    def mapping(self, weights: str = "mass") -> dict[str, object]:
        return {self.name: {"weights": weights, "beads": {"W": {"type": "W", "atoms": ["OW", "HW1", "HW2"]}}}}

    def conformer(self, seed: int) -> np.ndarray:
        return np.array([[0.0, 0.0, 0.0], [0.08165, 0.05774, 0.0], [-0.08165, 0.05774, 0.0]])


WATER = Water("SOL", "O", ((0,),))
PROPANE = Molecule("PRO", "CCC", ((0, 1, 2),))
HEXANE = Molecule("HEX", "CCCCCC", ((0, 1), (2, 3), (4, 5)))
METHANOL = Molecule("MET", "CO", ((0, 1),))
ETHANOL = Molecule("ETH", "CCO", ((0, 1, 2),))


@dataclass(frozen=True)
class Liquid:
    """A box and how it is simulated; every one is of its own topology, beads and atoms.

    Attributes:
        name: Of its folder.
        contents: Molecules and how many.
        temperature: K.
        constraints: As in an .mdp: ``none``, ``h-bonds`` or ``all-bonds``.
        density: kg/m^3, of the box that is simulated.
        shape: ``liquid``; ``slab`` with as much vacuum as there is liquid, twice; ``crystal``, molecules side by side;
            ``glass``, from the liquid at 300 K in 20 ps.
        edits: Replacements in the topology before the simulation.
        cutoff: nm.
    """

    name: str
    contents: Sequence[tuple[Molecule, int]]
    temperature: float
    constraints: str = "all-bonds"
    density: float = 650.0
    shape: str = "liquid"
    edits: tuple[tuple[str, str], ...] = ()
    cutoff: float = 0.8
    options: dict[str, object] = field(default_factory=dict)

    def topology(self) -> str:
        """The text of topol.top."""
        text = '#include "oplsaa.ff/forcefield.itp"\n' + "".join(molecule.itp() for molecule, _ in self.contents)
        for old, new in self.edits:
            assert old in text, old
            text = text.replace(old, new)
        counts = "".join(f"{molecule.name} {count}\n" for molecule, count in self.contents)
        return f"{text}[ system ]\n{self.name}\n[ molecules ]\n{counts}"

    def run(self, duration: float, temperature: float, start: bool, **more: object) -> dict[str, object]:
        """Options of a run of so many ps."""
        step = 0.001 if self.constraints == "none" else 0.002
        every = round(APART / step)
        return {
            "integrator": "sd", "dt": step, "nsteps": round(duration / step), "tau-t": 0.5, "tc-grps": "system",
            "ref-t": temperature, "gen-vel": "yes" if start else "no", "gen-temp": temperature, "ld-seed": 7,
            "gen-seed": 7, "constraints": self.constraints, "lincs-order": 6, "lincs-iter": 2,
            "compressed-x-precision": 10000, "nstxout-compressed": every, "nstenergy": every, "nstlog": every,
            **self.interactions(), **more}

    def interactions(self) -> dict[str, object]:
        """Options of the force field, as the .mdp that users have."""
        return {"coulombtype": "reaction-field", "epsilon-rf": 0, "rvdw": self.cutoff, "rcoulomb": self.cutoff,
                "vdw-modifier": "none", "coulomb-modifier": "none", "cutoff-scheme": "Verlet", **self.options}

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """Molecules on a lattice, (A, 3), nm, and the edges of their box."""
        count = sum(number for _, number in self.contents)
        longest = max(np.ptp(molecule.conformer(7), axis=0).max() for molecule, _ in self.contents)
        rng = np.random.default_rng(7)
        if self.shape == "crystal":
            spacing, turned = np.array([0.48, 0.48, longest + 0.25]), False
            n = np.array([5, 5, int(np.ceil(count / 25))])
        else:
            spacing, turned = np.full(3, longest + 0.25 if self.density else APART_IN_GAS), True
            n = np.full(3, int(np.ceil(count ** (1 / 3) - 1e-9)))
        sites = np.argwhere(np.ones(n))[:count]
        rng.shuffle(sites)
        kinds = [molecule for molecule, number in self.contents for _ in range(number)]
        atoms = []
        for site, molecule in zip(sites, kinds):
            shape = molecule.conformer(7)
            shape = shape - shape.mean(axis=0)
            axes = np.linalg.svd(shape, full_matrices=False)[2]
            shape = shape @ axes[::-1].T  # the long axis along z
            if turned:
                shape = shape @ np.linalg.qr(rng.normal(size=(3, 3)))[0] * 1.0
            atoms.append(shape + (site + 0.5) * spacing)
        return np.concatenate(atoms), n * spacing


def gmx(*words: str, folder: Path, stdin: str = "") -> None:
    """Run a command of GROMACS; what it prints goes to ``LOG``."""
    done = subprocess.run(["gmx", *words, "-nice", "0"], cwd=folder, input=stdin, text=True, capture_output=True,
                          check=False, env=os.environ | {"GMX_MAXBACKUP": "-1", "OMP_NUM_THREADS": "1"})
    with (folder / LOG).open("a") as log:
        log.write(done.stdout + done.stderr)
    if done.returncode:
        raise RuntimeError(f"gmx {' '.join(words)} failed, see {folder / LOG}")


def write_mdp(path: Path, options: dict[str, object]) -> None:
    path.write_text("".join(f"{name} = {value}\n" for name, value in options.items()))


def write_gro(path: Path, liquid: Liquid, atoms: np.ndarray, box: np.ndarray) -> None:
    """A .gro with the names of the topology."""
    lines, number, residue = [liquid.name, str(len(atoms))], 0, 0
    for molecule, count in liquid.contents:
        for _ in range(count):
            residue += 1
            for name, *_ in molecule.atoms:
                x, y, z = atoms[number]
                number += 1
                lines.append(f"{residue % 100000:5d}{molecule.name:<5}{name:>5}{number % 100000:5d}"
                             f"{x:8.3f}{y:8.3f}{z:8.3f}")
    lines.append(" ".join(f"{edge:.5f}" for edge in box))
    path.write_text("\n".join(lines) + "\n")


def simulate(liquid: Liquid, folder: Path, n_frames: int = 6) -> Path:
    """Simulate a box unless that was done; its folder holds topol.top, run.mdp, mapping.yaml, aa.gro and aa.xtc."""
    place = folder / liquid.name
    if (place / "aa.xtc").exists():
        return place
    place.mkdir(parents=True, exist_ok=True)
    (place / "topol.top").write_text(liquid.topology())
    mapping = {}
    for molecule, _ in liquid.contents:
        mapping |= molecule.mapping()
    (place / "mapping.yaml").write_text(yaml.safe_dump(mapping, sort_keys=False))
    write_gro(place / "start.gro", liquid, *liquid.start())
    last = _stage(place, "em", {"integrator": "steep", "nsteps": 2000, "emtol": 100, **liquid.interactions()},
                  "start.gro")
    if liquid.shape == "crystal":
        pressed = {"pcoupl": "berendsen", "pcoupltype": "semiisotropic", "tau-p": 1.0, "ref-p": "1 1",
                   "compressibility": "1e-4 1e-4"}
    else:
        pressed = {"pcoupl": "berendsen", "tau-p": 1.0, "ref-p": 1.0, "compressibility": 1e-4}
    if liquid.density:
        squeezed = {**pressed, "ref-p": "1 1" if liquid.shape == "crystal" else 2000.0}
        last = _stage(place, "squeeze", liquid.run(10, liquid.temperature, True, **squeezed), last)
        last = _stage(place, "press", liquid.run(15, liquid.temperature, False, **pressed), last)
    if liquid.shape == "slab":
        gmx("editconf", "-f", last, "-o", "wide.gro", "-noc", *_wide(place / last), folder=place)
        last = "wide.gro"
    last = _stage(place, "settle", liquid.run(10, liquid.temperature, not liquid.density), last)
    write_mdp(place / "run.mdp", liquid.run(APART * n_frames, liquid.temperature, False))
    last = _stage(place, "run", liquid.run(APART * n_frames, liquid.temperature, False), last)
    gmx("trjconv", "-f", "run.xtc", "-s", "run.tpr", "-b", "1", "-pbc", "mol", "-ndec", "4", "-o", "made.xtc",
        folder=place, stdin="0\n")
    gmx("trjconv", "-f", "made.xtc", "-s", "run.tpr", "-dump", str(APART), "-ndec", "4", "-o", "aa.gro", folder=place,
        stdin="0\n")
    (place / "made.xtc").rename(place / "aa.xtc")
    return place


def _stage(place: Path, name: str, options: dict[str, object], start: str) -> str:
    """One run; the name of its last frame."""
    if not (place / f"{name}.gro").exists():
        write_mdp(place / f"{name}.mdp", options)
        gmx("grompp", "-f", f"{name}.mdp", "-c", start, "-p", "topol.top", "-o", f"{name}.tpr", "-maxwarn", "3",
            folder=place)
        gmx("mdrun", "-deffnm", name, "-ntmpi", "1", "-ntomp", "1", folder=place)
    return f"{name}.gro"


def _wide(gro: Path) -> list[str]:
    """A box three times as long in z."""
    edges = [float(edge) for edge in gro.read_text().splitlines()[-1].split()[:3]]
    return ["-box", str(edges[0]), str(edges[1]), str(3 * edges[2])]


LIQUIDS = {liquid.name: liquid for liquid in (
    Liquid("hexane", [(HEXANE, 36)], 300.0, "none"),
    Liquid("propane", [(PROPANE, 64)], 230.0),
    Liquid("methanol", [(METHANOL, 108)], 300.0, "h-bonds"),
    Liquid("ethanol", [(ETHANOL, 75)], 300.0),
    Liquid("mixture", [(ETHANOL, 36), (HEXANE, 20)], 320.0),
    Liquid("hot", [(HEXANE, 36)], 340.0),
    Liquid("gas", [(PROPANE, 40)], 350.0, density=0.0),
    Liquid("slab", [(PROPANE, 64)], 200.0, shape="slab"),
    Liquid("crystal", [(HEXANE, 50)], 100.0, shape="crystal"),
    Liquid("glass", [(HEXANE, 36)], 80.0),
    Liquid("water", [(WATER, 216)], 300.0),
    Liquid("aqueous", [(WATER, 120), (ETHANOL, 30)], 300.0),
)}


if __name__ == "__main__":
    import sys
    import time

    for name in sys.argv[2:] or LIQUIDS:
        began = time.time()
        try:
            simulate(LIQUIDS[name], Path(sys.argv[1]))
        except RuntimeError as error:
            print(error)
        print(name, f"{time.time() - began:.0f} s", flush=True)
