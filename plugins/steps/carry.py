"""The step ``carry``: atoms from those of the frame before, so that they move as atoms do."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydantic import Field, PositiveFloat, field_validator

from backmap.api import FrameStep, Options, Several, State, Step
from backmap.engine.carrying import Carrying, beside, between
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.flags import finished
from backmap.engine.geometry.constraint import flag_slack
from backmap.engine.random import seed_named
from backmap.engine.sites.handed import expect, named
from backmap.errors import at
from backmap.model.system import Window

from .hamiltonian import FLAG
from .jumping import Jumps
from .succession import Succession, counted


class CarryOptions(Options):
    """Options of ``carry``."""

    start: Several[Step] = Field(description="The steps that make the atoms of the first frame, and of frames that do "
                                             "not go on where the one before was: [{forward: template}, "
                                             "{hamiltonian: {sweeps: 100}}].")
    refresh: Several[Step] = Field(description="The steps that lead the atoms to the law of their frame, after each of "
                                               "the substeps: {hamiltonian: {sweeps: 1, steps: 50, timestep: 2}}.")
    substeps: int = Field(1, ge=1, description="In how many even steps beads go from one frame to the next. What a "
                                               "step bends turns into heat, less of it in more of them; but beads that "
                                               "are single atoms do not go evenly.")
    extra_jumps: dict[str, PositiveFloat] = Field(
        default_factory=dict, description="Jumps of rotors that a turn maps onto themselves, as of methyl groups, that "
                                          "are added, for each that 'refresh' makes, by the name of its torsion in the "
                                          "section dynamics of reports: {HC-CT-CT-N: 0.27}. They change no energy and "
                                          "no bead.")

    @field_validator("start")
    @classmethod
    def _makes(cls, start: list[Step]) -> list[Step]:
        if not any("atoms" in step.gives for step in start):
            raise ValueError("makes no atoms. Name a step that does, such as forward")
        return start


class Carry(FrameStep):
    """Moves the atoms of the frame before along with the beads, and refreshes them on the way.

    What beads do not fix is where it was: torsions of methyl groups, rings and side chains. Moves that are accepted by
    the force field (``hamiltonian``) lead on from there, so that each frame has its law, and successive frames are as
    alike as the number of their sweeps says.
    """

    Options = CarryOptions
    options: CarryOptions
    needs = frozenset({"system", "beads"})
    gives = frozenset({"atoms"})
    inside = {"refresh": frozenset({"atoms"})}
    follows = True

    @property
    def branches(self) -> dict[str, Sequence[Step]]:
        return {"start": self.options.start, "refresh": self.options.refresh}

    def start(self, state: State) -> None:
        for step in (*self.options.start, *self.options.refresh):
            with at(step.where):
                step.begin(state)
        self.carrying, self.succession = Carrying(state.system), Succession(state, self.where)
        self.jumps = Jumps.of(state.system, self.options.extra_jumps, f"{self.where}.extra_jumps")
        self._tried = not len(self.jumps.atoms) or state.forcefield is None

    def frame(self, window: Window, state: State) -> Window:
        before = self.succession.before(window, state, self.memory["ways"])
        if before is None:
            return _through(self.options.start, window, state)
        return self._jumped(self._carried(before, window, state), before, state)

    def _jumped(self, window: Window, before: Window, state: State) -> Window:
        """The frame with some rotors turned, as often as jumps are missing in the time since the one before."""
        if not self._tried:
            self.jumps.expect_alike(FrameEnergy(state.system, state.forcefield), window.atoms[0], window.box(0),
                                    f"{self.where}.extra_jumps")
            self._tried = True
        passed = float(window.time[0] - before.time[0])
        known = None if before.jumps is None else before.jumps[0]
        counted = self.jumps.counted(known, before.atoms[0], window.atoms[0], passed)
        order = self.jumps.order((state.seed, self.index, int(window.frames[0])), self.jumps.rate(counted), passed,
                                 window.system.n_atoms)
        done = window.with_atoms(window.atoms[:, order])
        done.jumps = counted[None]
        if window.velocities is not None:
            done.velocities = window.velocities[:, order]
        return done

    def _carried(self, before: Window, window: Window, state: State) -> Window:
        """The frame before, led on to the beads of this one in substeps."""
        n, seed, whole = self.options.substeps, state.seed, state.progress
        beads, atoms = beside(window.system, before.beads[0], before.atoms[0], window.beads[0], window.box(0))
        first, widening, velocities = beads, window.boxes - before.boxes, before.velocities
        flags = window.flags
        stuck: list[np.ndarray] = []
        try:
            for k in range(n):
                left = (n - 1 - k) / n
                onto = between(window.system, first, window.beads[0], 1 - left) if left else window.beads[0]
                moved = self.carrying.carried(atoms, beads, onto)
                here = replace(window, beads=onto[None], boxes=window.boxes - left * widening, flags=flags)
                here = flag_slack(finished(here, moved[None]))
                if velocities is not None:
                    here.velocities = self.carrying.turned(velocities[0], beads, onto)[None]
                state.seed = seed_named(seed, f"substep {k}")  # else all of them would draw the same
                state.progress = lambda share, k=k: whole((k + share) / n)
                done = _through(self.options.refresh, here, state)
                beads, atoms, velocities, flags = onto, done.atoms[0], done.velocities, done.flags
                stuck += [done.flags[FLAG]] if FLAG in done.flags else []
        finally:
            state.seed, state.progress = seed, whole
        return replace(done, flags={**done.flags, FLAG: np.all(stuck, axis=0)}) if stuck else done

    def finish(self, state: State) -> None:
        for step in (*self.options.start, *self.options.refresh):
            with at(step.where):
                step.finish(state)
        for line in counted("carry", self.memory["ways"]):
            state.log(line)
            if self.succession.interval > 0:
                n = self.options.substeps
                state.log(f"carry: frames are {self.succession.interval:g} ps apart, in {n} substep{'s' * (n > 1)}")


def _through(steps: Sequence[Step], window: Window, state: State) -> Window:
    """A frame that went through steps."""
    for step in steps:
        with at(step.where):
            window = expect(step.frames(window, state), Window, named("step", step), "handed on")
    return window
