"""The finest particles that are there in the middle of a recipe: atoms where steps have made some, else beads."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backmap.api import FrameInfo, State, Step
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.system import Window


class Particles:
    """The finest particles before a step, as frames that can be read: one window of one frame at a time.

    Args:
        step: The step, which has not changed yet what there is.
        state: Of the run, in the ``start`` of the step.

    Attributes:
        noun: What they are called, ``atoms`` or ``beads``.
        system: Their molecules, of which they are the atoms.
    """

    def __init__(self, step: Step, state: State) -> None:
        self.noun, self.system = step.finest, step.particles(state)
        self.where = f"the {self.noun} so far"
        self.n_frames = state.source.n_frames if state.source is not None else 0
        self.n_points = self.system.n_atoms
        blocks = self.system.blocks
        self.names = [name for kind, count in blocks for name in list(kind.atom_names) * count]
        self.residue_names = [name for kind, count in blocks for name in list(kind.residue_names) * count]
        self._frame = FrameInfo(np.zeros((self.n_points, 3)), None, 0.0)

    def of(self, window: Window) -> NDArray[np.float64]:
        """Their positions in a window of one frame, molecules whole, (n, 3), nm."""
        there = window.atoms if self.noun == "atoms" else window.beads
        return self.system.whole_atoms(there[0], window.box(0))

    def show(self, window: Window) -> None:
        """Take the next window."""
        self._frame = FrameInfo(self.of(window), window.box(0), float(window.time[0]))

    def frame(self, number: int) -> FrameInfo:
        """The frame that is shown, whatever its number."""
        return self._frame

    def expect_molecules(self, blocks: Sequence[tuple[MoleculeType, int]]) -> None:
        """Raise BackmapError unless every molecule of ``blocks`` has as many beads as there are particles in it."""
        sizes = [kind.n_atoms for kind, count in self.system.blocks for _ in range(count)]
        wanted = [kind for kind, count in blocks for _ in range(count)]
        if sum(sizes) != sum(kind.n_beads for kind in wanted):
            return  # some are left out
        for number, (size, kind) in enumerate(zip(sizes, wanted), 1):
            if size != kind.n_beads:
                raise BackmapError(f"molecule {number} has {size} {self.noun}, but {kind.name} has {kind.n_beads} "
                                   "beads in the topology", where=self.where,
                                   hint="Molecules stay what they are: each becomes one of the new topology, in order.")

