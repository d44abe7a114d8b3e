"""Liquid mixtures of many molecules: ``python mixtures.py TOOLS FOLDER [BOX ...]``, all boxes by default.

Each box has the next molecules or oligomers of ``molecules.py``, ``COPIES`` of each, from as many conformers, at a
temperature of its own. Parameters are GAFF2's by acpype (installed into TOOLS unless it is there) with the charges of
MMFF94. Written are ``FOLDER/mixtures/N/topol.top``, ``aa.gro``, ``aa.xtc`` and ``log.csv``. Units: nm, ps, K, bar,
kg/m3.
"""
from __future__ import annotations

import argparse
import os
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from molecules import molecules, oligomers
from rdkit import Chem
from rdkit.Chem import AllChem, Descriptors
from simulate import SEED, STARTING_DENSITY, filled, forces, install, kept, run, settings, stage

TOGETHER, COPIES = 30, 3
TEMPERATURES = (340, 400, 320, 450, 360, 420, 380, 380, 360, 480, 440, 500)  #: of each box
#: The first box of oligomers, and how many of them are in a box; the box whose molecules nothing is to learn from.
OLIGOMERS, FEWER, HELD_OUT = 9, 10, 8
PERMITTIVITY = 8.0  #: of the reaction field
COMPRESSION, EQUILIBRATION, PRODUCTION = 25.0, 40.0, 48.0
#: Mass that a hydrogen gets from its neighbour in the simulation. Of averages over positions only the metric of rigid
#: bonds depends on it.
HEAVIER, TIME_STEP = 2.016, 0.004
SIMULATED = "simulated.top"
DEFAULTS = "[ defaults ]\n1 2 yes 0.5 0.8333333333\n"


@dataclass(frozen=True)
class Parametrised:
    """A molecule with its parameters.

    Attributes:
        code: Its name in the topology.
        mass: g/mol.
        types: Lines of atom types.
        lines: Its molecule type, line by line.
    """

    code: str
    mass: float
    types: list[str]
    lines: list[str]


def parametrised(code: str, smiles: str, work: Path) -> Parametrised:
    """Parameters of a molecule, and files ``code_0.gro`` and so on of as many conformers as copies, in ``work``."""
    molecule = hydrogenated(smiles)
    conformers = list(AllChem.EmbedMultipleConfs(molecule, COPIES, randomSeed=SEED, useRandomCoords=True))
    AllChem.MMFFOptimizeMoleculeConfs(molecule)
    Chem.MolToMolFile(molecule, str(work / f"{code}.mol"), confId=conformers[0])
    run(work, "acpype", "-i", f"{code}.mol", "-b", code, "-c", "gas", "-n", 0, "-a", "gaff2", "-o", "gmx")
    text = (work / f"{code}.acpype" / f"{code}_GMX.itp").read_text().replace(" MOL ", f" {code} ")
    lines = [line for raw in text.splitlines() if (line := raw.split(";")[0].rstrip())]
    start = next(k for k, line in enumerate(lines) if "moleculetype" in line)
    charged = _with_charges(lines[start:], molecule)
    for number in range(COPIES):
        _write_gro(work / f"{code}_{number}.gro", code, charged, molecule.GetConformer(
            conformers[number % len(conformers)]).GetPositions() / 10)
    return Parametrised(code, Descriptors.MolWt(molecule), lines[1:start], charged)


def hydrogenated(smiles: str) -> Chem.Mol:
    return Chem.AddHs(Chem.MolFromSmiles(smiles))


def _with_charges(lines: list[str], molecule: Chem.Mol) -> list[str]:
    """The lines of a molecule type with the charges of MMFF94, whose sum is that of the formal ones."""
    properties, found, section = AllChem.MMFFGetMoleculeProperties(molecule), [], ""
    for line in lines:
        if line.startswith("["):
            section = line.strip("[ ]")
        elif section == "atoms":
            words = line.split()
            words[6] = f"{properties.GetMMFFPartialCharge(int(words[0]) - 1):.4f}"
            line = " ".join(words)
        found.append(line)
    return found


