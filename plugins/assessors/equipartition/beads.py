"""The ``along_beads`` assessor: whether beads that were mapped from atoms agree with the force field that was given."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Assessor, Options
from backmap.engine.identities.beads import BeadBalance, BeadCoordinates, BeadSums
from backmap.engine.identities.ratios import ERRORS, OFF, TOO_FAR, Ratio, along_beads, error_of, in_units
from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import CARE, GOOD, UNUSABLE, Aspect, Assessment, Figure, VerdictRule
from backmap.model.parameters import BOLTZMANN, ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

from .assessor import temperature_of

Array = NDArray[np.float64]
SECTION, TOPIC = "along the beads", "beads and force field"
#: Bonds and angles of beads may be off by this share of their own spread, or by so many standard errors.
SHIFTED, FAR = 0.1, 0.5


@dataclass(frozen=True)
class Shift:
    """By how much bonds or angles of beads are larger than the force field has them.

    Attributes:
        name: ``bonds A-B``.
        mean: nm, or degrees.
        value: In the same unit.
        error: Standard error, or None of too few.
        spread: Standard deviation of the bonds or angles themselves.
        unit: nm or degrees.
    """

    name: str
    mean: float
    value: float
    error: float | None
    spread: float
    unit: str

    @property
    def level(self) -> int:
        """Of a finding about it."""
        if self.error is None:
            return GOOD
        off = abs(self.value)
        if off - ERRORS * self.error > FAR * self.spread:
            return UNUSABLE
        return CARE if off > max(SHIFTED * self.spread, ERRORS * self.error) else GOOD

    def __str__(self) -> str:
        digits = 4 if self.unit == "nm" else 1
        return (f"{self.name} are {'longer' if self.unit == 'nm' else 'wider'} by {self.value:.{digits}f} ± "
                f"{self.error:.{digits}f} {self.unit} than the force field has them")


class AlongBeadsOptions(Options):
    """Options of the ``along_beads`` assessor."""

    temperature: float | None = Field(None, gt=0, description="K; by default that at which an earlier step samples.")


class AlongBeads(Assessor):
    """Equipartition along moves of beads: it holds if beads and atoms together are distributed as the force field says.

    Looked at are bonds and angles of beads, by name: by how much they are larger than the force field has them. And
    the forces of each class of terms along what moves beads: of contacts, which depend on the density, of angles and
    of torsions. It is asked of beads that were mapped from atoms alone (``beads: mapped`` in the recipe): a
    coarse-grained model has forces of its own.
    """

    Options = AlongBeadsOptions
    options: AlongBeadsOptions
    verdict_rules = (VerdictRule(TOPIC, "beads", f"{OFF}; a bead bond or angle off by a tenth of its spread",
                                 f"{TOO_FAR}; half of its spread"),)
    needs = frozenset({"forcefield"})

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        super().begin(system, forcefield)
        self.temperature, self.unmade = temperature_of(self, self.options.temperature, forcefield)
        if self.beads_are != "mapped":
            why = ("the recipe does not say whether its beads were mapped from atoms; 'beads: mapped' or "
                   "'beads: model' at its top does" if self.beads_are is None
                   else "the beads are those of a coarse-grained model")
            self.unmade = f"{self.name}: not made, as {why}."
        if not self.unmade:
            fixman = self.sampled is not None and self.sampled.fixman_potential
            self.balance = BeadBalance(system, forcefield, rigid_measure=not fixman)

    def measure(self, frame: Snapshot, tally: Tally) -> None:
        tally.row(f"frames {SECTION}", frame.index, 1.0)
        if self.unmade:
            return
        for number, (by_name, by_class) in self.balance.along(frame).items():
            name = self.system.groups[number].type.name
            tally.row(f"{SECTION} {name}", frame.index, in_units(by_name))
            tally.row(f"{SECTION} classes {name}", frame.index, in_units(by_class))

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        if self.unmade:
            return Assessment(notes=[self.unmade])
        ratios: dict[str, Ratio] = {}
        shifts: list[Shift] = []
        for number, group in enumerate(self.system.groups):
            if f"{SECTION} {group.type.name}" in tally:
                several = f"{group.type.name}, " if len(self.system.types) > 1 else ""
                rows = tally.rows(f"{SECTION} classes {group.type.name}")
                ratios |= {several + name: one
                           for name, one in along_beads(rows, BOLTZMANN * self.temperature).items()}
                shifts += self._shifts(tally, number, several)
        figures = [Figure(SECTION, one.name, "excess", one.value, one.unit, ideal=0.0, error=one.error)
                   for one in shifts]
        figures += [Figure(SECTION, name, "ratio", one.value, ideal=1.0, error=one.error)
                    for name, one in ratios.items()]
        notes = [f"{name} is not looked at: {why}." for name, why in self.balance.skipped.items()]
        notes += [f"{name}, along the beads: {one}; too few molecules and frames to tell."
                  for name, one in ratios.items() if not one.known]
        return Assessment(figures, notes=notes, findings=self._findings(ratios, shifts))

    def _shifts(self, tally: Tally, number: int, several: str) -> list[Shift]:
        """Of bonds and angles of beads of one molecule type."""
        rows, found = tally.rows(f"{SECTION} {self.system.groups[number].type.name}"), []
        for place, each in enumerate(self.balance.coordinates[number]):
            sums = BeadSums(*np.moveaxis(rows[:, :, place], -1, 0))
            if np.isfinite(rows[:, :, place]).all() and sums.size.sum() > 0:
                found.append(_shift(sums, BOLTZMANN * self.temperature, each, several))
        return found

    def _findings(self, ratios: dict[str, Ratio], shifts: list[Shift]) -> list[Aspect]:
        judged = {name: one for name, one in ratios.items() if one.known}
        known = [one for one in shifts if one.error is not None]
        if not judged and not known:
            return []
        level = max(one.level for one in [*judged.values(), *known])
        if level == GOOD:
            return [Aspect(GOOD, TOPIC, f"Forces along moves of the beads balance at {self.temperature:g} K as for "
                                        "beads that were mapped from atoms of this force field.", "beads")]
        off = [str(one) for one in known if one.level]
        off += [f"forces of {name} along moves of the beads are {one} of what they should be"
                for name, one in judged.items() if one.level]
        return [Aspect(level, TOPIC, f"Beads and force field do not agree at {self.temperature:g} K: {'; '.join(off)}. "
                                     "Beads are of something else, or atoms are trapped in wrong wells about them: "
                                     "then more sweeps with `tempering` help.", "beads")]


def _called(each: BeadCoordinates) -> str:
    return f"{'bonds' if each.beads.shape[1] == 2 else 'angles'} {each.name}"


def _shift(sums: BeadSums, heat: float, each: BeadCoordinates, several: str) -> Shift:
    """From the mean force along a coordinate, and by how much it gives: its variance over kT."""
    size = sums.size.sum()
    mean = sums.value.sum() / size
    variance = max(sums.square.sum() / size - mean**2, 0.0)
    parts = (sums.work - heat * sums.divergence) / size * variance / heat
    value, error, spread, unit = parts.sum(), error_of(parts - parts.mean()), variance**0.5, "nm"
    if each.beads.shape[1] == 3:  # from cosines, which fall as angles widen
        scale = -np.degrees(1 / np.sqrt(max(1 - mean**2, 1e-6)))
        mean, value, spread, unit = float(np.degrees(np.arccos(np.clip(mean, -1, 1)))), value * scale, spread * abs(
            scale), "degrees"
        error = None if error is None else error * abs(scale)
    return Shift(several + _called(each), float(mean), float(value), error, float(spread), unit)
