"""Plugins that make a run of three two-atom molecules out of nothing, for tests of the machinery."""
from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field

from backmap import api
from backmap.engine.sites.snapshot import Snapshot
from backmap.errors import BackmapError
from backmap.hookspecs import hookimpl
from backmap.model.assessment import Assessment, Figure
from backmap.model.mapping import Mapping
from backmap.model.molecule import Chemistry, MoleculeType, graph_of
from backmap.model.system import System, Window
from backmap.model.tally import Tally
from backmap.model.tuned import Tuned


@hookimpl
def backmap_steps() -> dict[str, type[api.Step]]:
    return {"toy_topology": ToyTopology, "toy_place": ToyPlace, "toy_bug": ToyBug, "toy_break": ToyBreak,
            "toy_idle": ToyIdle, "toy_tuned": ToyTuned, "toy_within": ToyWithin}


@hookimpl
def backmap_assessors() -> dict[str, type[api.Assessor]]:
    return {"toy_place_of": ToyPlaceOf}


@hookimpl
def backmap_readers() -> dict[str, type[api.Reader]]:
    return {"toy": ToyReader}


@hookimpl
def backmap_writers() -> dict[str, type[api.Writer]]:
    return {"toy": ToyWriter}


def diatomic(name: str = "TOY") -> MoleculeType:
    """Two atoms, one bead in the middle."""
    bonds, heavy = np.array([[0, 1]]), np.array([True, True])
    none = np.zeros(2, dtype=np.int64)
    chemistry = Chemistry(np.array([6, 6]), none.astype(bool), none, none.astype(float), np.ones(1),
                          np.empty((0, 4), dtype=np.int64), none[:0])
    mapping = Mapping.from_rows([([0, 1], [1.0, 1.0])], graph_of(2, bonds), heavy)
    return MoleculeType(name, ["C1", "C2"], ["C", "C"], [name] * 2, none, np.full(2, 12.0), none.astype(float), bonds,
                        chemistry, ["A"], ["A"], [name], none[:1], np.empty((0, 2), dtype=np.int64), mapping)


class ToyTopology(api.Step):
    """Gives a system of diatomics."""

    gives = frozenset({"system"})

    class Options(api.Options):
        molecules: int = Field(3, ge=1, description="How many.")

    def start(self, state: api.State) -> None:
        state.system = System(((diatomic(), self.options.molecules),))


class ToyReader(api.Reader):
    """Makes up frames: bead b of frame k is at (k, b, 0) / 10 nm."""

    class Options(api.Options):
        frames: int = Field(5, ge=0, description="How many.")
        points: int = Field(3, description="Positions in each frame.")
        edge: float | None = Field(3.0, description="Edge of the box, nm; null for none.")
        bad: int = Field(-1, description="Frame whose positions are not numbers.")

    def open(self) -> ToyFrames:
        return ToyFrames(self.options)


class ToyFrames:
    """What ToyReader reads."""

    where = "toy.xtc"

    def __init__(self, options: ToyReader.Options) -> None:
        self.options, self.n_frames, self.n_points = options, options.frames, options.points

    def frame(self, number: int) -> api.FrameInfo:
        index = np.arange(self.n_points, dtype=float)
        positions = np.stack([np.full_like(index, number), index, 0 * index], axis=1) / 10
        if number == self.options.bad:
            positions[1] = np.nan
        edge = self.options.edge
        return api.FrameInfo(positions, None if edge is None else np.eye(3) * edge, float(number))


class ToyPlaceOf(api.Assessor):
    """Where the atoms are: the mean of x, and how often it is above 0.2 nm."""

    def measure(self, frame: Snapshot, tally: Tally) -> dict[str, np.ndarray]:
        x = frame.atoms[:, 0]
        tally.row("x", frame.index, [x.mean()])
        tally.count("beyond", frame.index, [(x <= 0.2).sum(), (x > 0.2).sum()])
        return {"beyond": frame.beads[:, 0] > 0.2}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        mean = float(tally.rows("x").mean())
        figures = [Figure("place", "x", "mean", mean, "nm"),
                   Figure("place", "x", "beyond", int(tally.counts("beyond")[1]) / int(tally.counts("beyond").sum()))]
        if reference is not None:
            off = abs(mean - float(reference.rows("x").mean()))
            figures.append(Figure("place", "x", "off", off, "nm", distance=True))
        return Assessment(figures)


