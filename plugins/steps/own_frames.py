"""Frames that ``train`` makes by itself, of beads and a force field: ``train: {from: forcefield}``."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydantic import Field

from backmap.api import Generator, Nested, Options, Proposer, State, Step
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.engine.hamiltonian.timestep import first_guess, steps_of
from backmap.errors import BackmapError, at
from backmap.model.system import System, Window
from backmap.model.windows import window_of

from ..learning.chain import ChainContexts, ChainPace, FrameChain, Redraws
from ..learning.dataset import TrainingSet
from ..learning.training import Material, Schedule
from ..molecules.assemble import with_units
from .forward import Forward, ForwardOptions
from .gibbs import Gibbs, GibbsOptions
from .hamiltonian import Hamiltonian
from .move_options import HamiltonianOptions, Tempered


class OwnFrames(Options):
    """Options of ``own_frames``."""

    frames: int = Field(10, ge=2, description="Frames of beads that get atoms, evenly chosen from those of the run. "
                                              "More show more surroundings, and take longer at the start.")
    held_out: int = Field(1, ge=1, description="How many of them, the last ones, are held out.")
    start: Nested[Generator] = Field("force_field", validate_default=True,
                                     description="What draws the first atoms; it must need no weights.")
    sweeps: int = Field(20, ge=1, description="Sweeps of Hamiltonian moves, tempered ones before each, that lead the "
                                              "first atoms to the law of their frame before anything is learned.")
    every: int = Field(100, ge=1, description="Training steps after which the frames are led on.")
    candidates: int = Field(4, ge=0, description="Draws of the generator that learns, for each block when frames are "
                                                 "led on, of which one may be accepted. 0: moves alone lead them on.")


def expect_density(generator: Generator, where: str) -> None:
    """Raise BackmapError if draws of a generator cannot be weighed against a force field."""
    if not isinstance(generator, Proposer):
        raise BackmapError(f"'{generator.name}' has no density, so it cannot learn from a force field",
                           where=f"{where}.generator", hint="Choose one that has, e.g. equivariant, or train it on "
                                                            "frames: prepare, then train.")


class FrameMaker:
    """Makes frames, and the contexts in which they are led on.

    Args:
        options: Of ``own_frames``.
        temperature: K.
        step: The step for which they are made; its place and number name errors and random numbers.
    """

    def __init__(self, options: OwnFrames, temperature: float, step: Step) -> None:
        self.options, self.temperature, self.step = options, temperature, step

    def frames(self, state: State) -> TrainingSet:
        """Atoms for some of the frames of beads, as the moves of a force field leave them."""
        options, chosen = self.options, list(state.chosen)
        if len(chosen) < 2:
            raise BackmapError(f"there is only {len(chosen)} frame of beads, and one is held out",
                               where=self.step.where, hint="Read two frames or more.")
        chosen = [chosen[place] for place in evenly(len(chosen), options.frames)]
        inner = replace(state, progress=lambda share: None, loaded=False, sampling=[], judges={},
                        given=dict(state.given), earlier=list(state.earlier), log=lambda line: None)
        steps = self._steps()
        for step in steps:
            with at(self.step.where):
                step.begin(inner)
        windows = []
        with state.working("atoms", len(chosen) * len(steps), "steps") as bar:
            for place, number in enumerate(chosen):
                window = window_of([number], place, inner.system, state.source, None)
                for turn, step in enumerate(steps):
                    with at(self.step.where):
                        window = step.frames(window, inner)
                    bar.at(place * len(steps) + turn + 1)
                windows.append(window)
        system = with_units(inner.system, np.concatenate([window.atoms for window in windows]))
        return self._set(system, windows)

    def _steps(self) -> list[Step]:
        """Steps that make atoms, numbered as those that are nested in the step."""
        options, heat = self.options, {"temperature": self.temperature}
        traversal = self.step.options.traversal
        steps = [Forward(ForwardOptions(generator=options.start, traversal=traversal, **heat)),
                 *([] if options.start.parallel else [Gibbs(GibbsOptions(generator=options.start, sweeps=2, **heat))]),
                 Hamiltonian(HamiltonianOptions(soft_core_sweeps=5, sweeps=options.sweeps, tempering=Tempered(),
                                                timestep="auto", steps="auto", beads="exact", second_start=0, **heat))]
        for number, step in enumerate(steps):
            step.index, step.name, step.where = 1000 * (self.step.index + 1) + number, type(step).__name__.lower(), (
                self.step.where)
        return steps

    def _set(self, system: System, windows: Sequence[Window]) -> TrainingSet:
        held = min(self.options.held_out, len(windows) - 1)
        told = [replace(window, reference=window.atoms, system=system) for window in windows]
        return TrainingSet.of(system, told, [self.temperature] * len(told),
                              [k >= len(told) - held for k in range(len(told))])

    def contexts(self, generator: Proposer, data: TrainingSet, material: Material, schedule: Schedule,
                 state: State) -> ChainContexts:
        """Contexts of the frames of ``data``, which go on as the generator learns."""
        options, system = self.options, data.system
        drawn = [kind for kind in system.types if not (kind.given or kind.coarse)]
        timestep = first_guess(drawn)
        moves = HamiltonianMoves(system, state.forcefield, self.temperature, steps_of(timestep), timestep)
        redraws = None
        if options.candidates:
            redraws = Redraws(generator, data, material, state.forcefield, options.candidates)
        chain = FrameChain(data, material, moves, redraws, ChainPace(options.every, options.candidates),
                      (state.seed, self.step.index))
        return ChainContexts(material, schedule, state.seed, chain)


def evenly(n: int, some: int) -> list[int]:
    """Places of at most ``some`` of n frames, in the middle of pieces of equal length."""
    some = min(n, some)
    return [int(place) for place in (np.arange(some) + 0.5) * n / some]
