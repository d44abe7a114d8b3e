"""Generators with latents for tests: untrained ones of broad densities, and ones that learned from a few states."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from backmap_plugins.generators.vae.generator import Vae, VaeOptions
from numpy.typing import NDArray

from backmap.engine.random import Stream
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.model.molecule import MoleculeType
from backmap.model.system import System, Window

Array = NDArray[np.float64]


def untrained(latents: int = 2, seed: int = 0, cutoff: float = 0.8, told: float = 1.0) -> Vae:
    """A network of random weights.

    Args:
        told: How much more than usual the decoder listens to latents; an encoder that knows nothing of that makes
            weights of pairs differ widely.
    """
    torch.manual_seed(seed)
    generator = Vae(VaeOptions(channels=4, width=16, latents=latents, cutoff=cutoff))
    with torch.no_grad():
        generator.network.angle.weight *= 0.1
        generator.network.trunk_in.weight[:, -latents - 1:-1] *= told
    generator.network.eval()
    return generator


def broad(latents: int = 2, seed: int = 0, told: float = 4.0) -> Vae:
    """The same with bond angles anywhere, for molecules whose angles are nearly free."""
    generator = untrained(latents, seed, 0.3, told)
    with torch.no_grad():
        generator.network.angle.bias.unflatten(0, (3, -1))[1] += 2.0
    return generator


def as_one(kind: MoleculeType) -> MoleculeType:
    """The molecule type with all atoms in one fragment, which belongs to its first bead."""
    return replace(kind, mapping=replace(kind.mapping, owner=np.zeros(kind.n_atoms, dtype=np.int64)))


def taught(kind: MoleculeType, states: Array, beads: Array, temperature: float, steps: int, sites: int = 64,
           seed: int = 0) -> Vae:
    """One that learned from states (n, A, 3) of single molecules, whose beads are given as (B, 3)."""
    torch.manual_seed(seed)
    generator = Vae(VaeOptions(channels=4, width=32, latents=2, cutoff=0.3))
    system, n = System(((kind, 1),)), len(states)
    window = Window(np.arange(n), np.arange(n) * 1.0, np.zeros((n, 3, 3)), np.tile(beads, (n, 1, 1))).with_atoms(states)
    scene = Scene.of(window, system, FragmentTable.build([kind], generator.view, [resting_order(kind)]), generator.view)
    owners = torch.tensor([b for b, own in enumerate(kind.mapping.fragments()) if len(own)])
    optimiser = torch.optim.Adam(generator.network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 8e-3, steps)
    rng = np.random.default_rng(seed)
    for step in range(steps):
        frame = torch.as_tensor(rng.integers(0, n, sites))
        bead = owners[torch.as_tensor(rng.integers(0, len(owners), sites))]
        env = scene.gather(frame, bead, 0.0, temperature)
        (objective,) = generator.objectives(step / steps)
        loss = objective.loss(env, scene.own(frame, bead), Stream.of(seed, step, torch.arange(sites)))
        optimiser.zero_grad()
        loss.value.backward()
        torch.nn.utils.clip_grad_norm_(generator.network.parameters(), 2.0)
        optimiser.step()
        schedule.step()
    generator.network.eval()
    return generator
