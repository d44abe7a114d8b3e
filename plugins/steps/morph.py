"""The step ``morph``: beads of one model become beads with the local statistics of another."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pydantic
from pydantic import Field, model_validator

from backmap.api import (
    AtomTopology,
    DensityGenerator,
    FrameStep,
    Generator,
    MappingReader,
    Nested,
    Options,
    Several,
    State,
    Traversal,
)
from backmap.engine.metropolis.joint import MOVES, JointSweeps, Moved
from backmap.engine.random import numpy_generator
from backmap.engine.sites import handed
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.engine.sites.schedule import Schedule, forward_schedule, per_bead
from backmap.engine.sites.sweep import Sweeper, projection
from backmap.errors import BackmapError
from backmap.model.sampling import Sampling
from backmap.model.system import System, Window

from ..molecules.assemble import assemble, mapped_once
from ..molecules.bottleneck import bottleneck_of
from ..molecules.groups import Remainder
from .drawing import needs_of

#: Small displacements of accepted sweeps, as a share of the mean bond of the beads.
DISPLACEMENT = 0.08


class MorphOptions(Options):
    """Options of ``morph``."""

    bottleneck: pydantic.PositiveInt | Several[MappingReader] = Field(
        description="What is kept: how many successive beads go into one mass centre, or mapping files (backmap "
                    "bottleneck writes them) in which the beads that are there are called atoms.")
    remainder: Remainder = Field("last", description="Of chains that do not divide by a number under 'bottleneck'. "
                                                     "last: the last group is smaller; spread: groups differ by one "
                                                     "at most; error: they are refused.")
    generator: Nested[Generator] = Field(description="What draws beads into the bottleneck, trained on the model that "
                                                     "is right close up.")
    scheme: Literal["A", "B"] = Field("A", description="A: all beads are drawn anew from the bottleneck. B: sweeps "
                                                       "begin with the beads as they are.")
    sweeps: int | None = Field(None, ge=0, description="Sweeps after that; by default none for A, and 64 for B.")
    accept: bool = Field(True, description="Accept or reject each change, so that sweeps keep, and converge to, the "
                                           "joint density of what A draws. Without it they are pseudo-Gibbs sweeps, "
                                           "which have no such density.")
    traversal: Nested[Traversal] = Field("depth_first", validate_default=True, description="Order of drawing.")

    @model_validator(mode="after")
    def _consistent(self) -> MorphOptions:
        if self.bottleneck == []:
            raise ValueError("'bottleneck' is empty: give a number of beads, or a mapping")
        if self.scheme == "B" and self.sweeps == 0:
            raise ValueError("scheme B without sweeps changes nothing")
        return self

    @property
    def n_sweeps(self) -> int:
        """Sweeps, with the default of the scheme."""
        return (64 if self.scheme == "B" else 0) if self.sweeps is None else self.sweeps


class Morph(FrameStep):
    """Gives beads the local statistics of another model: coarsens them once more and draws them anew.

    What successive beads have in common, their mass centre, stays where it is (to rounding, with a generator that
    meets its beads, such as ``splitting``); all that is finer is drawn by a generator that was trained on the other
    model. It can work only where both models agree once they are coarsened: ``backmap bottleneck`` tells.

    Source: M. Stieffenhofer, PhD thesis (Mainz, 2022), chapter 7; the acceptance is ours (``docs/morphing``).
    """

    Options = MorphOptions
    options: MorphOptions
    needs = frozenset({"system", "beads"})
    gives = frozenset({"morphed"})

    def __init__(self, options: MorphOptions) -> None:
        super().__init__(options)
        self.needs = self.needs | needs_of(options.generator)
        if "forcefield" in self.needs:
            raise BackmapError("a generator that needs a force field cannot draw beads", hint="Choose splitting.")

    def start(self, state: State) -> None:
        if "atoms" in self.there:
            raise BackmapError("there are atoms already, which would stay where they are when their beads move",
                               where=self.where, hint="Put morph before the step that makes atoms, or coarsen first.")
        generator, options = self.options.generator, self.options
        beads = state.system.as_beads
        if options.n_sweeps and options.accept and not (isinstance(generator, DensityGenerator)
                                                        and generator.meets_beads):
            raise BackmapError("the draws of this generator cannot be accepted or rejected: that takes a density of "
                               "draws that meet their beads", where=f"{self.where}.generator",
                               hint="Choose splitting, or write 'accept: false'.")
        self.system = handed.prepared(generator, self._coarser(beads), state.device)
        for remark in generator.remarks:
            state.log(f"note: {remark}")
        rng = numpy_generator(state.seed, self.index, "traversal")
        types = self.system.types
        self.orders = [handed.order(options.traversal, kind, rng) for kind in types]
        self.ahead = FragmentTable.build(types, generator.view, self.orders, sequential=True).to(state.device)
        self.among = FragmentTable.build(types, generator.view, list(map(resting_order, types))).to(state.device)
        self.project = None if generator.meets_beads else projection(self.system)
        self.bead_types = per_bead(self.system, [np.array(kind.bead_types, dtype=object) for kind in types])
        state.given["morphed"] = self.system
        state.log(f"morph: {self.system.n_atoms} beads through {self.system.n_beads}")

    def _coarser(self, beads: System) -> System:
        """The beads, and the bottleneck that they are drawn into."""
        options = self.options
        topology = AtomTopology.of(beads, "the beads so far")
        if isinstance(options.bottleneck, int):
            models = bottleneck_of(topology, options.bottleneck, options.remainder, self.where)
        else:
            models = mapped_once(options.bottleneck, topology, self.where)
        return assemble(topology, models, constraints="none", given=set(topology.types) - set(models))

    def frame(self, window: Window, state: State) -> Window:
        beads = window.beads.reshape(1, -1, 3)
        coarse = Window(window.frames, window.time, window.boxes, self.system.map(beads), place=window.place)
        scene = self._begun(coarse, beads, state)
        self._sweep(scene, window, state)
        made = scene.atoms.cpu().numpy()
        self.memory["drift"].row("largest", int(window.place[0]),
                                 np.abs(self.system.map(made) - coarse.beads).max(keepdims=True).ravel())
        return replace(window, beads=made, before=window.beads)

    def _begun(self, coarse: Window, beads: np.ndarray, state: State) -> Scene:
        """The scene from which sweeps begin: drawn by forward sampling, or as the beads are."""
        generator, options = self.options.generator, self.options
        if options.scheme == "B":
            return Scene.of(coarse.with_atoms(beads), self.system, self.ahead, generator.view)
        scene = Scene.of(coarse, self.system, self.ahead, generator.view)
        Sweeper(generator).sweep(scene, self._schedule(scene), (state.seed, self.index, "forward"), scene.frames)
        if self.project:
            self.project(scene)
        return scene

    def _schedule(self, scene: Scene) -> Schedule:
        return forward_schedule(scene.surroundings, self.system, self.orders)

    def _sweep(self, scene: Scene, window: Window, state: State) -> None:
        """All sweeps, in place."""
        options, name = self.options, (state.seed, self.index, "sweep")
        if not options.n_sweeps:
            return
        if not options.accept:
            among = replace(scene, fragments=self.among)
            sweeper = Sweeper(options.generator)
            for number in range(options.n_sweeps):
                sweeper.gibbs(among, (*name, number), project=self.project)
                state.progress((number + 1) / options.n_sweeps)
            return
        bond = np.linalg.norm(np.diff(scene.atoms[0].cpu().numpy()[self._bonds()], axis=1)[:, 0], axis=1).mean()
        sweeps = JointSweeps(options.generator, scene, self._schedule(scene), DISPLACEMENT * float(bond))
        for number in range(options.n_sweeps):
            for moved in sweeps.sweep((*name, number)):
                self._count(moved, number, int(window.place[0]))
            state.progress((number + 1) / options.n_sweeps)

    def _bonds(self) -> np.ndarray:
        """All bonds of the beads, (n, 2)."""
        return np.concatenate([group.atoms[:, group.type.bonds].reshape(-1, 2) for group in self.system.groups])

    def _count(self, moved: Moved, sweep: int, place: int) -> None:
        types = self.bead_types[moved.bead]
        for name in np.unique(types).tolist():
            counts = np.zeros((self.options.n_sweeps, 2), dtype=np.int64)
            counts[sweep] = [(types == name).sum(), moved.accepted[types == name].sum()]
            self.memory["moves"].count(f"{moved.move} {name}", place, counts)

    def finish(self, state: State) -> None:
        """Say what was accepted, and how far the bottleneck is from where it was."""
        rows = list(self._acceptance())
        drift = float(self.memory["drift"].rows("largest").max(initial=0.0))
        note = f"mass centres of the bottleneck are within {drift:.1e} nm of where they were"
        for row in rows:
            state.log(f"{row['block']} of {row['bead_type']}: accepted {row['first']:.1%} in the first sweep, "
                      f"{row['last']:.1%} in the last")
        state.log(note)
        state.sampling.append(Sampling(f"steps[{self.index}].{self.name or 'morph'}", rows, notes=[note]))

    def _acceptance(self) -> Iterator[dict[str, Any]]:
        for name in sorted(self.memory["moves"].names(), key=lambda name: (MOVES.index(name.split(" ", 1)[0]), name)):
            move, bead_type = name.split(" ", 1)
            tried, accepted = self.memory["moves"].counts(name).T
            share = accepted / np.maximum(tried, 1)
            yield {"block": move, "bead_type": bead_type, "first": float(share[0]), "last": float(share[-1]),
                   "all": float(accepted.sum() / max(tried.sum(), 1)), "tried": int(tried.sum()), "energy": None}
