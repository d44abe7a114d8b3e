"""THE loop: a sweep draws every site of a schedule, batch by batch, and projects after every stage.

Forward sampling and a Gibbs sweep differ only in their schedule and in what is placed beforehand.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ...model.parameters import BOLTZMANN
from ...model.system import System
from ..geometry.constraint import SystemProjector
from ..random import Stream, numpy_generator
from . import handed
from .contracts import Draws, LocalEnvironment, Weighs
from .environment import Scene
from .schedule import Batch, Schedule, gibbs_schedule

#: How one of several candidates is chosen: by exp(-E / kT), the one of least energy, or the first.
Select = Literal["boltzmann", "lowest_energy", "first"]


@dataclass(frozen=True, eq=False)
class Sweeper:
    """What stays the same in all sweeps of a step.

    Attributes:
        generator: Draws.
        regularizer: Its energies tell candidates apart, or None.
        candidates: Draws per site among which it chooses.
        second: Draws among which a site gets a second choice if its first is above ``limit``; 0 for none.
        limit: Energy of the regularizer, kJ/mol.
        temperature: K.
        select: How one of the candidates is chosen.
        chunk: Sites drawn at once at most; bounds the memory of a batch.
        progress: Told how many sites were drawn, after every chunk.
    """

    generator: Draws
    regularizer: Weighs | None = None
    candidates: int = 1
    second: int = 0
    limit: float = 10.0
    temperature: float = 300.0
    select: Select = "boltzmann"
    chunk: int = 512
    progress: Callable[[int], None] = lambda sites: None

    def sweep(self, scene: Scene, schedule: Schedule, stream: tuple[int | str, ...], frames: np.ndarray,
              noise: float = 0.0, project: Callable[[Scene], None] | None = None) -> None:
        """Draw every site of the schedule, in place.

        Args:
            scene: Positions of the window; they change.
            schedule: Stages of batches; sites of one batch do not see each other.
            stream: Names the random numbers of this sweep, e.g. (seed, step, sweep).
            frames: Frame numbers of the window in the input, (W,): part of the names of its draws.
            noise: Noise level of the context that the generator is told.
            project: Called after every stage.
        """
        numbers = torch.as_tensor(frames, device=scene.atoms.device)
        for stage in schedule:
            for batch in stage:
                drawn = []
                for chunk in batch.chunks(self.chunk):
                    drawn.append(self._draw(scene, chunk, stream, numbers, noise))
                    self.progress(len(chunk.bead))
                for part in drawn:  # only now: what a chunk draws, the next one does not see
                    scene.scatter(*part)
            if project is not None:
                project(scene)

    def gibbs(self, scene: Scene, stream: tuple[int | str, ...], noise: float = 0.0,
              project: Callable[[Scene], None] | None = None, only: np.ndarray | None = None) -> None:
        """One Gibbs sweep, in place, in an order that has the name of its draws; ``only`` are the beads to draw,
        (W, B), None for all."""
        schedule = gibbs_schedule(scene.surroundings, scene.system, numpy_generator(*stream), only)
        self.sweep(scene, schedule, stream, scene.frames, noise, project)

    def _draw(self, scene: Scene, batch: Batch, stream: tuple[int | str, ...], numbers: Tensor,
              noise: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Frame, bead, block and chosen positions of every site of a chunk, as ``Scene.scatter`` takes them."""
        frame = torch.as_tensor(batch.frame, device=numbers.device)
        bead = torch.as_tensor(batch.bead, device=numbers.device)
        env = scene.gather(frame, bead, noise, self.temperature)
        rng = Stream.of(*stream, numbers[frame], bead)
        label = scene.labels(frame, bead)
        draw = handed.draw(self.generator, env, rng, self.candidates, label)
        chosen = draw.pick(self._choose(env, draw.positions, rng.child("choice"), label))
        if self.regularizer is not None and self.second:
            chosen = self._second_choice(env, chosen, rng.child("second"), label)
        return frame, bead, env.block, chosen

    def _second_choice(self, env: LocalEnvironment, chosen: Tensor, rng: Stream, label: handed.Label) -> Tensor:
        """The same positions, but those of sites above the limit drawn again, with more to choose from."""
        energy = handed.energy(self.regularizer, env, chosen[:, None], label)
        bad = torch.nonzero(energy[:, 0] > self.limit)[:, 0]
        if len(bad):
            again, stream = env.at(bad), rng.at(bad)
            draw = handed.draw(self.generator, again, stream, self.second, lambda site: label(int(bad[site])))
            chosen = chosen.clone()
            chosen[bad] = draw.pick(self._choose(again, draw.positions, stream.child("choice"),
                                                 lambda site: label(int(bad[site]))))
        return chosen

    def _choose(self, env: LocalEnvironment, positions: Tensor, rng: Stream, label: handed.Label) -> Tensor:
        """One candidate per site, (S,), by ``select``."""
        if self.regularizer is None or self.select == "first" or positions.shape[1] == 1:
            return torch.zeros(len(positions), dtype=torch.long, device=positions.device)
        energy = handed.energy(self.regularizer, env, positions, label)
        if self.select == "lowest_energy":
            return energy.argmin(dim=1)
        gumbel = -torch.log(-torch.log(rng.uniform(positions.shape[1])))
        return (gumbel - energy / (BOLTZMANN * env.temperature[:, None])).argmax(dim=1)


def projection(system: System) -> Callable[[Scene], None]:
    """A function that projects all molecules of a scene whose atoms are all placed, in place."""
    projector = SystemProjector(system)

    def project(scene: Scene) -> None:
        atoms, _ = projector.project(scene.atoms.cpu().numpy(), scene.beads.cpu().numpy())
        scene.atoms.copy_(torch.as_tensor(atoms))

    return project
