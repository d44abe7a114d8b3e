"""Makes the small liquids of this folder: ``python simulate.py TOOLS [NAME ...]``, all of ``liquids.csv`` by default.

Each is a molecule by RDKit from its SMILES, GAFF2 with AM1-BCC charges by acpype, and some 1,000 atoms of it simulated
by GROMACS (``GMX`` says which program, ``gmx`` by default). acpype goes into a virtual environment in the folder TOOLS,
unless it is there. What is written to ``NAME/`` is described in README.md. Units: nm, ps, kJ/mol, K, bar, kg/m3.
"""
from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile
from rdkit import Chem
from rdkit.Chem import AllChem, Descriptors
from systems import CUTOFF, HERE, rows

sys.path.append(str(HERE.parent / "scripts"))

from simulating import filled, gmx, run, stage

ATOMS = 1000  #: at least so many in a box
STARTING_DENSITY = 350.0
TIME_STEP = 0.002
COMPRESSION, EQUILIBRATION, PRODUCTION = 30.0, 100.0, 80.0
SPACING, LOGGED = 4.0, 2.0
XTC_PRECISION = 10000.0
SEED = 7
#: acpype's programs of AmberTools need a library of Debian that they do not bring.
ACPYPE, ARPACK = ("acpype==2022.7.21", "openbabel-wheel"), "libarpack2"
TERMS = ("Potential", "Temperature", "Density")


def install(tools: Path) -> None:
    """acpype with what it needs, in an environment of its own."""
    if (tools / "bin" / "acpype").exists():
        return
    tools.mkdir(parents=True, exist_ok=True)
    run(tools, sys.executable, "-m", "venv", tools)
    run(tools, tools / "bin" / "pip", "install", *ACPYPE)
    run(tools, "apt-get", "download", ARPACK)
    run(tools, "dpkg", "-x", next(tools.glob(f"{ARPACK}_*.deb")).name, "debian")
    library = next(tools.glob("debian/usr/lib/*/libarpack.so.2")).resolve()
    (next(tools.glob("lib/python*/site-packages/acpype/amber*_linux/lib")) / "libarpack.so.2").write_bytes(
        library.read_bytes())


def parametrised(row: dict[str, str], tools: Path, work: Path) -> None:
    """molecule.gro and topol.top of one molecule, in the folder ``work``."""
    molecule, code = Chem.AddHs(Chem.MolFromSmiles(row["smiles"])), row["code"]
    AllChem.EmbedMolecule(molecule, randomSeed=SEED)
    AllChem.MMFFOptimizeMolecule(molecule)
    Chem.MolToMolFile(molecule, str(work / f"{code}.mol"))
    os.environ["PATH"] = f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}"
    run(work, "acpype", "-i", f"{code}.mol", "-b", code, "-c", "bcc", "-n", 0, "-a", "gaff2", "-o", "gmx")
    made, count = work / f"{code}.acpype", number_of_molecules(molecule.GetNumAtoms())
    parameters = re.sub(r"\bMOL\b", code, (made / f"{code}_GMX.itp").read_text())
    kept = "".join(line.split(";")[0].rstrip() + "\n" for line in parameters.splitlines() if line.split(";")[0].strip())
    (work / "topol.top").write_text(
        f"; {row['name']}, {row['smiles']}: GAFF2, AM1-BCC charges, by {ACPYPE[0].replace('==', ' ')}\n"
        "[ defaults ]\n1 2 yes 0.5 0.8333333333\n"
        f"{kept}[ system ]\n{row['name']}\n[ molecules ]\n{code} {count}\n")
    (work / "molecule.gro").write_text(re.sub(r"\bMOL\b", f"{code:<3s}", (made / f"{code}_GMX.gro").read_text()))


