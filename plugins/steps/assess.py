"""The step ``assess``: measures what the run made, its reference, and what else could have been made."""
from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from backmap import api
from backmap.api import Assessor, Several, State, Step
from backmap.errors import BackmapError, at
from backmap.model.assessment import REFERENCE, Assessment, Example, Judgement
from backmap.model.system import System, Window
from backmap.model.tally import Tally

from ..common.measuring import Measuring
from .load import LOADED

NAMED = 1000  #: flagged beads that a report lists by name, for each kind of warning


class AssessOptions(api.Options):
    """Options of ``assess``."""

    assessors: Several[Assessor] = Field(description="What is measured: one assessor, or a list of them.")
    name: str = Field("backmap", min_length=1, description="What the run's own trajectory is called in reports.")
    beside: dict[str, Several[Step]] = Field(
        {}, description="Other ways to the atoms, to be judged beside: a name and the steps that make them, "
                        "e.g. template: {forward: template}, "
                        "published: {load: {atoms: {gromacs: theirs.xtc}}}.")
    every: int = Field(1, ge=1, description="Only every n-th frame is made in the ways of 'beside'.")
    view: bool = Field(True, description="Keep the first frame, to be looked at in the report.")
    processes: int = Field(1, ge=1, description="Processes that measure; the figures do not depend on it.")

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
        if name == REFERENCE:  # both would be counted together
            raise ValueError(f"the name '{name}' is taken")
        return name

    @field_validator("beside")
    @classmethod
    def _new(cls, beside: dict[str, list[Step]], info: ValidationInfo) -> dict[str, list[Step]]:
        for taken in (info.data.get("name"), REFERENCE):
            if taken in beside:
                raise ValueError(f"the name '{taken}' is taken")
        for label, steps in beside.items():
            if not label or not steps:
                raise ValueError(f"'{label}' names no step" if label else "a name is empty")
        return beside


