"""The checker ``fit``: distances between beads against those of the free molecule."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backmap.api import Checker
from backmap.errors import BackmapError
from backmap.model import box as periodic
from backmap.model.survey import Finding, Survey

from ..fit.examination import BeadFrame, Examined, examined
from .coincident import coincident

LOOKED_AT = 3  #: frames, evenly spaced


class FitChecker(Checker):
    """Checks that beads fit their molecules: unit, scale, order and mapping, against molecules sampled alone."""

    def check(self, survey: Survey) -> Iterator[Finding]:
        if survey.system is None or survey.forcefield is None or survey.beads is None:
            return
        frames = _frames(survey)
        if not frames:
            return
        where = survey.beads.where
        try:
            found = examined(survey.system, survey.forcefield, temperature_of(survey), frames, survey.beads_are)
        except BackmapError as error:
            found = Examined(unlooked=[error.problem])
        for misfit in found.misfits:
            severity = "error" if misfit.grave else "note" if misfit.undecided else "warning"
            yield Finding(severity, where, misfit.problem, misfit.hint)
        for said in found.unlooked:
            yield Finding("note", where, f"whether beads fit was not looked at: {said}")


def temperature_of(survey: Survey) -> float | None:
    """That of the first step that is given one, K, else of the simulation that the force field is from, if known."""
    for step in survey.steps:
        if "temperature" in step.options.model_fields_set and step.options.temperature is not None:
            return float(step.options.temperature)
    run = survey.forcefield and survey.forcefield.run
    return run.temperature if run is not None else None


def _frames(survey: Survey) -> list[BeadFrame]:
    source, frames = survey.beads, []
    chosen = survey.chosen(source)
    for place in np.unique(np.linspace(0, len(chosen) - 1, min(LOOKED_AT, len(chosen))).astype(int)).tolist():
        number = chosen[place]
        info = source.frame(number)
        positions = info.checked(f"{source.where}: frame {number}")
        if len(positions) == survey.system.n_beads and not coincident(positions, info.box):  # which is told by itself
            frames.append((positions, info.box if info.box is not None and periodic.is_valid(info.box) else None))
    return frames
