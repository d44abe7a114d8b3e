"""The morpher ``bottleneck``: beads are coarsened once more and drawn anew by a generator of another model."""
from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator

from backmap.api import DensityGenerator, Generator, Morphed, Morpher, Nested, Traversal
from backmap.engine.metropolis.joint import MOVES, JointSweeps, MoveOutcome
from backmap.engine.random import numpy_generator
from backmap.engine.sites import handed
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.engine.sites.schedule import Schedule, forward_schedule, per_bead
from backmap.engine.sites.sweep import Sweeper, projection
from backmap.errors import BackmapError
from backmap.model.system import System, Window

from .coarser import CoarserOptions, coarser

#: Small displacements of accepted sweeps, as a share of the distance from a bead to the next one of its group.
DISPLACEMENT = 0.08

#: Tried and accepted moves of each sweep, (sweeps, 2), by kind of move and type of group.
Moves = dict[tuple[str, str], NDArray[np.int64]]


class BottleneckMorpherOptions(CoarserOptions):
    """Options of the morpher ``bottleneck``."""

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
    def _consistent(self) -> BottleneckMorpherOptions:
        if self.scheme == "B" and self.sweeps == 0:
            raise ValueError("scheme B without sweeps changes nothing")
        return self

    @property
    def n_sweeps(self) -> int:
        """Sweeps, with the default of the scheme."""
        return (64 if self.scheme == "B" else 0) if self.sweeps is None else self.sweeps


class BottleneckMorpher(Morpher):
    """Coarsens beads once more and draws them anew.

    What successive beads have in common, their mass centre, stays where it is (to rounding, with a generator that
    meets its beads, such as ``splitting``); all that is finer is drawn by a generator that was trained on the other
    model. It can work only where both models agree once they are coarsened: ``backmap bottleneck`` tells. Molecules of
    one bead, and those of no mapping, stay as they are.

    Source: M. Stieffenhofer, PhD thesis (Mainz, 2022), chapter 7; the acceptance is ours (``docs/morphing``).
    """

    Options = BottleneckMorpherOptions
    options: BottleneckMorpherOptions
    moves = MOVES
    kept = "mass centres of the bottleneck"

    def __init__(self, options: BottleneckMorpherOptions) -> None:
        super().__init__(options)
        if "forcefield" in options.generator.needs:
            raise BackmapError("a generator that needs a force field cannot draw beads", hint="Choose splitting.")

    def begin(self, system: System, device: str, seed: tuple[int | str, ...]) -> None:
        generator, options = self.options.generator, self.options
        if options.n_sweeps and options.accept and not (isinstance(generator, DensityGenerator)
                                                        and generator.meets_beads):
            raise BackmapError("the draws of this generator cannot be accepted or rejected: that takes a density of "
                               "draws that meet their beads", where=f"{self.where}.generator",
                               hint="Choose splitting, or write 'accept: false'.")
        self.system = handed.prepared(generator, coarser(system, options, self.where), device)
        rng = numpy_generator(*seed, "traversal")
        types = self.system.types
        self.orders = [handed.order(options.traversal, kind, rng) for kind in types]
        self.ahead = FragmentTable.build(types, generator.view, self.orders, sequential=True).to(device)
        self.among = FragmentTable.build(types, generator.view, list(map(resting_order, types))).to(device)
        self.project = None if generator.meets_beads else projection(self.system)
        self.bead_types = per_bead(self.system, [np.array(kind.bead_types, dtype=object) for kind in types])
        self.left = [kind.name for kind in types if kind.given]
        self.remarks = [*generator.remarks, f"{self.system.n_atoms} beads go through {self.system.n_beads}"]

    def morph(self, window: Window, seed: tuple[int | str, ...]) -> Morphed:
        beads = window.beads
        coarse = Window(window.frames, window.time, window.boxes, self.system.map(beads), place=window.place)
        scene = self._begun(coarse, beads, seed)
        moves = self._sweep(scene, (*seed, "sweep"))
        made = scene.atoms.cpu().numpy()
        return Morphed(made[0], moves, drift=np.linalg.norm(self.system.map(made)[0] - coarse.beads[0], axis=1))

    def _begun(self, coarse: Window, beads: np.ndarray, seed: tuple[int | str, ...]) -> Scene:
        """The scene from which sweeps begin: drawn by forward sampling, or as the beads are."""
        generator, options = self.options.generator, self.options
        if options.scheme == "B":
            return Scene.of(coarse.with_atoms(beads), self.system, self.ahead, generator.view)
        scene = Scene.of(coarse, self.system, self.ahead, generator.view)
        Sweeper(generator).sweep(scene, self._schedule(scene), (*seed, "forward"), scene.frames)
        if self.project:
            self.project(scene)
        return scene

    def _schedule(self, scene: Scene) -> Schedule:
        return forward_schedule(scene.surroundings, self.system, self.orders)

    def _sweep(self, scene: Scene, name: tuple[int | str, ...]) -> Moves:
        """All sweeps, in place."""
        options = self.options
        moves: Moves = defaultdict(lambda: np.zeros((options.n_sweeps, 2), dtype=np.int64))
        if not options.n_sweeps:
            return moves
        if not options.accept:
            among = replace(scene, fragments=self.among)
            sweeper = Sweeper(options.generator)
            for number in range(options.n_sweeps):
                sweeper.gibbs(among, (*name, number), project=self.project)
                self.progress((number + 1) / options.n_sweeps)
            return moves
        sweeps = JointSweeps(options.generator, scene, self._schedule(scene), DISPLACEMENT * self._spacing(scene))
        for number in range(options.n_sweeps):
            for moved in sweeps.sweep((*name, number)):
                self._count(moved, number, moves)
            self.progress((number + 1) / options.n_sweeps)
        return moves

    def _spacing(self, scene: Scene) -> float:
        """How far a bead is from the next one of its group, nm, on average; groups need not be bonded."""
        owned = scene.layout.owned
        several = owned[(owned >= 0).sum(dim=1) > 1]
        points = scene.atoms[0][several.clamp_min(0)]
        apart = torch.cdist(points, points).masked_fill(torch.eye(several.shape[1], dtype=torch.bool), torch.inf)
        apart = apart.masked_fill((several < 0)[:, None], torch.inf)
        return float(apart.min(dim=2).values[several >= 0].mean())

    def _count(self, moved: MoveOutcome, sweep: int, moves: Moves) -> None:
        types = self.bead_types[moved.bead]
        for name in np.unique(types).tolist():
            chosen = types == name
            moves[moved.move, name][sweep] = chosen.sum(), moved.accepted[chosen].sum()
