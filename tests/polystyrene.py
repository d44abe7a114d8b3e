"""The melt of recipes/polystyrene, with true atoms, in memory."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backmap.api import State
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.recipe import recipe
from backmap.recipe.registry import Registry

Array = NDArray[np.float64]

FOLDER = Path(__file__).resolve().parents[1] / "recipes" / "polystyrene"
TEMPERATURE = 568.0  #: K
STEPS = [{"topology": {"atoms": {"gromacs": "polystyrene.top"}, "mapping": {"votca": "polystyrene.xml"},
                       "constraints": "all-bonds", "stereo": "aa.gro"}},
         {"forcefield": {"gromacs": "polystyrene.top", "cutoff": 1.0, "coulomb": "reaction_field", "epsilon_rf": 2.5}},
         {"read": {"beads": {"gromacs": ["cg.gro", "cg.xtc"]}, "reference": {"gromacs": ["aa.gro", "test_aa.xtc"]}}}]


@dataclass(frozen=True, eq=False)
class Melt:
    """True atoms (n, A, 3) and boxes (n, 3, 3), nm, of a few frames, whole, with the beads mapped from them."""

    system: System
    field: ForceField
    atoms: Array
    beads: Array
    boxes: Array


@cache
def melt() -> Melt:
    """The melt that ships."""
    made = recipe.compose("", {"recipe": 1, "steps": STEPS}, FOLDER / "melt.yaml", Registry().discover())
    state = State(folder=FOLDER, output=FOLDER, seed=1, device="cpu", log=lambda line: None)
    for step in made.steps:
        step.begin(state)
    frames = [state.reference.frame(number) for number in range(state.reference.n_frames)]
    atoms = np.stack([state.system.whole_atoms(frame.positions.astype(float), frame.box) for frame in frames])
    return Melt(state.system, state.forcefield, atoms, np.stack([state.system.map(each) for each in atoms]),
                np.stack([frame.box for frame in frames]))
