"""Force fields that GROMACS ships, and CHARMM36: energies and forces beside those of ``gmx_d mdrun -rerun``.

    python -m tests.beside_gromacs DATA [NAME...]    # measures, and writes beside_gromacs.json for docs/force-fields.md

Each system is a cluster in a large box, with a cut-off that is shorter than the cluster. What is measured is the
deviation of each term, of the sum of the absolute values of its contributions, and of each force, of the largest force.
"""
from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import openmm
import torch
from backmap_plugins.forcefields.gromacs.reader import Gromacs
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs as Topology
from backmap_plugins.openmm_bridge.system import Energies, build

from backmap import testing
from backmap.engine.energy.frame import FrameEnergy
from backmap.model.parameters import ForceField
from backmap.model.system import System
from tests import gmx

Array = np.ndarray

SHIPPED = Path("/usr/share/gromacs/top")
RESULTS = Path(__file__).with_suffix(".json")
ALLOWED = 1e-5  #: of the sum of absolute contributions, or the largest force
BOX = np.eye(3) * 12.0
#: Cut-off, nm, and permittivity beyond it.
TREATMENT = {"cutoff": 1.1, "epsilon_rf": 15.0}
MDP = {"rlist": 1.1, "rcoulomb": 1.1, "rvdw": 1.1, "epsilon-rf": 15.0}


@dataclass(frozen=True)
class Case:
    """A system in a force field.

    Attributes:
        forcefield: Name of its folder without ``.ff``.
        what: The system.
        prepare: Writes ``topol.top`` into a folder, given the reference data, and returns atoms (A, 3), nm, or None:
            then they are made up.
        define: Macro that the topology needs.
    """

    forcefield: str
    what: str
    prepare: Callable[[Path, Path, str], Array | None]
    define: str = ""

    @property
    def name(self) -> str:
        """For ids of tests."""
        return f"{self.forcefield}-{self.what.replace(' ', '-')}"


# What there is

def protein(folder: Path, data: Path, forcefield: str) -> Array:
    """Ubiquitin (1UBQ), hydrogens and topology by pdb2gmx."""
    lines = (data / "martini" / "ubiquitin" / "1ubq.pdb").read_text().splitlines()
    (folder / "protein.pdb").write_text("\n".join(line for line in lines if line.startswith("ATOM")) + "\n")
    return _pdb2gmx(folder, data, forcefield, "protein.pdb")


def _pdb2gmx(folder: Path, data: Path, forcefield: str, pdb: str) -> Array:
    charmm36(folder, data)
    gmx.run("pdb2gmx", "-f", pdb, "-ff", forcefield, "-water", "none", "-ignh", "-o", "conf.gro", "-p", "topol.top",
            folder=folder)
    return GromacsFrames([folder / "conf.gro"]).frame(0).positions


def charmm36(folder: Path, data: Path) -> None:
    """A copy of CHARMM36 whose nbfix.itp, which is not published with it, is empty."""
    copy = folder / "charmm36.ff"
    copy.mkdir(exist_ok=True)
    for file in (data / "martini" / "charmm36.ff").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "nbfix.itp").write_text("")


def water_and_ions(water: str, *ions: str) -> Callable[[Path, Path, str], Array]:
    """27 flexible waters and 2 of each ion on a lattice."""
    def prepare(folder: Path, data: Path, forcefield: str) -> Array:
        charmm36(folder, data)
        counts = "\n".join(f"{ion} 2" for ion in ions)
        (folder / "topol.top").write_text(
            "".join(f'#include "{forcefield}.ff/{name}.itp"\n' for name in ("forcefield", water, "ions"))
            + f"[ system ]\nwater\n[ molecules ]\nSOL 27\n{counts}\n")
        rng = np.random.default_rng(1)
        lattice = np.stack(np.meshgrid(*[np.arange(4) * 0.42] * 3, indexing="ij"), -1).reshape(-1, 3)
        sites = rng.permutation(lattice)
        shape = np.array([[0, 0, 0], [0.1, 0, 0], [-0.03, 0.095, 0]])
        waters = [site + shape @ np.linalg.qr(rng.normal(size=(3, 3)))[0] + rng.normal(0, 0.005, (3, 3))
                  for site in sites[:27]]
        return np.concatenate([*waters, sites[27:27 + 2 * len(ions)]])
    return prepare


