"""Frames of own making, which accepted moves lead on while a generator learns from them.

A generator that draws all of a fragment given its surroundings can learn from a force field as it learns from frames,
if the frames are states of a Markov chain whose law is that of the force field. Here they are: Hamiltonian moves lead
them on, and so do draws of the generator itself as far as it has learned, each of several candidates and what stands
there chosen by weights exp(-U/kT)/q. What is minimised is the divergence from the law to the generator, KL(p||q), by
"Markovian score climbing" (Naesseth, Lindsten and Blei, NeurIPS 33 (2020)): it covers all modes that moves visit, and
it needs no gradient of energies through draws.
"""
from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from backmap.api import ForceField, Proposer
from backmap.engine.energy.site import SiteEnergy
from backmap.engine.geometry.measure import BondGram
from backmap.engine.hamiltonian.moves import HamiltonianMoves, Tempering
from backmap.engine.metropolis.acceptance import Acceptance, Distribution, Outcome
from backmap.engine.metropolis.blocks import BlockTable
from backmap.engine.metropolis.shells import Shells, reach
from backmap.engine.random import Stream, numpy_generator
from backmap.engine.sites.contracts import LocalEnvironment, View
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.schedule import batches_of, per_bead, shuffled
from backmap.engine.sites.sweep import projection

from .dataset import TrainingSet
from .training import BEAD_NOISE, Contexts, Material, Schedule

CHAIN = "chain"  #: in the names of random numbers


@dataclass(frozen=True)
class ChainPace:
    """How a chain goes on.

    Attributes:
        every: Training steps after which the frames are led on.
        candidates: Draws of the generator for each block, one of which may be accepted; 0 leaves draws out.
        crossing: Of the times that they are led on, every so many-th has tempered trajectories.
    """

    every: int
    candidates: int
    crossing: int = 2


class Redraws:
    """Metropolis sweeps of a generator over training frames, whose atoms stand exactly on their beads.

    While a sweep lasts beads are soft, by as much as they are off in training, and afterwards they are met again.
    """

    def __init__(self, generator: Proposer, data: TrainingSet, material: Material, field: ForceField,
                 candidates: int) -> None:
        """Build the target.

        Raises:
            BackmapError: If the force field has terms that single fragments cannot be judged by.
        """
        system, tables = data.system, material.gibbs.fragments
        self.data, self.material, self.view = data, material, generator.view
        self.reaches = per_bead(system, [reach(kind, BEAD_NOISE) for kind in system.types])
        energy = SiteEnergy(system, field, tables, View(max(field.cutoff + 2 * float(self.reaches.max()),
                                                            generator.view.cutoff)))
        table = BlockTable.of(tables)
        self.blocks = {name: block for name, block in table.blocks(["fragment", "hydrogens"]).items() if block.any()}
        width = torch.full((system.n_beads,), BEAD_NOISE, dtype=torch.float64, device=energy.device)
        temperature = float(data.temperature[0])
        self.target = Distribution(system, energy, table, [BondGram(kind) for kind in system.types],
                                   torch.as_tensor(self.reaches, device=energy.device), temperature, BEAD_NOISE, width)
        self.acceptance = Acceptance(generator, self.target, candidates)
        self.project = projection(system)

    def sweep(self, name: tuple[int | str, ...]) -> dict[str, tuple[int, int]]:
        """Draw every block of the training frames once, in place: blocks of each kind that were tried, and that moved.

        Frames go together: in a small box nearly all sites see each other, so that a batch has few of each frame.
        """
        scene, shells = self._drawn
        scene.atoms.copy_(torch.as_tensor(self.data.atoms[self.material.training]))
        (n_frames, n_beads), numbers = scene.beads.shape[:2], torch.as_tensor(scene.frames)
        every = torch.arange(n_beads).repeat(n_frames)
        away = BEAD_NOISE * Stream.of(*name, "begin", numbers.repeat_interleave(n_beads), every).normal(3)
        away = away.reshape(scene.beads.shape).to(scene.beads.device) * self.target.free(scene)
        self.project(replace(scene, beads=scene.beads + away))
        counts = {}
        for block, atoms in self.blocks.items():
            members = np.broadcast_to(atoms.any(dim=1)[scene.layout.row].cpu().numpy(), scene.beads.shape[:2])
            batches = shuffled(batches_of(shells.conflicts, members), numpy_generator(*name, block))
            found = list(self.acceptance.sweep(scene, shells, batches, atoms, (*name, block), scene.frames))
            if found:
                accepted = Outcome.joined(found).accepted
                counts[block] = len(accepted), int(accepted.sum())
        self.project(scene)
        self.data.atoms[self.material.training] = scene.atoms.cpu().numpy()
        return counts

    @cached_property
    def _drawn(self) -> tuple[Scene, Shells]:
        """The scene of the training frames, and who is within reach of whom there; beads do not move."""
        window, system = self.data.window(self.material.training), self.data.system
        scene = Scene.of(window, system, self.material.gibbs.fragments, self.view)
        shells = Shells.of(window, scene, system, self.reaches, self.target.energy.field.cutoff, self.view.cutoff)
        self.target.energy.check(shells.seen(scene), window.boxes)
        return scene, shells


