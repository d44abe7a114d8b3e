"""The step ``assess``: measures what the run made, its reference, and what else could have been made."""
from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from backmap import api
from backmap.api import Assessor, FrameStep, Nested, Reader, Sampling, Several, State, Step
from backmap.engine.compiling import clock as compiling
from backmap.engine.sites.handed import expect, named
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.errors import BackmapError, at
from backmap.model.assessment import BEFORE, REFERENCE, Assessment, BeadValues, Example, Judgement
from backmap.model.memory import flags_of, note_flags
from backmap.model.sampling import Sampled
from backmap.model.system import System, Window
from backmap.model.tally import Tally

from .. import handed
from .ranking import Excess
from .sequences import TOPIC as TACTICITY
from .unpaired import opened_unpaired, true_beads, true_frames


class AssessOptions(api.Options):
    """Options of ``assess``."""

    changed_names: ClassVar = {"beside": "is called 'compare_with' now", "every": "is called 'compare_every' now"}

    assessors: Several[Assessor] = Field(description="What is measured: one assessor, or a list of them.")
    of: Literal["atoms", "beads"] = Field(
        "atoms", description="What is measured. Beads count as atoms without elements; where a step has moved them, "
                             "they are also measured as they were before.")
    reference: Nested[Reader] | None = Field(
        None, description="True atoms of other frames, as many as there are, where 'read' has none that belong to the "
                          "beads: distributions are compared with theirs. With 'of: beads' also beads of a model.")
    name: str = Field("backmap", min_length=1, description="What the run's own trajectory is called in reports.")
    compare_with: dict[str, Several[Step]] = Field(
        {}, description="Other ways to the atoms, to be judged beside: a name and the steps that make them, "
                        "e.g. template: {forward: template}, "
                        "published: {read_atoms: {atoms: {gromacs: theirs.xtc}}}.")
    compare_every: int = Field(1, ge=1, description="Only every n-th frame is made in the ways of 'compare_with'.")
    view: int | bool = Field(3, ge=0, description="So many frames, evenly spread over the run, are kept to be looked "
                                                  "at in the report; false for none.")

    @field_validator("assessors")
    @classmethod
    def _distinct(cls, assessors: list[Assessor]) -> list[Assessor]:
        names = [assessor.name for assessor in assessors]
        if not names or len(set(names)) < len(names):
            raise ValueError("names an assessor twice" if names else "there is nothing to measure by")
        return assessors

    @field_validator("name")
    @classmethod
    def _own(cls, name: str) -> str:
        if name in (REFERENCE, BEFORE):  # both would be counted together
            raise ValueError(f"the name '{name}' is taken")
        return name

    @field_validator("compare_with")
    @classmethod
    def _new(cls, others: dict[str, list[Step]], info: ValidationInfo) -> dict[str, list[Step]]:
        for taken in (info.data.get("name"), REFERENCE, BEFORE):
            if taken in others:
                raise ValueError(f"the name '{taken}' is taken")
        for label, steps in others.items():
            if not label or not steps:
                raise ValueError(f"'{label}' names no step" if label else "a name is empty")
        return others


