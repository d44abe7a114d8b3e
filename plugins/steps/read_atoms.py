"""The step ``read_atoms``: atoms from a file, to be assessed, refined or written."""
from __future__ import annotations

import numpy as np
from pydantic import Field

from backmap import api
from backmap.api import Nested, Reader, State
from backmap.errors import BackmapError
from backmap.model.inputs import forces_of
from backmap.model.system import Window

from ..molecules import contents
from ..molecules.sources import opened


class ReadAtoms(api.Step):
    """Reads atoms from a trajectory in place of making them."""

    needs = frozenset({"system", "beads"})
    gives = frozenset({"atoms"})

    class Options(api.Options):
        atoms: Nested[Reader] = Field(
            description="Frames of atoms: one for every frame of beads, or one for every chosen frame.")

    options: Options

    def start(self, state: State) -> None:
        self.source = opened(self.options.atoms, "atoms", state.system, contents.of_state(state))
        if self.source.n_frames not in (state.source.n_frames, state.n_frames):
            raise BackmapError(f"holds {self.source.n_frames} frames, but {state.source.where} holds "
                               f"{state.source.n_frames}" + (f", of which {state.n_frames} are chosen"
                                                             if state.n_frames != state.source.n_frames else ""),
                               where=self.source.where,
                               hint="Frame n must belong to frame n of the beads, or to the n-th chosen one.")
        state.loaded = True
        self.places = {number: place for place, number in enumerate(state.chosen)}

    def frames(self, window: Window, state: State) -> Window:
        numbers = window.frames
        if self.source.n_frames != state.source.n_frames:
            numbers = [self.places[int(number)] for number in window.frames]
        infos = [self.source.frame(int(number)) for number in numbers]
        atoms = np.stack([
            window.system.atoms_near_beads(info.checked(f"{self.source.where}: frame {number}"), window.beads[w],
                                          window.box(w))
            for w, (number, info) in enumerate(zip(numbers, infos))])
        loaded = window.with_atoms(atoms)
        loaded.residual, loaded.flags, loaded.forces = None, {}, forces_of(infos)
        return loaded
