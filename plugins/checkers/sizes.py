"""The checker ``sizes``: numbers of a recipe that are possible, but of the size that they have in another unit."""
from __future__ import annotations

from collections.abc import Iterator

from backmap.api import Checker
from backmap.engine.hamiltonian.timestep import mistaken
from backmap.model.survey import Finding, Survey

COLD, HOT = 50.0, 3000.0  #: K; molecules are seldom simulated beyond these
NEAR = 0.4  #: nm; no force field of atoms is cut off as near


class SizeChecker(Checker):
    """Checks sizes: time steps in ps, temperatures in degrees Celsius or kJ/mol, cut-offs that see no neighbour."""

    def check(self, survey: Survey) -> Iterator[Finding]:
        coarse = survey.system is not None and all(kind.coarse for kind in survey.system.types)
        for step in survey.steps:
            timestep = getattr(step.options, "timestep", None)
            if isinstance(timestep, float) and (problem := mistaken(timestep)):
                yield Finding("warning", survey.where(step, "timestep"), problem,
                              f"Write 'timestep: {1000 * timestep:g}', or 'timestep: auto'.")
            temperature = getattr(step.options, "temperature", None)
            if "beads" in step.needs and isinstance(temperature, float) and not COLD <= temperature <= HOT:
                yield Finding("warning", survey.where(step, "temperature"), f"a temperature of {temperature:g} K",
                              "Recipes count in K.")
        field = survey.forcefield
        if field is not None and field.cutoff < NEAR and not coarse:
            yield Finding("warning", survey.place_of("forcefield", "cutoff"), f"a cut-off of {field.cutoff:g} nm, "
                          "within which hardly any atom has a neighbour", "Recipes count in nm.")