def molecule(name: str, itp: str, count: int = 1) -> Callable[[Path, Path, str], None]:
    """Molecules of an .itp of the force field, or of the reference data; their atoms are made up."""
    def prepare(folder: Path, data: Path, forcefield: str) -> None:
        charmm36(folder, data)
        own = data / itp if (data / itp).is_file() else f"{forcefield}.ff/{itp}"
        (folder / "topol.top").write_text(f'#include "{forcefield}.ff/forcefield.itp"\n#include "{own}"\n'
                                          f"[ system ]\n{name}\n[ molecules ]\n{name} {count}\n")
    return prepare


def popc_of_charmm27(folder: Path, data: Path, forcefield: str) -> None:
    """The topology that pdb2gmx makes of the names of atoms in lipids.rtp."""
    entry = (SHIPPED / f"{forcefield}.ff" / "lipids.rtp").read_text().split("[ POPC ]")[1]
    names = [line.split()[0] for line in entry.split("[ atoms ]")[1].split("[")[0].splitlines()
             if line.split(";")[0].strip()]
    with (folder / "lipid.pdb").open("w") as file:
        for number, name in enumerate(names, 1):
            padded = name if len(name) == 4 else f" {name:<3s}"
            file.write(f"ATOM  {number:5d} {padded} POPC A   1    {number % 12:8.3f}{number // 12:8.3f}{0:8.3f}"
                       "  1.00  0.00\n")
    gmx.run("pdb2gmx", "-f", "lipid.pdb", "-ff", forcefield, "-water", "none", "-o", "conf.gro", "-p", "topol.top",
            folder=folder)


AMBER = ("amber03", "amber94", "amber96", "amber99", "amber99sb", "amber99sb-ildn", "amberGS")
GROMOS = ("gromos43a1", "gromos43a2", "gromos45a3", "gromos53a5", "gromos53a6", "gromos54a7")
CASES = (
    *(Case(name, "ubiquitin", protein) for name in (*AMBER, "charmm27", "charmm36", "oplsaa", *GROMOS)),
    Case("charmm27", "POPC", popc_of_charmm27),
    Case("charmm36", "POPC", molecule("POPC", "martini/popc/POPC.itp")),
    Case("gromos54a7", "POPC", molecule("POPC", "popc.itp")),
    Case("gromos54a7", "DPPC", molecule("DPPC", "dppc.itp")),
    Case("oplsaa", "ethanol", molecule("ETH", "ethanol.itp", 4)),
    Case("amber99sb-ildn", "water and ions", water_and_ions("tip3p", "NA", "CL"), "FLEXIBLE"),
    Case("charmm27", "water and ions", water_and_ions("tip3p", "NA", "CL"), "FLEXIBLE"),
    Case("charmm36", "water and ions", water_and_ions("tip3p", "SOD", "CLA"), "FLEXIBLE"),
    Case("oplsaa", "water and ions", water_and_ions("spce", "NA", "CL"), "FLEXIBLE"),
    Case("gromos54a7", "water and ions", water_and_ions("spc", "NA", "CL"), "FLEXIBLE"),
)


# Reading and measuring

def read(folder: Path, case: Case) -> tuple[dict[str, Any], System, ForceField]:
    """Options, system and force field of ``topol.top``; every molecule is one bead."""
    options = {"file": folder / "topol.top", "include": [folder], "define": {case.define: ""} if case.define else {}}
    topology = Topology(Topology.Options(**options)).read()
    kinds = {name: testing.molecule_type(name, topology.types[name].element.tolist(),
                                         topology.types[name].bonds.tolist(),
                                         [list(range(len(topology.types[name].element)))])
             for name, _ in topology.blocks}
    system = System(tuple((kinds[name], count) for name, count in topology.blocks))
    return options, system, replace(Gromacs(Gromacs.Options(**options)).read(system), **TREATMENT)


