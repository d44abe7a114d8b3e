"""Ensembles: Monte Carlo on a density that can be evaluated, with moves that a network learned."""
from __future__ import annotations

from backmap.hookspecs import hookimpl


@hookimpl
def backmap_targets() -> dict[str, str]:
    here = "backmap_plugins.ensembles.targets"
    return {
        "dimer_fluid": f"{here}.dimer_fluid:DimerFluid",
        "double_well": f"{here}.double_well:DoubleWell",
        "lattice_gas": f"{here}.lattice_gas:LatticeGas",
        "molecule": f"{here}.molecule:Molecule",
        "united_atom_chain": f"{here}.polymer:UnitedAtomChain",
    }


@hookimpl
def backmap_models() -> dict[str, str]:
    here = "backmap_plugins.ensembles.models"
    return {"autoregressive": f"{here}.autoregressive.model:Autoregressive",
            "gaussian_vae": f"{here}.gaussian_vae.model:GaussianVae",
            "mixture": f"{here}.mixture.model:GaussianMixture", "vae": f"{here}.vae.model:Vae"}


@hookimpl
def backmap_samplers() -> dict[str, str]:
    here = "backmap_plugins.ensembles.samplers"
    return {"latent": f"{here}.latent:Latent", "local": f"{here}.local:Local"}


@hookimpl
def backmap_ensemble_assessors() -> dict[str, str]:
    here = "backmap_plugins.ensembles.assessors"
    return {"mixing": f"{here}.mixing:Mixing", "moves": f"{here}.moves:Moves",
            "agreement": f"{here}.agreement:Agreement"}


@hookimpl
def backmap_steps() -> dict[str, str]:
    here = "backmap_plugins.ensembles.steps"
    return {
        "target": f"{here}.target:GiveTarget",
        "explore": f"{here}.target:Explore",
        "train_model": f"{here}.train_model:TrainModel",
        "monte_carlo": f"{here}.sample:MonteCarlo",
        "learn": f"{here}.learn:Learn",
    }
