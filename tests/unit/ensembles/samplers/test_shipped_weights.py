"""Weights that ship with recipes are as good as their cards say, within what a few hundred proposals can tell."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from backmap_plugins.ensembles.models.autoregressive.model import Autoregressive
from backmap_plugins.ensembles.models.vae.model import Vae
from backmap_plugins.ensembles.samplers.latent import proposals
from backmap_plugins.ensembles.targets.dimer_fluid import DimerFluid
from backmap_plugins.ensembles.targets.lattice_gas import LatticeGas
from backmap_plugins.ensembles.targets.molecule import Molecule
from backmap_plugins.ensembles.targets.polymer import UnitedAtomChain

from backmap.api import Model, Target

RECIPES = Path(__file__).parents[4] / "recipes"
TARGETS = {"lattice_gas": LatticeGas, "united_atom_chain": UnitedAtomChain, "molecule": Molecule,
           "dimer_fluid": DimerFluid}

MODELS = {"autoregressive": Autoregressive, "vae": Vae}


def of_recipe(name: str) -> tuple[Target, Model]:
    """Target and model of a recipe's run.yaml."""
    folder = RECIPES / name
    steps = {key: value for step in yaml.safe_load((folder / "run.yaml").read_text())["steps"]
             for key, value in step.items()}
    (kind, options), = steps["target"].items()
    if "pdb" in options:
        options["pdb"] = folder / options["pdb"]
    target = TARGETS[kind](TARGETS[kind].Options(**options))
    (name, weights), = steps["monte_carlo"]["model"].items()
    model = MODELS[name](MODELS[name].Options(weights=folder / weights))
    model.prepare(target)
    return target, model


@pytest.mark.parametrize(("recipe", "count", "least"), [
    ("lattice_gas", 256, 0.53), ("eicosane", 512, 0.78), ("alanine_dipeptide", 512, 0.58),
    ("dipeptide_from_energy", 2000, 0.70)])
def test_acceptance_is_that_of_the_card(recipe: str, count: int, least: float) -> None:
    """Of independent proposals, states being proposals with the weights that they have in the target."""
    target, model = of_recipe(recipe)
    _, weight = proposals(target, model, count, np.random.default_rng(8))
    log_weight = weight.numpy()
    states = np.exp(log_weight - log_weight.max())
    accepted = np.exp(np.minimum(0, log_weight - log_weight[:, None])).mean(1)
    assert (states / states.sum()) @ accepted > least


def test_the_dimers_free_energy_is_in_the_weights_of_its_proposals() -> None:
    """Of opening: 6.75 kT, which is the recipe's bias. Few proposals carry the weight, so it is known to a kT or so."""
    target, model = of_recipe("dimer_fluid")
    x, weight = proposals(target, model, 4000, np.random.default_rng(8))
    opened = target.basins(x) == 1
    assert 0.25 < opened.mean() < 0.42
    share = [np.logaddexp.reduce(weight.numpy()[rows]) for rows in (opened, ~opened)]
    assert abs(share[0] - share[1]) < 1.5