def made_up(field: ForceField, system: System) -> Array:
    """Molecules spread out by their bonds and minimised, (A, 3), nm: no structure of anything, but nothing overlaps."""
    rng, parts = np.random.default_rng(2), []
    for number, kind in enumerate(kind for kind, count in system.blocks for _ in range(count)):
        start = nx.kamada_kawai_layout(kind.graph, dim=3, scale=0.06 * len(kind.mass)**0.5)
        atoms = np.array([start[a] for a in range(len(kind.mass))])
        parts.append(atoms + rng.normal(0, 0.01, atoms.shape) + [0.9 * number, 0, 0])
    made = build(field, system, None)
    context = openmm.Context(made, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(np.concatenate(parts))
    openmm.LocalEnergyMinimizer.minimize(context, 50.0, 400)
    return np.round(np.array(context.getState(getPositions=True).getPositions(asNumpy=True)._value), 3)


def measured(case: Case, folder: Path, data: Path) -> dict[str, Any]:
    """Deviations of our terms and forces, and of those through OpenMM, from GROMACS."""
    atoms = case.prepare(folder, data, case.forcefield)
    options, system, field = read(folder, case)
    atoms = made_up(field, system) if atoms is None else atoms
    atoms = atoms - atoms.mean(axis=0) + BOX.diagonal() / 2
    found = gmx.rerun(options["file"], atoms[None], BOX[None], folder / "gmx", MDP,
                      f"-D{case.define}" if case.define else "")
    expected = {term: float(values[0]) for term, values in gmx.by_term(found).items()}
    forces = gmx.forces(folder / "gmx")[0]
    frame = FrameEnergy(system, field)
    own, bridge = frame.of(atoms, BOX), Energies(field, system, BOX)
    through = bridge.of(atoms, BOX)
    scale = magnitudes(frame, atoms)
    present = [term for term in scale if scale[term]]
    largest = np.linalg.norm(forces, axis=1).max()
    return {
        "force field": case.forcefield, "system": case.what, "atoms": len(atoms),
        "terms": {term: {"energy": expected[term], "own": abs(own[term] - expected[term]) / scale[term],
                         "openmm": abs(through[term] - expected[term]) / scale[term]} for term in present},
        "force": {"largest": float(largest),
                  "own": float(np.linalg.norm(frame.forces(atoms, BOX) - forces, axis=1).max() / largest),
                  "openmm": float(np.linalg.norm(bridge.forces(atoms, BOX) - forces, axis=1).max() / largest)}}


def magnitudes(frame: FrameEnergy, atoms: Array) -> dict[str, float]:
    """Sum of the absolute values of the contributions to each term, kJ/mol."""
    whole = torch.as_tensor(frame.system.whole_atoms(atoms, BOX))
    found = dict.fromkeys(["bond", "angle", "proper", "improper", "cmap", "lj", "lj_14", "coulomb", "coulomb_14"], 0.0)
    for term, values in frame._bonded(whole, None):
        found[term] += float(values.abs().sum())
    for _, lj, coulomb in frame.explicit(whole, None):
        found["lj_14"] += float(lj.abs().sum())
        found["coulomb_14"] += float(coulomb.abs().sum())
    lj, coulomb = frame._pairs(whole, *frame._search(whole.numpy(), BOX))
    found["lj"], found["coulomb"] = float(lj.abs().sum()), float(coulomb.abs().sum())
    return found


def worst(result: dict[str, Any], which: str) -> tuple[float, str]:
    """Largest deviation of a term, and its name."""
    return max((values[which], term) for term, values in result["terms"].items())


def main() -> None:
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for case in CASES:
        if not any(word in case.name for word in sys.argv[2:] or [""]):
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = known[case.name] = measured(case, Path(folder), Path(sys.argv[1]))
        (own, term), force = worst(found, "own"), found["force"]
        print(f"{case.name}: {found['atoms']} atoms, {own:.1e} ({term}), force {force['own']:.1e}; "
              f"OpenMM {worst(found, 'openmm')[0]:.1e}, {force['openmm']:.1e}", flush=True)
        RESULTS.write_text(json.dumps({each.name: known[each.name] for each in CASES if each.name in known}, indent=1)
                           + "\n")


if __name__ == "__main__":
    main()
