"""The ``equipartition`` assessor: whether atoms sample the force field that was given, class by class of its terms."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Assessor, Options
from backmap.engine.forces.rounding import is_rounded
from backmap.engine.identities.balance import Balance, ClassSums
from backmap.engine.identities.ratios import OFF, TOO_FAR, Ratio, in_units, ratio
from backmap.engine.identities.slopes import CLASSES
from backmap.engine.sites.snapshot import Snapshot
from backmap.errors import BackmapError
from backmap.model.assessment import GOOD, Aspect, Assessment, Figure, VerdictRule
from backmap.model.parameters import BOLTZMANN, ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

Array = NDArray[np.float64]
SECTION = TOPIC = "equipartition"
#: Share of what atoms could do freely along a class, below which bonds and beads leave it no freedom.
HELD = 1e-9


class EquipartitionOptions(Options):
    """Options of the ``equipartition`` assessor."""

    temperature: float | None = Field(None, gt=0, description="K; by default that at which an earlier step samples.")


class Equipartition(Assessor):
    """Generalised equipartition: kT <div v> = <v . grad U>, an identity that holds for exact samples of a force field.

    Fields v follow the forces of bonds, angles, torsions, impropers and of contacts between molecules, and keep rigid
    bonds and beads. The ratio of both sides is 1 for each class, whatever the beads are, and times T it is the
    temperature that a class shows. No reference is needed.
    """

    Options = EquipartitionOptions
    options: EquipartitionOptions
    verdict_rules = (VerdictRule(TOPIC, "force field", OFF, TOO_FAR),)
    needs = frozenset({"forcefield"})

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        super().begin(system, forcefield)
        self.temperature, self.unmade = temperature_of(self, self.options.temperature, forcefield)
        if not self.unmade:
            fixman = self.sampled is not None and self.sampled.fixman_potential
            self.balance = Balance(system, forcefield, rigid_measure=not fixman)

    def measure(self, frame: Snapshot, tally: Tally) -> None:
        tally.row(f"frames of {TOPIC}", frame.index, 1.0)
        if self.unmade:
            return
        for number, sums in self.balance.of(frame).items():
            group = self.system.groups[number]
            tally.row(f"{TOPIC} {group.type.name}", frame.index, in_units(sums))
            tally.row(f"{TOPIC} rounded {group.type.name}", frame.index,
                      [len(group.type.bonds) > 0 and is_rounded(frame.atoms[group.atoms], group.type.bonds)])

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        if self.unmade:
            return Assessment(notes=[self.unmade])
        found, notes = {}, [f"{name} is not looked at: {why}." for name, why in self.balance.skipped.items()]
        for number, group in enumerate(self.system.groups):
            if f"{TOPIC} {group.type.name}" in tally:
                ratios, said = self._of_type(tally, number)
                found |= ratios
                notes += said
        figures = [Figure(SECTION, name, "ratio", one.value, ideal=1.0, error=one.error) for name, one in found.items()]
        return Assessment(figures, notes=notes, findings=list(self._findings(found)))

    def _of_type(self, tally: Tally, number: int) -> tuple[dict[str, Ratio], list[str]]:
        """Ratios of one molecule type by name, and what is left out."""
        kind = self.system.groups[number].type
        rows = tally.rows(f"{TOPIC} {kind.name}")
        rounded = tally.rows(f"{TOPIC} rounded {kind.name}").any()
        found, notes = {}, []
        for place, name in enumerate(CLASSES):
            sums = ClassSums(*np.moveaxis(rows[:, :, place], -1, 0))
            with np.errstate(over="ignore", invalid="ignore"):
                if not sums.free.any() or sums.size.sum() < HELD * sums.free.sum():
                    continue
            if name == "bonds" and rounded:
                notes.append(f"{kind.name}: positions are rounded to 0.001 nm, too coarse for bonds that are springs.")
                continue
            one = ratio(sums.work, BOLTZMANN * self.temperature * sums.divergence)
            called = f"{kind.name}, {name}" if len(self.system.types) > 1 else name
            found[called] = one
            if not one.judged:
                notes.append(f"{called}: {one}; too few molecules and frames to tell.")
        return found, notes

    def _findings(self, found: dict[str, Ratio]) -> list[Aspect]:
        judged = {name: one for name, one in found.items() if one.judged}
        if not judged:
            return []
        level = max(one.level for one in judged.values())
        if level == GOOD:
            said = ", ".join(f"{name} {one}" for name, one in judged.items())
            return [Aspect(GOOD, TOPIC, f"Forces along moves of the atoms balance at {self.temperature:g} K as for "
                                        f"exact samples, whose ratios are 1: {said}", "force field")]
        off = "; ".join(f"{name} {one}" + _as_at(one, self.temperature) for name, one in judged.items() if one.level)
        return [Aspect(level, TOPIC, f"The atoms do not sample the force field at {self.temperature:g} K: {off}. The "
                                     "ratio of forces along moves of the atoms to kT is 1 for exact samples.",
                       "force field")]


def _as_at(one: Ratio, temperature: float) -> str:
    """Which temperature a ratio would be that of, where that makes sense."""
    return f" (as at {one.value * temperature:.0f} K)" if 0.3 < one.value < 3 else ""


def temperature_of(assessor: Assessor, given: float | None, field: ForceField | None) -> tuple[float, str]:
    """Temperature for an identity of the force field, K, and why it cannot be tested; empty if it can.

    Raises:
        BackmapError: Without a force field.
    """
    if field is None:
        raise BackmapError("has no force field to judge by", where=assessor.name,
                           hint="Put a step 'forcefield' before it.")
    sampled = assessor.sampled.temperature if assessor.sampled is not None else None
    if given is None and sampled is None:
        return 0.0, (f"{assessor.name}: not made, as no step before it samples the force field; 'temperature' of the "
                     "assessor makes it nevertheless.")
    if field.coulomb == "pme":
        return 0.0, f"{assessor.name}: not made, as forces of single molecules are not known with PME."
    return given or sampled or 0.0, ""
