"""The step ``morph``: beads of one model become beads with the local statistics of another."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from backmap import api
from backmap.api import FrameStep, Morpher, Nested, Sampling, State
from backmap.errors import BackmapError, at
from backmap.model.system import Window

from .. import handed


class Morph(FrameStep):
    """Gives beads the local statistics of another model, by a morpher.

    The options of the morpher ``bottleneck`` may stand here in place of its name:
    ``morph: {bottleneck: 2, generator: {splitting: weights.safetensors}}``.
    """

    needs = frozenset({"system", "beads"})
    gives = frozenset({"morphed"})

    class Options(api.Options):
        implied: ClassVar = ("morpher", "bottleneck")

        morpher: Nested[Morpher] = Field(description="What turns beads into others. Other options than this one are "
                                                     "those of the morpher bottleneck.")

    options: Options

    def start(self, state: State) -> None:
        if "atoms" in self.there:
            raise BackmapError("there are atoms already, which would stay where they are when their beads move",
                               where=self.where, hint="Put morph before the step that makes atoms, or coarsen first.")
        morpher = self.options.morpher
        morpher.where = self.where if morpher.unnamed else f"{self.where}.morpher.{morpher.name}"
        self.system = state.system.as_beads
        with at(morpher.where):
            morpher.begin(self.system, state.device, (state.seed, self.index))
            for remark in handed.morpher_remarks(morpher, self.system):
                state.log(f"note: {remark}")

    def frame(self, window: Window, state: State) -> Window:
        morpher, place = self.options.morpher, int(window.place[0])
        morpher.progress = state.progress
        with at(morpher.where):
            found = morpher.morph(window.as_beads(), (state.seed, self.index))
            made = handed.morphed(morpher, found, window, self.system)
        for (move, bead_type), counts in made.moves.items():
            self.memory["moves"].count(f"{move} {bead_type}", place, counts)
        if made.drift is not None:
            self.memory["drift"].row("nm", place, [np.sqrt(np.mean(made.drift**2)), made.drift.max(initial=0.0)])
        return replace(window, beads=made.beads[None], before=window.beads)

    def finish(self, state: State) -> None:
        """Say what was accepted, and how far what is kept is from where it was."""
        rows, notes = list(self._acceptance()), []
        for row in rows:
            state.log(f"{row['block']} of {row['bead_type']}: accepted {row['first']:.1%} in the first sweep, "
                      f"{row['last']:.1%} in the last")
        if "nm" in self.memory["drift"]:
            typical, largest = self.memory["drift"].rows("nm").T
            notes.append(f"{self.options.morpher.kept} are within {largest.max():.1e} nm of where they were "
                         f"(root mean square {np.sqrt(np.mean(typical**2)):.1e} nm)")
            state.log(notes[0])
        state.sampling.append(Sampling(f"steps[{self.index}].{self.name or 'morph'}", rows, notes=notes))

    def _acceptance(self) -> Iterator[dict[str, Any]]:
        order = list(self.options.morpher.moves)
        named = [tuple(name.split(" ", 1)) for name in self.memory["moves"].names()]
        for move, bead_type in sorted(named, key=lambda name: (order.index(name[0]), name[1])):
            tried, accepted = self.memory["moves"].counts(f"{move} {bead_type}").T
            share = accepted / tried.clip(min=1)
            yield {"block": move, "bead_type": bead_type, "first": float(share[0]), "last": float(share[-1]),
                   "all": float(accepted.sum() / max(tried.sum(), 1)), "tried": int(tried.sum()), "energy": None}