def _write_gro(path: Path, code: str, lines: list[str], positions: list[list[float]]) -> None:
    atoms = lines[lines.index("[ atoms ]") + 1:][:len(positions)]
    path.write_text(f"{code}\n{len(positions)}\n" + "".join(
        f"{1:5d}{code:<5s}{line.split()[4]:>5s}{number + 1:5d}{x:8.3f}{y:8.3f}{z:8.3f}\n"
        for number, (line, (x, y, z)) in enumerate(zip(atoms, positions, strict=True))) + "   5 5 5\n")


def topology(parts: list[Parametrised], title: str) -> str:
    """The topology of a box."""
    types = dict.fromkeys(re.sub(r" +", " ", line.strip()) for part in parts for line in part.types)
    return "\n".join([f"; {title}", DEFAULTS + "[ atomtypes ]", *types,
                      *(line for part in parts for line in part.lines), "[ system ]", title,
                      "[ molecules ]", *(f"{part.code} {COPIES}" for part in parts), ""])


def heavier(part: Parametrised, molecule: Chem.Mol) -> Parametrised:
    """A molecule whose hydrogens are heavier, and what they are bonded to lighter."""
    start = part.lines.index("[ atoms ]") + 1
    lines = list(part.lines)
    for atom in molecule.GetAtoms():
        *words, mass = lines[start + atom.GetIdx()].split()
        more = HEAVIER if atom.GetAtomicNum() == 1 else -HEAVIER * atom.GetTotalNumHs(includeNeighbors=True)
        lines[start + atom.GetIdx()] = " ".join([*words, f"{float(mass) + more:.4f}"])
    return replace(part, lines=lines)


def simulated(row: dict[str, str], parts: list[Parametrised], work: Path) -> None:
    """The mixture from a dilute box to the frames that are kept."""
    mass = COPIES * sum(part.mass for part in parts)
    edge, into = (mass * 1.66054 / STARTING_DENSITY) ** (1 / 3), None
    for part in parts:
        for number in range(COPIES):
            filled(work, f"{part.code}_{number}.gro", 1, edge, into)
            into = "start.gro"
    start = {"gen-vel": "yes", "gen-temp": row["temperature"], "gen-seed": SEED}
    minimising, calm = {"integrator": "steep", "nsteps": 500, "emtol": 100.0} | forces(row), (1.0, TIME_STEP)
    stage(work, "minimise", "start.gro", minimising, SIMULATED)
    stage(work, "compress", "minimise.gro", settings(row, COMPRESSION, 1000.0, TIME_STEP) | start, SIMULATED)
    stage(work, "equilibrate", "compress.gro", settings(row, EQUILIBRATION, *calm), SIMULATED)
    stage(work, "produce", "equilibrate.gro", settings(row, PRODUCTION, *calm), SIMULATED)


def inside(number: int) -> list[tuple[str, str]]:
    """Names and SMILES of the molecules of a box."""
    letter, listed, size, row = ("P", oligomers(), FEWER, number - OLIGOMERS) if number >= OLIGOMERS else (
        "M", molecules(), TOGETHER, number)
    return [(f"{letter}{k:03d}", listed[k]) for k in range(row * size, (row + 1) * size)]


def made(number: int, tools: Path, output: Path) -> None:
    """One box, in the folder ``output``."""
    chosen = inside(number)
    row = {"temperature": str(TEMPERATURES[number]), "permittivity": str(PERMITTIVITY)}
    os.environ["PATH"] = f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        parts = [parametrised(name, smiles, work) for name, smiles in chosen]
        (work / "topol.top").write_text(topology(parts, f"mixture {number}"))
        (work / SIMULATED).write_text(topology(
            [heavier(part, hydrogenated(smiles)) for part, (_, smiles) in zip(parts, chosen, strict=True)], "heavier"))
        simulated(row, parts, work)
        output.parent.mkdir(parents=True, exist_ok=True)
        kept(row, work, output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tools", type=Path, help="folder of acpype's environment")
    parser.add_argument("folder", type=Path, help="as for learn.py")
    parser.add_argument("boxes", nargs="*", type=int, help="numbers (default: all that are not there yet)")
    options = parser.parse_args()
    install(options.tools.absolute())
    for number in options.boxes or range(len(TEMPERATURES)):
        output = options.folder / "mixtures" / str(number)
        if options.boxes or not (output / "aa.xtc").exists():
            made(number, options.tools.absolute(), output)
            print(f"{number} -> {output}", flush=True)


if __name__ == "__main__":
    main()
