"""The step ``forward``: atoms from beads."""
from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field, model_validator

from backmap.api import FrameStep, Generator, Nested, Options, Regularizer, State, Traversal
from backmap.engine.random import numpy_generator
from backmap.engine.sites import handed
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.engine.sites.repair import correct_chirality
from backmap.engine.sites.schedule import drawn, forward_schedule, parallel_schedule
from backmap.engine.sites.sweep import Select, Sweeper, projection
from backmap.errors import BackmapError
from backmap.model.system import Window

from .drawing import SELECT, equip, needs_of, prepare, result
from .succession import Succession, counted, told_before


class ForwardOptions(Options):
    """Options of ``forward``."""

    generator: Nested[Generator] = Field(description="What draws the atoms.")
    start: Literal["parallel", "sequential"] = Field(
        "parallel", description="parallel: rigid templates from the beads alone, all at once. sequential: fragment "
                                "after fragment by the generator itself, right where beads share no atoms.")
    traversal: Nested[Traversal] = Field("depth_first", validate_default=True,
                                         description="Order of the beads in a sequential start.")
    regularizer: Nested[Regularizer] | None = Field(None, description="Chooses among candidates.")
    candidates: int = Field(1, ge=1, description="Draws per fragment among which the regularizer chooses.")
    select: Select = SELECT
    temperature: float = Field(300.0, gt=0, description="K.")

    @model_validator(mode="after")
    def _consistent(self) -> ForwardOptions:
        if self.regularizer is None and self.candidates > 1:
            raise ValueError("'candidates' need a regularizer to choose by, e.g. regularizer: steric")
        if self.generator.follows and self.start == "parallel":
            raise ValueError("this generator sees the frame before, which a parallel start does not tell it: write "
                             "'start: sequential'")
        if self.generator.parallel and self.start == "sequential":
            raise ValueError("this generator reads beads alone and cannot run sequentially: leave 'start' out, or "
                             "choose a generator that sees atoms")
        return self


class Forward(FrameStep):
    """Places all atoms: a parallel start from the beads alone, or sequential forward sampling.

    With a generator that follows the frame before, frames pass in the order of time, and each is drawn given the one
    before as all steps left it; the first one, and those after gaps, follow what the generator chooses itself.
    """

    Options = ForwardOptions
    options: ForwardOptions
    needs = frozenset({"system", "beads"})
    gives = frozenset({"atoms", "generator"})

    def __init__(self, options: ForwardOptions) -> None:
        super().__init__(options)
        self.needs = self.needs | needs_of(options.generator) | needs_of(options.regularizer)
        self.follows = options.generator.follows
        if options.generator.parallel:  # it cannot sweep
            self.gives = frozenset({"atoms"})

    def start(self, state: State) -> None:
        generator = self.options.generator
        prepare(generator, state)
        equip(self.options.regularizer, state)
        state.generator = generator
        self.worker = generator if self.options.start == "sequential" else generator.starter()
        if self.worker is None:
            raise BackmapError("this generator has no parallel start", where=self.where,
                               hint="Write 'start: sequential', or start with the template generator.")
        if self.worker is not generator:
            state.system = handed.prepared(self.worker, state.system, state.device)
        rng = numpy_generator(state.seed, self.index, "traversal")
        self.orders = [handed.order(self.options.traversal, molecule, rng) for molecule in state.system.types]
        sequential = self.options.start == "sequential"
        orders = self.orders if sequential else [resting_order(molecule) for molecule in state.system.types]
        self.tables = FragmentTable.build(state.system.types, self.worker.view, orders, sequential).to(state.device)
        self.project = projection(state.system)
        self.succession = Succession(state, self.where) if self.follows else None
        for molecule in state.system.types:
            unknown = int((molecule.chemistry.sign == 0).sum())
            if unknown and not molecule.given:
                state.log(f"note: {molecule.name}: the handedness of {unknown} stereocentre{'s' * (unknown > 1)} is "
                          "not known; they come out as drawn (give SMILES or true atoms, 'stereo' in topology)")

    def frame(self, window: Window, state: State) -> Window:
        blank = replace(window, atoms=None, placed=None)
        scene = Scene.of(blank, window.system, self.tables, self.worker.view)
        if self.succession is not None:
            scene.before = told_before(self.succession, window, state, self.memory["ways"])
        if self.options.start == "parallel":
            schedule = parallel_schedule(scene.surroundings, window.system)
        else:
            schedule = forward_schedule(scene.surroundings, window.system, self.orders)
        total, done = int(drawn(window.system).sum()), 0

        def progress(sites: int) -> None:
            nonlocal done
            done += sites
            state.progress(done / total)

        sweeper = Sweeper(self.worker, self.options.regularizer, self.options.candidates,
                          temperature=self.options.temperature, select=self.options.select, progress=progress)
        sweeper.sweep(scene, schedule, (state.seed, self.index, "forward"), window.frames)
        self.project(scene)
        correct_chirality(scene, self.project)
        return result(window, scene)

    def finish(self, state: State) -> None:
        for line in counted("forward", self.memory["ways"]) if self.follows else ():
            state.log(line)