class ToyPlace(api.Step):
    """Puts both atoms on their bead, slowly if wanted."""

    needs = frozenset({"system", "beads"})
    gives = frozenset({"atoms"})

    class Options(api.Options):
        wait: float = Field(0.0, description="Seconds for each window.")
        clashes: int = Field(0, description="Beads to flag in the first frame of each window.")
        shift: float = Field(0.0, description="How far off the bead, in x, nm.")
        scatter: float = Field(0.0, description="How far off it at random, in x, nm.")

    def frames(self, window: Window, state: api.State) -> Window:
        time.sleep(self.options.wait)
        placed = window.with_atoms(np.repeat(window.beads, 2, axis=1) + np.array([self.options.shift, 0.0, 0.0]))
        rng = api.Stream.of(state.seed, self.index, "scatter", torch.as_tensor(window.frames))
        placed.atoms[:, :, 0] += self.options.scatter * rng.normal(placed.atoms.shape[1]).numpy()
        placed.flags["clash"] = np.zeros(window.beads.shape[:2], dtype=bool)
        placed.flags["clash"][0, :self.options.clashes] = True
        return placed


class ToyTuned(api.FrameStep):
    """Moves atoms in x, by as much as the pilot finds: where its atoms are, and a number at random."""

    needs = frozenset({"atoms"})
    gives = frozenset({"atoms"})
    tunable = ("shift",)

    class Options(api.Options):
        shift: float | Literal["auto"] = Field(0.0, description="How far, nm.")

    def tune(self, window: Window, state: api.State) -> Tuned:
        number = float(api.Stream.of(state.seed, self.index, "tune").normal(1)[0, 0])
        state.log(f"tuning by frames {window.frames.tolist()}")
        row = {"mean": float(window.atoms[..., 0].mean()), "number": number}
        return Tuned({"shift": row["mean"] + number}, {"shift": [row]}, "the toy never rests" if number else "")

    def frame(self, window: Window, state: api.State) -> Window:
        self.memory["seen"].count("frames", int(window.place[0]), [1])
        return window.with_atoms(window.atoms + np.array([self.options.shift, 0.0, 0.0]))

    def finish(self, state: api.State) -> None:
        state.log(f"moved by {self.options.shift:g} in {self.memory['seen'].counts('frames')[0]} frames")


class ToyWithin(api.Step):
    """Has other steps within it, and lets frames pass."""

    class Options(api.Options):
        steps: api.Several[api.Step] = Field([], description="Which.")

    @property
    def branches(self) -> dict[str, Sequence[api.Step]]:
        return {"steps": self.options.steps}

    def finish(self, state: api.State) -> None:
        for step in self.options.steps:
            state.log(f"within: {step.options.shift:g}")


class ToyIdle(api.Step):
    """Does nothing."""


class ToyBug(api.Step):
    """Breaks."""

    class Options(api.Options):
        words: str = Field("boom", description="What it says.")

    def start(self, state: api.State) -> None:
        self.fail()

    def fail(self) -> None:
        if self.options.words == "mine":
            raise BackmapError("wrong", where="data.xyz:3", hint="Mend it.")
        raise ValueError(self.options.words)


class ToyBreak(ToyBug):
    """Breaks when frames come."""

    def start(self, state: api.State) -> None:
        pass

    def frames(self, window: Window, state: api.State) -> Window:
        self.fail()
        return window


class ToyWriter(api.Writer):
    """One line of text for each frame."""

    class Options(api.Options):
        file: api.OutputPath = Field(description="Where to.")

    def paths(self) -> list[Path]:
        return [self.options.file]

    def encode(self, window: Window, system: System, first: bool) -> Iterator[bytes]:
        lines = [f"{number} {atoms.sum():.6f}\n" for number, atoms in zip(window.frames, window.atoms)]
        yield ("frame sum\n" * first + "".join(lines)).encode()