class FrameChain:
    """The training frames of a set, led on from time to time.

    Args:
        data: Their atoms change in place.
        material: Made of ``data``; its scenes follow.
        moves: Of the force field, about beads that stand.
        redraws: Of the generator that learns, or None.
        pace: How the chain goes on.
        words: The first of the names of its random numbers.
    """

    def __init__(self, data: TrainingSet, material: Material, moves: HamiltonianMoves, redraws: Redraws | None,
                 pace: ChainPace, words: tuple[int | str, ...]) -> None:
        self.data, self.material, self.moves, self.redraws = data, material, moves, redraws
        self.pace, self.words = pace, (*words, CHAIN)
        self.counts: dict[str, list[int]] = {}

    def lead_on(self, turn: int) -> None:
        """Lead all training frames on; ``turn`` names the random numbers."""
        if self.redraws is not None:
            for block, (tried, accepted) in self.redraws.sweep((*self.words, turn, "draw")).items():
                before = self.counts.setdefault(block, [0, 0])
                self.counts[block] = [before[0] + tried, before[1] + accepted]
        for number in self.material.training.tolist():
            name, box = (*self.words, turn, number), self.data.boxes[number]
            frame = self.moves.frame(self.data.atoms[number], self.data.beads[number], box if box.any() else None)
            if turn % self.pace.crossing == 0:
                self.moves.sweep(frame, (*name, "cross"), tempering=Tempering())
            self.moves.sweep(frame, (*name, "move"))
            self.put(number, frame.atoms)

    def put(self, number: int, atoms: np.ndarray) -> None:
        """Let the atoms (A, 3), nm, stand in a frame."""
        self.data.atoms[number] = atoms
        self.material.gibbs.atoms[number] = torch.as_tensor(atoms)  # the sequential scene has the same tensor

    def figures(self) -> dict[str, float]:
        """Shares of the draws accepted since this was asked last, by kind of block."""
        found = {f"accepted {block}": accepted / tried for block, (tried, accepted) in self.counts.items() if tried}
        self.counts.clear()
        return found


class ChainContexts(Contexts):
    """Training batches from frames that a chain leads on.

    Attributes:
        resting: Context in which the generator draws as it has learned so far; set by the trainer.
    """

    resting: Callable[[], AbstractContextManager[None]]

    def __init__(self, material: Material, schedule: Schedule, seed: int, chain: FrameChain) -> None:
        super().__init__(material, schedule, seed)
        self.chain = chain

    def batch(self, step: int, parts: int = 1) -> tuple[LocalEnvironment, Tensor, Stream]:
        every = self.chain.pace.every
        if step and step % every == 0:
            with self.resting():
                self.chain.lead_on(step // every)
        return super().batch(step, parts)

    def figures(self) -> dict[str, float]:
        return self.chain.figures()

    def kept(self) -> dict[str, Tensor]:
        return {"atoms": torch.as_tensor(self.chain.data.atoms).clone()}

    def recall(self, kept: dict[str, Tensor]) -> None:
        for number, atoms in enumerate(kept["atoms"].numpy()):
            self.chain.put(number, atoms)