class Assess(api.Step):
    """Judge the atoms: distributions, energies, beads; beside the reference and other ways to make them."""

    Options = AssessOptions
    gives = frozenset({"judgement"})

    def __init__(self, options: AssessOptions) -> None:
        super().__init__(options)
        self.needs = frozenset({"system", "beads"}).union(*(assessor.needs for assessor in options.assessors))

    @property
    def branches(self) -> dict[str, Sequence[Step]]:
        return {f"beside.{label}": steps for label, steps in self.options.beside.items()}

    @property
    def memory(self) -> str:
        """Name under which tallies are kept, so that an interrupted run goes on counting."""
        return f"assess-{self.index}"

    def start(self, state: State) -> None:
        options = self.options
        for assessor in options.assessors:
            assessor.begin(state.system, state.forcefield)
        self.states = {}
        for label, steps in options.beside.items():
            self.states[label] = replace(state, progress=lambda fraction: None, extra={**state.extra, LOADED: False})
            for step in steps:
                with at(step.where):
                    step.start(self.states[label])
        self.measuring = Measuring(state.system, options.assessors, options.processes)
        self.tallies: dict[tuple[str, str], Tally] = {}
        self.seconds: dict[str, float] = {}
        self.example: Example | None = None
        self.flagged: dict[str, list[str]] = {}
        self.n_flagged: dict[str, int] = {}
        state.judgement = Judgement(options.name)
        kept = state.files.kept(self.memory)
        if kept is not None:
            self._recall(kept)

    def frames(self, window: Window, state: State) -> Window:
        first = state.files.n_frames
        if window.atoms is not None:
            flags = self._measure(self.options.name, window, np.arange(window.size) + first, reference=False)
            window = replace(window, flags={**window.flags, **flags})
            self._note_flags(window, state.system)
        self._measure_reference(window, np.arange(window.size) + first)
        made = {self.options.name: window.atoms} if window.atoms is not None else {}
        made |= dict(self._beside(window, first, state))
        if not self.tallies:
            raise BackmapError("there is nothing to judge: no earlier step makes atoms, and there is no reference",
                               hint="Put it after a step that makes atoms, such as forward or load.")
        if self.options.view and self.example is None:
            self._exemplify(window, made)
        state.files.keep(self.memory, self._memory())
        return window

    def _beside(self, window: Window, first: int, state: State) -> Iterator[tuple[str, np.ndarray]]:
        """Make and measure the frames of every branch; label and atoms of each."""
        index = np.arange(window.size) + first
        chosen = np.flatnonzero(index % self.options.every == 0)
        if not len(chosen):
            return
        part = window.take(chosen)
        for number, (label, steps) in enumerate(self.options.beside.items()):
            began, made, own = time.monotonic(), replace(part, flags={}), self.states[label]
            for step in steps:
                with at(step.where):
                    made = step.frames(made, own)
            if not own.extra.get(LOADED):
                self.seconds[label] = self.seconds.get(label, 0.0) + time.monotonic() - began
            if made.atoms is None:
                raise BackmapError("makes no atoms", where=f"beside.{label}", hint="Name a step that does.")
            self._measure(label, made, index[chosen], reference=False)
            state.progress((number + 1) / len(self.options.beside))
            yield label, made.atoms

    def _measure(self, label: str, window: Window, index: np.ndarray, reference: bool) -> dict[str, np.ndarray]:
        """Measure a window of one trajectory into its tallies; its flags."""
        tallies, flags = self.measuring.of(window, index, reference)
        for name, tally in tallies.items():
            self.tallies.setdefault((label, name), Tally()).merge(tally)
        return flags

    def _measure_reference(self, window: Window, index: np.ndarray) -> None:
        if window.reference is not None:
            self._measure(REFERENCE, replace(window, slack=None), index, reference=True)

    def _note_flags(self, window: Window, system: System) -> None:
        for name, flagged in window.flags.items():
            self.n_flagged[name] = self.n_flagged.get(name, 0) + int(flagged.sum())
            known = self.flagged.setdefault(name, [])
            for frame, bead in np.argwhere(flagged)[:NAMED - len(known)]:
                known.append(f"frame {window.frames[frame]}: {system.bead_label(int(bead))}")

    def _exemplify(self, window: Window, made: dict[str, np.ndarray]) -> None:
        atoms = {} if window.reference is None else {REFERENCE: window.reference[0]}
        atoms |= {label: frames[0] for label, frames in made.items()}
        self.example = Example(int(window.frames[0]), window.boxes[0], window.beads[0], atoms)

    def finish(self, state: State) -> None:
        self.measuring.close()
        for label, steps in self.options.beside.items():
            for step in steps:
                with at(step.where):
                    step.finish(self.states[label])
        judged, own = state.judgement, self.options.name
        before = {index: seconds for index, seconds in state.spent.items() if index < self.index}
        labels = sorted({label for label, _ in self.tallies}, key=[REFERENCE, own, *self.options.beside].index)
        for label in labels:
            judged.by_trajectory[label] = {a.name: self._conclude(a, label) for a in self.options.assessors}
            judged.n_frames[label] = max(self.tallies[label, a.name].n_frames for a in self.options.assessors)
        judged.label = own if own in labels else ""
        if own in labels and not state.extra.get(LOADED):
            self.seconds = {own: sum(before.values()), **self.seconds}
        judged.seconds = self.seconds
        judged.example, judged.flagged, judged.n_flagged = self.example, self.flagged, self.n_flagged
        if judged.n_frames.get(REFERENCE, 0) > 1:
            judged.floor = {a.name: self._floor(a) for a in self.options.assessors}

    def _conclude(self, assessor: Assessor, label: str) -> Assessment:
        reference = None if label == REFERENCE else self.tallies.get((REFERENCE, assessor.name))
        return assessor.conclude(self.tallies[label, assessor.name], reference)

    def _floor(self, assessor: Assessor) -> Assessment:
        tally = self.tallies[REFERENCE, assessor.name]
        return assessor.conclude(tally.half(1), tally.half(0))

    # What an interrupted run has to remember

    def _memory(self) -> bytes:
        arrays = {}
        for (label, name), tally in self.tallies.items():
            arrays |= {f"tally|{label}|{name}|{key}": value for key, value in tally.to_arrays().items()}
        arrays |= {f"seconds|{label}": np.array(value) for label, value in self.seconds.items()}
        for name, beads in self.flagged.items():
            arrays |= {f"flagged|{name}": np.array(beads, dtype=str),
                       f"n_flagged|{name}": np.array(self.n_flagged[name])}
        if self.example is not None:
            arrays |= {"example|number": np.array(self.example.number), "example|box": self.example.box,
                       "example|beads": self.example.beads}
            arrays |= {f"atoms|{label}": atoms for label, atoms in self.example.atoms.items()}
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    def _recall(self, kept: bytes) -> None:
        tallies: dict[tuple[str, str], dict[str, np.ndarray]] = {}
        example: dict[str, np.ndarray] = {}
        atoms: dict[str, np.ndarray] = {}
        for key, value in np.load(io.BytesIO(kept), allow_pickle=False).items():
            kind, *names = key.split("|", 3)
            if kind == "tally":
                tallies.setdefault((names[0], names[1]), {})[names[2]] = value
            elif kind == "seconds":
                self.seconds[names[0]] = float(value)
            elif kind == "flagged":
                self.flagged[names[0]] = value.tolist()
            elif kind == "n_flagged":
                self.n_flagged[names[0]] = int(value)
            else:
                (atoms if kind == "atoms" else example)[names[0]] = value
        self.tallies = {key: Tally.from_arrays(arrays) for key, arrays in tallies.items()}
        if example:
            self.example = Example(int(example["number"]), example["box"], example["beads"], atoms)
