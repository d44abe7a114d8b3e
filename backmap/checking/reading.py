"""Reads a recipe and its files as far as they can be, and keeps all errors instead of stopping at the first."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, get_args

from ..api import (
    AtomTopology,
    ForceFieldReader,
    FrameSource,
    Generator,
    Learner,
    MappingReader,
    Options,
    State,
    Step,
    TopologyReader,
)
from ..errors import BackmapError, at
from ..fields import as_path
from ..model.inputs import BeadsAre
from ..model.survey import Finding, Survey, every_frame
from ..recipe import document, recipe
from ..recipe.registry import Registry, kind_of
from .places import Places

T = TypeVar("T")
Chosen = Callable[[FrameSource], Sequence[int]]

#: What steps give that only read; such steps are started, others are not.
READ = frozenset({"system", "contents", "forcefield", "beads", "reference"})


@dataclass(eq=False)
class Reading:
    """A recipe that is being read.

    Attributes:
        places: Lines of the recipe.
        surveys: What was found so far, up to the first step that changes what there is, up to the next, and so on.
        findings: What went wrong on the way.
        lines: What steps told as they started.
        raised: Errors that stopped something, each with all that was found with it.
    """

    places: Places
    surveys: list[Survey]
    findings: list[Finding] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    raised: list[BackmapError] = field(default_factory=list)

    @property
    def survey(self) -> Survey:
        """The first of the surveys: of what the files of the run hold."""
        return self.surveys[0]

    def attempt(self, call: Callable[[], T], where: str = "") -> T | None:
        """What ``call`` returns, or None and a finding."""
        try:
            with at(where):
                return call()
        except BackmapError as error:
            self.raised.append(error)
            for each in error.all:
                self.add(Finding.of(each))
        return None

    def add(self, finding: Finding) -> None:
        """Keep a finding, with lines of the recipe; one that was made already, at whatever depth, is not told twice.

        Before a run, which is told no lines, the longer of two places counts: it says in which step the fault is met.
        """
        found = Finding(finding.severity, self.places.lined(finding.where), finding.problem, finding.hint)
        for number, known in enumerate(self.findings):
            if known.problem == found.problem and (found.where.endswith(known.where)
                                                   or known.where.endswith(found.where)):
                if not self.places.known and len(found.where) > len(known.where):
                    self.findings[number] = found
                return
        self.findings.append(found)


def read_file(path: Path, registry: Registry, overrides: list[str]) -> Reading:
    """Read a recipe and the files that it names."""
    reading = Reading(Places(path, ""), [Survey(str(path))])

    def content() -> tuple[str, dict[str, Any]]:
        text, found = document.read(path)
        for assignment in overrides:
            document.override(found, assignment, registry.changed(kind_of(Step)))
        return text, found

    found = reading.attempt(content)
    return reading if found is None else read(*found, path, registry)


def read(text: str, content: dict[str, Any], path: Path, registry: Registry, chosen: Chosen = every_frame) -> Reading:
    """Read a recipe by what is in it.

    Args:
        text: Its file, for line numbers; may be empty.
        content: What the file holds.
        path: Where its relative paths start.
        registry: Where its plugins are found.
        chosen: Which frames of beads are looked at.
    """
    places = Places(path, text)
    reading = Reading(places, [Survey(str(path), chosen=chosen, where=lambda step, *options: places.where(
        ".".join([step.where.removeprefix(f"{path}: "), *options])))])
    survey = reading.survey
    survey.steps, errors = recipe.pieces(content, path, registry)
    for error in errors:
        reading.add(Finding.of(error))
    survey.output = _output(content, path)
    survey.beads_are = said if (said := content.get("beads")) in get_args(BeadsAre) else None
    _read_steps(reading, path)
    for survey in reading.surveys:
        _ask_generators(reading, survey)
    return reading


def _output(content: dict[str, Any], path: Path) -> Path | None:
    """The output folder."""
    output = content.get("output", recipe.Recipe.model_fields["output"].default)
    if not isinstance(output, str) or not output:
        return None
    try:
        return Path(os.path.normpath(path.resolve().parent / as_path(output)))
    except BackmapError:
        return None


def _read_steps(reading: Reading, path: Path) -> None:
    """Read topologies and mappings and start the steps that only read, a survey for each time that molecules change."""
    state = State(folder=path.resolve().parent, output=reading.survey.output or path.parent, seed=0, device="cpu",
                  log=reading.lines.append)
    steps, given, lost = reading.survey.steps, frozenset[str](), False
    changes = [number for number, step in enumerate(steps) if "system" in step.gives][1:]
    for first, last in pairwise([0, *changes, len(steps)]):
        survey = reading.survey
        if first:
            survey = replace(survey, topology=None, blocks=(), models={}, system=None, forcefield=None, beads=None,
                             reference=None)
            reading.surveys.append(survey)
        survey.steps, survey.later = steps[first:last], steps[last:]
        source, reference = state.source, state.reference
        for step in survey.steps:
            if "system" in step.gives:
                _read_molecules(reading, survey, step, state if step.needs <= given and not lost else None)
            reading.attempt(lambda step=step: step.settle(state.forcefield and state.forcefield.run), "")
            if lost or not step.gives or not step.gives <= READ or not step.needs <= given:
                _read_forcefields(reading, step)
                continue
            if reading.attempt(lambda step=step: step.start(state) or True, step.where):
                given = (given - step.takes) | step.gives
                survey.system = state.system
            elif step.takes:  # nobody knows what there is after it
                lost = True
        survey.forcefield = state.forcefield
        survey.beads = state.source if state.source is not source else None
        survey.reference = state.reference if state.reference is not reference else None


def _read_forcefields(reading: Reading, step: Step) -> None:
    """What is wrong with force fields that no system can be given to."""
    for reader in plugins_in(step.options, ForceFieldReader):
        for error in reading.attempt(lambda reader=reader: list(reader.problems()), step.where) or ():
            reading.add(Finding.of(error))


def _read_molecules(reading: Reading, survey: Survey, step: Step, state: State | None) -> None:
    """Topology and mappings of a step, with all that is wrong with each; later ones may map what is there."""
    readers = list(plugins_in(step.options, TopologyReader))
    for reader in readers:
        survey.topology = reading.attempt(reader.read, step.where)
    if not readers and state is not None and state.system is not None:
        survey.topology = AtomTopology.of(step.particles(state), f"the {step.finest} so far")
    if survey.topology is None:
        return
    if hasattr(step, "understood"):
        survey.topology = reading.attempt(partial(step.understood, survey.topology), step.where) or survey.topology
    asked = getattr(step.options, "molecules", None)
    survey.blocks = ([pair for part in (asked if isinstance(asked, list) else [asked]) for pair in part.items()]
                     if asked else list(survey.topology.blocks))
    for mapping in plugins_in(step.options, MappingReader):
        errors = reading.attempt(lambda mapping=mapping: list(mapping.problems(survey.topology)), step.where)
        for error in errors or ():
            reading.add(Finding.of(error))
        if errors == []:
            found = reading.attempt(partial(mapping.read, survey.topology), step.where)
            survey.models = {**survey.models, **(found or {})}


def _ask_generators(reading: Reading, survey: Survey) -> None:
    """Let generators that remember their training look at the system, and say what they remember of it."""
    for step in survey.steps:
        for generator in plugins_in(step.options, Generator):
            if survey.system is None or "beads" not in step.needs or (generator.parallel and not generator.training):
                continue  # idealised geometry takes its time
            if step.beforehand and isinstance(generator, Learner):
                continue  # it has yet to learn
            if "forcefield" in generator.needs:
                if survey.forcefield is None:
                    continue
                generator.use(survey.forcefield)
            taught = reading.attempt(lambda generator=generator: generator.prepare(survey.system, "cpu"), step.where)
            survey.system = survey.system if taught is None else taught


def plugins_in(value: Any, contract: type[T]) -> Iterator[T]:
    """The plugins of a kind among options, those of nested steps left out."""
    if isinstance(value, contract):
        yield value
    elif isinstance(value, Options):
        for name in type(value).model_fields:
            yield from plugins_in(getattr(value, name), contract)
    elif isinstance(value, list | tuple) or (isinstance(value, dict) and not any(
            isinstance(inner, list) and any(isinstance(one, Step) for one in inner) for inner in value.values())):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from plugins_in(inner, contract)
