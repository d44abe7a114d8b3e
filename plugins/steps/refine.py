"""The step ``refine``: one refiner after the other on atoms that are placed."""
from __future__ import annotations

import numpy as np
import torch
from pydantic import Field

from backmap import api
from backmap.api import FrameStep, Refiner, Several, State
from backmap.engine.flags import finished, flagged
from backmap.engine.random import Stream
from backmap.errors import BackmapError
from backmap.model.system import Window

from .. import handed
from .mended import judged


class Refine(FrameStep):
    """Refines atoms by energy minimisation or short dynamics.

    Atoms leave the beads as far as the refiners let them.
    """

    needs = frozenset({"system", "atoms"})
    gives = frozenset({"atoms"})

    class Options(api.Options):
        refiners: Several[Refiner] = Field(description="One refiner, or a list of them, in order.")
        only: list[str] | None = Field(None, description="Move only atoms of beads under these flags of earlier steps, "
                                                         "e.g. [clash, ring_pierced].")

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.refiners: list[Refiner] = options.refiners
        if not self.refiners:
            raise BackmapError("there is nothing to refine with", hint="Write refine: minimize.")
        self.needs = self.needs.union(*(refiner.needs for refiner in self.refiners))

    def start(self, state: State) -> None:
        for refiner in self.refiners:
            refiner.begin(state.system, state.forcefield)

    def frame(self, window: Window, state: State) -> Window:
        only = None if self.options.only is None else flagged(window, self.options.only, self.where)
        stream = Stream.of(state.seed, self.index, "refine", torch.as_tensor(window.frames))
        done, count = window, len(self.refiners)
        for number, refiner in enumerate(self.refiners):
            refiner.progress = lambda fraction, number=number: state.progress((number + fraction) / count)
            made = refiner.refine(done, window.system, stream.child(number), only)
            done = handed.refined(refiner, made, done, window.system)
        atoms = done.atoms
        if not np.array_equal(atoms, window.atoms):
            atoms = window.system.atoms_near_beads(atoms[0], window.beads[0], window.box(0))[None]
        return judged(finished(done, atoms), state)