class Assess(FrameStep):
    """Measures the atoms, or the beads, by assessors, and beside them the reference and other ways to make them."""

    Options = AssessOptions
    options: AssessOptions
    gives = frozenset({"judgement"})

    def __init__(self, options: AssessOptions) -> None:
        super().__init__(options)
        self.needs = frozenset({"system", "beads"}).union(*(assessor.needs for assessor in options.assessors))

    @property
    def branches(self) -> dict[str, Sequence[Step]]:
        return {f"compare_with.{label}": steps for label, steps in self.options.compare_with.items()}

    def start(self, state: State) -> None:
        options, atoms = self.options, self.options.of == "atoms"
        system = self._system(state.system)
        for assessor in options.assessors:
            if not atoms and "forcefield" in assessor.needs:
                raise BackmapError(f"'{assessor.name}' needs a force field, which beads do not have",
                                   where=f"{self.where}.of", hint="Write 'of: atoms', in a step of its own.")
            assessor.use(state.generator, state.seed, state.device)
            assessor.sampled = _sampled(state) if atoms else None
            assessor.beads_are = state.beads_are if state.level == state.read_level else None
            assessor.begin(system, state.forcefield if atoms else None)
            for path in assessor.paths():
                state.files.claim(path, once=True)
        self.states = {}
        self.level, self.loaded = state.level, state.loaded
        for label, steps in options.compare_with.items():
            self.states[label] = replace(state, progress=lambda fraction: None, loaded=False, sampling=[], judges={},
                                         given=dict(state.given), earlier=list(state.earlier))
            for step in steps:
                with at(step.where):
                    step.begin(self.states[label])
        self.atoms, self.n_frames = AtomIndex(system), state.n_frames
        self.shown = _spread(state.n_frames, int(options.view))
        self.reference = opened_unpaired(options.reference, state, self.where, options.of)
        self.judgement = state.judgement = Judgement(options.name)

    def frame(self, window: Window, state: State) -> Window:
        given, window = window, self._judged(window)
        if window.atoms is None and window.reference is None and not self.options.compare_with:
            raise BackmapError("there is nothing to judge: no earlier step makes atoms, and there is no reference",
                               hint="Put it after a step that makes atoms, such as forward or read_atoms.")
        made, frame, order = {}, self._snapshot(window), int(state.order(window)[0])
        if frame.reference is not None:
            made[REFERENCE] = window.reference
            if frame.index == order:  # it is the same for all replicas
                self._measure(REFERENCE, frame.reference)
        if window.atoms is not None:
            made[self.options.name] = window.atoms
            flags = self._measure(self.options.name, frame)
            window = replace(window, flags={**window.flags, **flags})
            note_flags(self.memory["flags"], window)
        moved = window.before is not None and window.system.only_beads
        if moved:
            made[BEFORE] = window.before
            if frame.index == order:
                self._measure(BEFORE, self._snapshot(self._judged(_unmoved(given))))
        if order % self.options.compare_every == 0:
            made |= dict(self._compared(_unmoved(given) if moved else given, state))
        if frame.index in self.shown:
            self._exemplify(self.memory[f"example {frame.index}"], window, made)
        return replace(given, flags=window.flags)

    def _system(self, system: System) -> System:
        """What is measured of what there is."""
        return system if self.options.of == "atoms" else system.as_beads

    def _judged(self, window: Window) -> Window:
        """The window with what is measured as its atoms: also beads, where there is nothing finer."""
        if self.options.of == "beads":
            reference = None if window.reference is None else window.system.map(window.reference)
            return replace(window.as_beads(), reference=reference, residual=None, reference_forces=None)
        return window.as_beads() if window.atoms is None and window.system.only_beads else window

    def _compared(self, window: Window, state: State) -> Iterator[tuple[str, np.ndarray]]:
        """Make and measure the frame of every branch; label and atoms of each."""
        for number, (label, steps) in enumerate(self.options.compare_with.items()):
            state.doing(f"beside {label}")
            began, own = compiling.clock(), self.states[label]
            own.seed, made = state.seed, replace(window, flags={}, system=own.systems[self.level])
            for step in steps:
                with at(step.where):
                    made = expect(step.frames(made, own), Window, named("step", step), "handed on")
                if not made.size:
                    break
            if not made.size:  # the other beads have come to their end
                continue
            if not own.loaded:
                self.memory["seconds"].row(label, int(window.place[0]), compiling.clock() - began)
            made = self._judged(made)
            if made.atoms is None:
                raise BackmapError("makes no atoms", where=f"compare_with.{label}", hint="Name a step that does.")
            expected = self._system(window.system).n_atoms
            if made.system.n_atoms != expected:
                raise BackmapError(f"makes {made.system.n_atoms} atoms, but {expected} are judged",
                                   where=f"compare_with.{label}", hint="Its last step has to make the same atoms.")
            self._measure(label, self._snapshot(made))
            state.progress((number + 1) / len(self.options.compare_with))
            if not own.beads_from:  # else they do not belong to the beads that are shown
                yield label, made.atoms

    def _tally(self, label: str, assessor: Assessor) -> Tally:
        tally = self.memory[f"{label}/{assessor.name}"]
        tally.period = self.n_frames
        return tally

    def _seen(self, label: str) -> bool:
        """Whether frames of a trajectory were measured."""
        return bool(self._tally(label, self.options.assessors[0]).names())

    def _snapshot(self, window: Window) -> Snapshot:
        return next(Snapshot.all_of(window, window.system, self.atoms, window.place))

    def _measure(self, label: str, frame: Snapshot) -> dict[str, np.ndarray]:
        """Measure a frame of one trajectory into its tallies; its flags, (1, B)."""
        flags: dict[str, np.ndarray] = {}
        for assessor in self.options.assessors:
            found = assessor.measure(frame, self._tally(label, assessor))
            for name, flagged in handed.flags(assessor, found, len(frame.beads)).items():
                flags[name] = flags.get(name, False) | flagged[None]
        return flags

    def _exemplify(self, tally: Tally, window: Window, made: dict[str, np.ndarray]) -> None:
        """Keep a frame to be looked at."""
        for name, value in (("number", window.frames), ("box", window.boxes), ("beads", window.beads)):
            tally.row(name, 0, value[0])
        for label, atoms in made.items():
            tally.row(f"atoms {label}", 0, atoms[0])
            shown = self._snapshot(replace(window.with_atoms(atoms), reference=None))
            for assessor in self.options.assessors:
                for found in handed.bead_values(assessor, assessor.of_beads(shown), window.system.n_beads):
                    tally.row(f"values {json.dumps([label, found.name, found.unit])}", 0, found.values)

    def _examples(self, labels: Sequence[str]) -> Iterator[Example]:
        """What ``_exemplify`` has kept."""
        for index in self.shown:
            kept = self.memory[f"example {index}"]
            if "number" in kept:
                yield self._example(kept, labels)

    @staticmethod
    def _example(kept: Tally, labels: Sequence[str]) -> Example:
        atoms = {label: kept.rows(f"atoms {label}")[0] for label in labels if f"atoms {label}" in kept}
        values: dict[str, list[BeadValues]] = {}
        for name in kept.names("values "):
            label, *named = json.loads(name.split(" ", 1)[1])
            values.setdefault(label, []).append(BeadValues(*named, kept.rows(name)[0]))
        return Example(int(kept.rows("number")[0]), kept.rows("box")[0], kept.rows("beads")[0], atoms, values)

    def finish(self, state: State) -> None:
        self.judgement.system = self._system(state.systems[self.level])
        for label, steps in self.options.compare_with.items():
            for step in steps:
                with at(step.where):
                    step.finish(self.states[label])
        if self.reference is not None:
            frames = true_frames if self.options.of == "atoms" else true_beads
            for frame in frames(self.reference, self.judgement.system, state, self.atoms):
                self._measure(REFERENCE, frame)
        judged, own = self.judgement, self.options.name
        labels = [label for label in (REFERENCE, own, BEFORE, *self.options.compare_with) if self._seen(label)]
        for label in labels:
            of = self.states.get(label, state)
            judged.by_trajectory[label] = {a.name: without_sampled_hands(self._conclude(a, label), of.sampling)
                                           for a in self.options.assessors}
            judged.n_frames[label] = max(self._tally(label, a).n_frames for a in self.options.assessors)
        judged.label = own if own in labels else ""
        if own in labels and not self.loaded:
            judged.seconds[own] = sum(seconds for index, seconds in state.spent.items() if index < self.index)
        judged.seconds |= {label: float(self.memory["seconds"].rows(label).sum()) for label in self.options.compare_with
                           if label in self.memory["seconds"]}
        judged.examples = list(self._examples(labels))
        for label, of, level in ((own, state, self.level), *((name, of, of.level) for name, of in self.states.items())):
            sampled = [one for one in of.sampling if one.level == level]
            if label in labels and sampled and sampled[-1].sigma is not None:
                judged.sigma[label] = sampled[-1].sigma
        judged.n_flagged, judged.flagged = flags_of(self.memory["flags"], judged.system)
        if judged.n_frames.get(REFERENCE, 0) > 1:
            judged.floor = {a.name: self._floor(a) for a in self.options.assessors}
        models = [label for label, own in self.states.items() if own.beads_from and label in labels]
        if models and {REFERENCE, own} <= set(labels):
            self._rank(models, state)
        for assessor in self.options.assessors:
            for path, data in assessor.files().items():
                state.files.place(path, data)

    def _rank(self, models: Sequence[str], state: State) -> None:
        """Say how much farther models are from the reference than the run's own atoms, and in which order."""
        for assessor in self.options.assessors:
            mapped, reference = self._tally(self.options.name, assessor), self._tally(REFERENCE, assessor)
            if min(mapped.n_bead_frames, reference.n_bead_frames) < 2 or not assessor.distances(mapped, reference):
                continue
            excess = Excess.of(assessor, reference, mapped, {label: self._tally(label, assessor) for label in models})
            lines = excess.ranking()
            for label in models:
                found = excess.assessment(label)
                self.judgement.by_trajectory[label][f"{assessor.name}, ranking"] = replace(
                    found, notes=lines if label == models[0] else [])
            for line in lines:
                state.log(line)

    def _conclude(self, assessor: Assessor, label: str) -> Assessment:
        compared = label != REFERENCE and self._seen(REFERENCE)
        reference = self._tally(REFERENCE, assessor) if compared else None
        return handed.assessment(assessor, assessor.conclude(self._tally(label, assessor), reference))

    def _floor(self, assessor: Assessor) -> Assessment:
        """What odd frames of the reference show against even ones; of surfaces, by how much they differ."""
        tally = self._tally(REFERENCE, assessor)
        even, odd = tally.half(0), tally.half(1)
        found = handed.assessment(assessor, assessor.conclude(odd, even))
        if not found.surfaces:
            return found
        others = {each.key: each for each in handed.assessment(assessor, assessor.conclude(even, odd)).surfaces}
        apart = [each.minus(others[each.key]) for each in found.surfaces
                 if each.key in others and each.same_bins(others[each.key])]
        return replace(found, surfaces=[replace(each, values=np.abs(each.values)) for each in apart])


def without_sampled_hands(found: Assessment, sampling: Sequence[Sampling]) -> Assessment:
    """Without what is said of hands along chains that nothing tells, where a step samples them and judges them."""
    if not any(one.sequences for one in sampling):
        return found
    return replace(found, findings=[each for each in found.findings if each.topic != TACTICITY])


def _sampled(state: State) -> Sampled | None:
    """What the atoms should follow: what the last step samples, else the simulation that uses the force field."""
    run = state.forcefield and state.forcefield.run
    if state.sampled is None and run is not None and run.temperature is not None:
        return Sampled(run.temperature)
    return state.sampled


def _spread(n_frames: int, n_shown: int) -> list[int]:
    """Which of so many frames are shown, from the first to the last."""
    return sorted({round(place) for place in np.linspace(0, max(n_frames - 1, 0), n_shown)})


def _unmoved(window: Window) -> Window:
    """The window with the beads as they were before a step moved them."""
    return window if window.before is None else replace(window, beads=window.before, before=None)
