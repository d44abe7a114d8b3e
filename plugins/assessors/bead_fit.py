"""Whether the given beads fit their molecules: distances between them against those of the free molecule."""
from __future__ import annotations

import numpy as np

from backmap.engine.sites.snapshot import Snapshot
from backmap.errors import BackmapError
from backmap.model import box as periodic
from backmap.model.assessment import CARE, GOOD, UNUSABLE, Aspect, Assessment, VerdictRule
from backmap.model.inputs import BeadsAre
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

from ..fit.examination import examined
from .part import Flags, Measurement, rows_of

FRAMES = 8  #: first frames of a run, which are looked at
TOPIC = "beads"
RULE = VerdictRule(TOPIC, "beads", "distances between beads that a change explains better than the free molecule",
                   "another unit, order or mapping")


class BeadFit(Measurement):
    """Keeps the beads of the first frames, and compares them with free molecules in the end.

    Args:
        system: What is there.
        forcefield: Of the atoms.
        temperature: K; None where no step says what it samples.
        declared: What the beads are said to be.
    """

    def __init__(self, system: System, forcefield: ForceField, temperature: float | None,
                 declared: BeadsAre | None) -> None:
        self.system, self.forcefield = system, forcefield
        self.temperature, self.declared = temperature, declared

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        if frame.index < FRAMES:
            box = np.zeros((3, 3)) if frame.box is None else frame.box
            tally.row("given beads", frame.index, np.concatenate([frame.beads, box]))
        return {}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        rows = rows_of(tally, "given beads", self.system.n_beads + 3, 3)
        frames = [(row[:-3], row[-3:] if periodic.is_valid(row[-3:]) else None) for row in rows]
        try:
            found = examined(self.system, self.forcefield, self.temperature, frames, self.declared)
        except BackmapError as error:
            return Assessment(notes=[f"Whether beads fit was not looked at: {error.problem}."])
        findings = [Aspect(UNUSABLE if misfit.grave else CARE, TOPIC, f"Beads do not fit: {misfit.problem}. "
                           f"{misfit.hint}", "beads") for misfit in found.misfits]
        if found.fitting and not found.misfits:
            findings.append(Aspect(GOOD, TOPIC, f"Distances between beads of {', '.join(found.fitting)} are as in the "
                                                "free molecule.", "beads"))
        return Assessment(notes=[f"Whether beads fit was not looked at: {said}." for said in found.unlooked],
                          findings=findings)