def number_of_molecules(atoms: int) -> int:
    return -(-ATOMS // atoms)


def settings(row: dict[str, str], duration: float, pressure: float, step: float = TIME_STEP) -> dict[str, object]:
    """Langevin dynamics with rigid bonds at constant pressure."""
    return {"integrator": "sd", "dt": step, "nsteps": round(duration / step), "ld-seed": SEED,
            "constraints": "all-bonds", "nstlist": 20, "tc-grps": "System",
            "tau-t": 1.0, "ref-t": row["temperature"], "pcoupl": "C-rescale", "tau-p": 1.0, "compressibility": 1e-4,
            "ref-p": pressure, "nstenergy": round(LOGGED / step), "nstxout": round(SPACING / step),
            **forces(row)}


def forces(row: dict[str, str]) -> dict[str, object]:
    return {"rvdw": CUTOFF, "rcoulomb": CUTOFF, "vdw-modifier": "none", "coulomb-modifier": "none",
            "DispCorr": "EnerPres", "coulombtype": "reaction-field", "epsilon-rf": row["permittivity"]}


def simulated(row: dict[str, str], work: Path) -> None:
    """The liquid from a dilute box of molecules to the frames that are kept."""
    n_atoms = int((work / "molecule.gro").read_text().splitlines()[1])
    count, mass = number_of_molecules(n_atoms), Descriptors.MolWt(Chem.MolFromSmiles(row["smiles"]))
    filled(work, "molecule.gro", count, (count * mass * 1.66054 / STARTING_DENSITY) ** (1 / 3))
    start = {"gen-vel": "yes", "gen-temp": row["temperature"], "gen-seed": SEED}
    stage(work, "minimise", "start.gro", {"integrator": "steep", "nsteps": 500, "emtol": 100.0} | forces(row))
    stage(work, "compress", "minimise.gro", settings(row, COMPRESSION, 1000.0) | start)
    stage(work, "equilibrate", "compress.gro", settings(row, EQUILIBRATION, 1.0))
    stage(work, "produce", "equilibrate.gro", settings(row, PRODUCTION, 1.0))


def energies(work: Path, name: str) -> np.ndarray:
    """Time in ps and the terms, one row per stored step."""
    gmx(work, "energy", "-f", f"{name}.edr", "-o", f"{name}.xvg", stdin="\n".join(TERMS) + "\n\n")
    return np.loadtxt(work / f"{name}.xvg", comments=("#", "@"), ndmin=2)


def kept(row: dict[str, str], work: Path, output: Path) -> None:
    """Whole molecules of the production run, its log, the topology."""
    gmx(work, "trjconv", "-f", "produce.trr", "-s", "produce.tpr", "-pbc", "mol", "-o", "whole.trr", stdin="0\n")
    with TRRFile(str(work / "whole.trr")) as file:
        frames = [(frame.x.copy(), frame.box.copy(), frame.time) for frame in file][1:]
    output.mkdir(exist_ok=True)
    with XTCFile(str(output / "aa.xtc"), "w") as file:
        for atoms, box, time in frames:
            file.write(atoms, box, round(time / TIME_STEP), time, XTC_PRECISION)
    (output / "aa.gro").write_bytes((work / "produce.gro").read_bytes())
    _without_velocities(output / "aa.gro")
    (output / "topol.top").write_bytes((work / "topol.top").read_bytes())
    before, after = energies(work, "equilibrate"), energies(work, "produce")
    after[:, 0] += before[-1, 0]
    np.savetxt(output / "log.csv", np.concatenate([before, after[1:]]), fmt=("%.0f", "%.1f", "%.1f", "%.2f"),
               delimiter=",", header="time_ps,potential_kJ_per_mol,temperature_K,density_kg_per_m3")


def _without_velocities(path: Path) -> None:
    first, number, *lines, box = path.read_text().splitlines()
    path.write_text("\n".join([first.split(" t=")[0], number, *(line[:44] for line in lines), box]) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tools", type=Path, help="folder of acpype's environment")
    parser.add_argument("names", nargs="*", help="liquids (default: all that are not there yet)")
    options, known = parser.parse_args(), rows()
    names = options.names or [name for name in known if not (HERE / name).exists()]
    install(options.tools.absolute())
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            parametrised(known[name], options.tools.absolute(), work)
            simulated(known[name], work)
            kept(known[name], work, HERE / name)
        print(f"{name} -> {HERE / name}", flush=True)


if __name__ == "__main__":
    main()
