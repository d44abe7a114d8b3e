"""The part of the court that needs no GROMACS: liquids that ship with the project."""
from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from .cases import boxes, foreign, minimised, reordered, without
from .liquids import write_mdp
from .trial import Case, Scene

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
#: Dielectric constant and temperature, K, of the simulations.
SIMULATED = {"octane": (1.9, 350.0), "polystyrene": (2.5, 568.0)}


def shipped(name: str, folder: Path) -> Path:
    """A liquid of the recipes in a folder of its own, with the files that cases are made of."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    epsilon, temperature = SIMULATED[name]
    for file, made in ((f"{name}.top", "topol.top"), (f"{name}.xml", "mapping.xml"), ("aa.gro", "aa.gro"),
                       ("test_aa.xtc", "aa.xtc")):
        shutil.copyfile(RECIPES / name / file, place / made)
    write_mdp(place / "run.mdp", {
        "integrator": "sd", "dt": 0.002, "constraints": "all-bonds", "ref-t": temperature, "tc-grps": "system",
        "coulombtype": "reaction-field", "epsilon-rf": epsilon, "rvdw": 1.0, "rcoulomb": 1.0, "vdw-modifier": "none",
        "coulomb-modifier": "none", "cutoff-scheme": "Verlet"})
    return place


def _shaken(atoms: np.ndarray, scene: Scene) -> np.ndarray:
    return atoms + np.random.default_rng(3).normal(0, 0.01, atoms.shape)


def as_they_are(atoms: np.ndarray, scene: Scene) -> np.ndarray:
    return atoms


DRAFT = without("gibbs", "hamiltonian")
SHIPPED = [
    Case("octane-true", "right", "octane", "350 K: the true atoms", recipe=foreign(as_they_are), frames=1),
    Case("polystyrene-true", "right", "polystyrene", "568 K: the true atoms", recipe=foreign(as_they_are), frames=1),
    Case("octane-template", "sampling", "octane", "fragments placed, nothing else", recipe=DRAFT, frames=1),
    Case("octane-minimised", "sampling", "octane", "true atoms, minimised", recipe=minimised, frames=1),
    Case("octane-ten", "beads", "octane", "true atoms in a box ten times too large; not said what beads are",
         boxes(10.0), foreign(as_they_are), frames=1, beads_are=""),
    Case("octane-order", "beads", "octane", "beads in the order 2, 1, 3, 4", reordered(lambda n: [1, 0, 2, 3]), DRAFT,
         frames=1, beads_are=""),
]
