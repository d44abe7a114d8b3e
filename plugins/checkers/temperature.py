"""The checker ``temperature``: of the steps, and of the weights that they use."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backmap.api import Checker, Step
from backmap.model.survey import Finding, Survey

SAME = 1.0  #: K


class TemperatureChecker(Checker):
    """Checks temperatures: left at the default, different between steps, or not those of the trained weights."""

    def check(self, survey: Survey) -> Iterator[Finding]:
        trained: tuple[Any, list[float]] | None = None
        first: tuple[Step, float] | None = None
        for step in survey.steps:
            generator = getattr(step.options, "generator", None)
            if generator is not None and generator.training.get("temperature"):
                trained = generator, [float(value) for value in generator.training["temperature"]]
            temperature = getattr(step.options, "temperature", None)
            if temperature is None or (step.name == "forward" and step.options.regularizer is None):
                continue
            where = survey.where(step, "temperature")
            if "temperature" not in step.options.model_fields_set:
                yield Finding("warning", where, f"gives no temperature, which is {temperature:g} K then",
                              f"Write 'temperature' in '{step.name}'.")
                continue
            if first is not None and abs(first[1] - temperature) > SAME:
                yield Finding("warning", where, f"{temperature:g} K here, but {first[1]:g} K in '{first[0].name}'",
                              "All steps should draw at the temperature of the beads.")
            first = first or (step, temperature)
            if (step.name == "gibbs" and trained is not None
                    and min(abs(value - temperature) for value in trained[1]) > SAME):
                known = " and ".join(f"{value:g}" for value in trained[1])
                corrected = any(later.index > step.index for later in survey.named("hamiltonian"))
                yield Finding("note" if corrected else "warning", where, f"{temperature:g} K here, but the weights of "
                              f"'{trained[0].name}' were trained at {known} K", "Sweeps draw as in training; " + (
                                  "'hamiltonian' corrects it, if it is long enough." if corrected else
                                  "use other weights, or correct it by 'hamiltonian' or 'metropolis'."))
