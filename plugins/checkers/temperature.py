"""The checker ``temperature``: of the steps, and of the weights that they use."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backmap.api import Checker, Plugin, Step
from backmap.model.survey import Finding, Survey

SAME = 1.0  #: K


class TemperatureChecker(Checker):
    """Checks temperatures: left at the default, different between steps, or not those of the trained weights."""

    def check(self, survey: Survey) -> Iterator[Finding]:
        trained: tuple[Any, list[float]] | None = None
        first: tuple[str, float] | None = None
        for step in survey.steps:
            generator = getattr(step.options, "generator", None)
            if generator is not None and generator.training.get("temperature"):
                trained = generator, [float(value) for value in generator.training["temperature"]]
            for place, name, options in _heated(step):
                where = survey.where(step, place)
                if "temperature" not in options.model_fields_set:
                    yield Finding("warning", where, f"gives no temperature, which is {options.temperature:g} K then",
                                  f"Write 'temperature' in '{name}'.")
                    continue
                if first is not None and abs(first[1] - options.temperature) > SAME:
                    yield Finding("warning", where, f"{options.temperature:g} K here, but {first[1]:g} K in "
                                  f"'{first[0]}'", "All steps should draw at the temperature of the beads.")
                first = first or (name, options.temperature)
                if step.name == "gibbs" and trained is not None:
                    yield from _trained(survey, step, trained)


def _heated(step: Step) -> Iterator[tuple[str, str, Any]]:
    """Place, name and options of the step and of its plugins that have a temperature."""
    if step.name != "forward" or step.options.regularizer is not None:
        yield from _with_temperature("temperature", step)
    for key in ("refiners", "assessors"):
        for number, plugin in enumerate(getattr(step.options, key, ())):
            yield from _with_temperature(f"{key}[{number}].{plugin.name}.temperature", plugin)


def _with_temperature(place: str, plugin: Plugin) -> Iterator[tuple[str, str, Any]]:
    if getattr(plugin.options, "temperature", None) is not None:
        yield place, plugin.name, plugin.options


def _trained(survey: Survey, step: Step, trained: tuple[Any, list[float]]) -> Iterator[Finding]:
    """Sweeps at another temperature than that of the weights."""
    generator, known = trained
    if min(abs(value - step.options.temperature) for value in known) <= SAME:
        return
    corrected = any(later.index > step.index for later in survey.named("hamiltonian"))
    said = " and ".join(f"{value:g}" for value in known)
    yield Finding("note" if corrected else "warning", survey.where(step, "temperature"),
                  f"{step.options.temperature:g} K here, but the weights of '{generator.name}' were trained at "
                  f"{said} K",
                  "Sweeps draw as in training; " + (
                      "'hamiltonian' corrects it, if it is long enough." if corrected else
                      "use other weights, or correct it by 'hamiltonian' or 'metropolis'."))
