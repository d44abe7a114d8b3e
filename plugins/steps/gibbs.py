"""The step ``gibbs``: sweeps that relax atoms, and repair of what they leave wrong."""
from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field, model_validator

from backmap.api import Nested, Regularizer, State
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.repair import Repair, Starter, overlaps
from backmap.engine.sites.schedule import drawn, per_bead
from backmap.engine.sites.sweep import Select, Sweeper
from backmap.model.system import System, Window

from .drawing import SELECT, SweepOptions, SweepStep, equip, needs_of, prepare, resting_tables, result
from .mended import judged

#: Noise levels of annealed sweeps by their number; they end at level 0, without noise.
ANNEALED = {1: [0.0], 2: [0.25, 0.0], 3: [0.6, 0.0, 0.0]}


def annealed(sweeps: int) -> list[float]:
    """Noise levels of a run of sweeps: from rough to none, the last two clean."""
    if sweeps in ANNEALED:
        return ANNEALED[sweeps]
    return [1.0] * (sweeps - 4) + [0.6, 0.25, 0.0, 0.0]


class GibbsOptions(SweepOptions):
    """Options of ``gibbs``."""

    changed_names: ClassVar = {"accept": "is a step of its own now: write metropolis: {...}",
                               "levels": "is called 'noise_schedule' now",
                               "second": "is called 'redraw_candidates' now"}

    noise_schedule: list[Annotated[float, Field(ge=0, le=1)]] | None = Field(
        None, description="Noise level of each sweep, 1 (rough) to 0 (clean); by default annealed, ending at 0.")
    regularizer: Nested[Regularizer] | None = Field(
        None, description="Chooses among candidates; steric also says which fragments overlap.")
    candidates: int = Field(1, ge=1, description="Draws per fragment among which the regularizer chooses.")
    select: Select = SELECT
    overlap: float = Field(
        10.0, gt=0, description="A fragment with more of the regularizer's energy than this is redrawn, kJ/mol.")
    redraw_candidates: int = Field(4, ge=0, description="Draws to choose from when it is redrawn at once, in the same "
                                                        "sweep.")
    repair: int = Field(0, ge=0, description="Rounds after the sweeps in which fragments that overlap are redrawn.")
    repair_candidates: int = Field(8, ge=1, description="Draws per fragment in these rounds.")

    @model_validator(mode="after")
    def _consistent(self) -> GibbsOptions:
        if self.noise_schedule is not None and len(self.noise_schedule) != self.sweeps:
            raise ValueError(f"'noise_schedule' has {len(self.noise_schedule)} entries for {self.sweeps} sweeps")
        if self.regularizer is None and (self.candidates > 1 or self.repair):
            raise ValueError("'candidates' and 'repair' need a regularizer to choose by, e.g. regularizer: steric")
        if self.regularizer is not None and not self.regularizer.absolute:
            idle = {"repair", "redraw_candidates", "overlap"} & self.model_fields_set
            if idle:
                raise ValueError(f"'{min(idle)}' needs a regularizer that is zero where nothing is wrong, e.g. steric: "
                                 "let it mend what is left in a gibbs step of its own")
        return self


class Gibbs(SweepStep):
    """Redraws every fragment given all others in Gibbs sweeps, and projects onto the beads after each half-sweep.

    Draws are kept as the generator makes them, so that frames are as good as what it has learned; ``metropolis``
    accepts or rejects them by the force field. Molecules that are untied stay as they stand: on beads that only say
    where they begin, draws find no room for them.
    """

    Options = GibbsOptions
    options: GibbsOptions

    def __init__(self, options: GibbsOptions) -> None:
        super().__init__(options)
        self.needs = self.needs | needs_of(options.regularizer)
        self.starter: Starter | None = None

    def start(self, state: State) -> None:
        super().start(state)
        equip(self.options.regularizer, state)
        self.started = replace(state)  # later steps may change what there is
        self.noise_levels = self.options.noise_schedule or annealed(self.options.sweeps)

    def frame(self, window: Window, state: State) -> Window:
        chosen = self.chosen(window)
        scene = Scene.of(window, window.system, self.tables, self.generator.view)
        if chosen is None or chosen.any():
            self._relax(scene, state, window, chosen)
        else:
            scene.atoms.copy_(torch.as_tensor(window.atoms))  # molecules that are given, too, stay as they are
        done = result(window, scene)
        if self._tells_overlaps:
            done.flags["clash"] = overlaps(scene, self.options.regularizer, self.options.overlap)
        return judged(done, state)

    def chosen(self, window: Window) -> np.ndarray | None:
        chosen, untied = super().chosen(window), [kind.untied for kind in window.system.types]
        if not any(untied):
            return chosen
        tied = per_bead(window.system, [np.full(kind.n_beads, not free)
                                        for kind, free in zip(window.system.types, untied, strict=True)])
        tied &= drawn(window.system)
        return np.broadcast_to(tied, window.beads.shape[:2]) if chosen is None else chosen & tied

    @property
    def _tells_overlaps(self) -> bool:
        return self.options.regularizer is not None and self.options.regularizer.absolute

    def _relax(self, scene: Scene, state: State, window: Window, chosen: np.ndarray | None) -> None:
        """All sweeps, and what is to be mended after them, in place."""
        options = self.options
        sites = int(drawn(scene.system).sum() if chosen is None else chosen.sum())
        total, done = sites * (len(self.noise_levels) + 1), 0  # repair takes as long as a sweep, about

        def progress(sites: int) -> None:
            nonlocal done
            done += sites
            state.progress(min(1.0, done / total))

        sweeper = Sweeper(self.generator, options.regularizer, options.candidates,
                          options.redraw_candidates if self._tells_overlaps else 0, options.overlap,
                          options.temperature, options.select, progress=progress)
        before, kept = state.kept.last(self.index)
        if before:
            scene.atoms.copy_(torch.as_tensor(kept["atoms"]))
        progress(before * sites)
        for number, level in list(enumerate(self.noise_levels))[before:]:
            state.doing(f"sweep {number + 1} of {len(self.noise_levels)}")
            sweeper.gibbs(scene, (state.seed, self.index, "sweep", number), level, self.project, chosen)
            state.kept.keep(self.index, number + 1, {"atoms": scene.atoms.cpu().numpy()})
        mender = replace(sweeper, candidates=options.repair_candidates, second=0, progress=lambda sites: None)
        repair = Repair(mender, options.repair, self.project, lambda: self._starter(scene.system))
        sweeps = len(self.noise_levels)
        state.doing("repair")
        repair.mend(scene, window, (state.seed, self.index), chosen,
                    lambda share: state.progress((sweeps + share) / (sweeps + 1)))

    def _starter(self, system: System) -> Starter | None:
        """What places fragments as a parallel start does; made when it is needed first."""
        if self.starter is None and (starter := self.generator.starter()) is not None:
            state = replace(self.started, system=system)
            prepare(starter, state)
            self.starter = starter, resting_tables(state, starter.view)
        return self.starter
