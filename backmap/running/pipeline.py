"""The steps of a recipe at work: started once, then window after window goes through them.

A run has one pipeline, and so has every process that shares its frames. What comes of a window is handed over whole:
bytes for files, and what the steps counted.
"""
from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..api import State, Step
from ..engine.compiling import clock as compiling
from ..engine.sites.handed import expect, fault, named
from ..errors import BackmapError, at
from ..model.inputs import files_read
from ..model.memory import Memory, flags_of, note_flags
from ..model.system import Window
from ..model.windows import window_of
from ..recipe.recipe import Recipe
from . import frames
from .frame_before import FrameBefore
from .halfway import Entered, Halfway
from .pace import Pace, Whereabouts

_LOGGER = logging.getLogger(__name__)

#: Number under which the memory of the pipeline itself stands among those of its steps.
OWN = -1
#: In it, the tallies of flags, with the level of the beads after it.
FLAGS = "flags "


@dataclass(frozen=True)
class Portion:
    """Frames that go through the steps together.

    Attributes:
        numbers: In the input.
        first: Place of the first in the run.
        replica: Which draw of their atoms this is.
    """

    numbers: Sequence[int]
    first: int
    replica: int = 0

    @classmethod
    def all_of(cls, numbers: Sequence[int], replicas: Sequence[int], size: int, first: int, last: int) -> list[Portion]:
        """Frames of a run: all of one replica, then of the next; no portion holds frames of two.

        Args:
            numbers: The frames of beads.
            replicas: Draws of their atoms.
            size: Frames in a portion, at most.
            first, last: Places in the run of the first frame and of the one after the last.
        """
        made = []
        for turn, replica in enumerate(replicas):
            begin, end = (min(max(place - turn * len(numbers), 0), len(numbers)) for place in (first, last))
            made += [cls(numbers[k:min(k + size, end)], turn * len(numbers) + k, replica)
                     for k in range(begin, end, size)]
        return made

    def one_by_one(self) -> Iterator[Portion]:
        """Its frames, each by itself."""
        for k, number in enumerate(self.numbers):
            yield Portion([number], self.first + k, self.replica)


@dataclass
class Done:
    """What came of a portion of the frames.

    Attributes:
        n_frames: How many they were.
        appended: File names and the bytes that are added to them, in order.
        memories: What was counted, by the number of the step.
        compiling: Seconds that another process spent compiling for it.
    """

    n_frames: int
    appended: Iterable[tuple[str, bytes]] = ()
    memories: dict[int, Memory] = field(default_factory=dict)
    compiling: float = 0.0

    @classmethod
    def joined(cls, parts: Iterable[Done]) -> Done:
        """What came of successive portions."""
        n_frames, appended, memories = 0, [], dict[int, Memory]()
        for part in parts:
            n_frames += part.n_frames
            appended += part.appended
            for index, memory in part.memories.items():
                memories.setdefault(index, Memory()).merge(memory)
        return cls(n_frames, appended, memories)


class Desk:
    """The ``api.OutputFiles`` of a pipeline: appended bytes are collected until their window is done.

    Args:
        replicas: Those of the run; each has files of its own.
        claim: Called with each file that is claimed; by default nothing is done.
        place: Called with each file that is written as a whole, and its content; by default nothing is done.

    Attributes:
        replica: The one whose frames pass.
    """

    def __init__(self, replicas: Sequence[int], claim: Callable[[Path], None] = lambda path: None,
                 place: Callable[[Path, bytes | None], None] = lambda path, data: None) -> None:
        self.replicas, self.replica = replicas, replicas[0]
        self._claim, self._place = claim, place
        self._once: set[Path] = set()
        self._appended: list[tuple[str, bytes]] = []

    def claim(self, path: Path, once: bool = False) -> None:
        """See ``api.OutputFiles``."""
        if once:
            self._once.add(path)
        for replica in self.replicas[:1] if once else self.replicas:
            self._claim(self._own(path, replica))

    def append(self, path: Path, data: bytes) -> None:
        """See ``api.OutputFiles``."""
        self._appended.append((self._own(path, self.replica).as_posix(), data))

    def place(self, path: Path, data: bytes | None) -> None:
        """See ``api.OutputFiles``."""
        self._place(self._own(path, self.replicas[0]), data)

    def _own(self, path: Path, replica: int) -> Path:
        """The file of one replica; that of replica 0 has the name itself."""
        return path if not replica or path in self._once else path.with_stem(f"{path.stem}.replica{replica}")

    @property
    def waiting(self) -> list[tuple[str, bytes]]:
        """What was appended so far."""
        return list(self._appended)

    def restore(self, appended: list[tuple[str, bytes]]) -> None:
        """Take what an interrupted run had appended for what was."""
        self._appended = list(appended)

    def taken(self) -> list[tuple[str, bytes]]:
        """What was appended since this was asked last."""
        appended, self._appended = self._appended, []
        return appended


@dataclass
class Watched:
    """Tells how far a step has come with its frames: ``State.progress`` and ``State.doing``.

    Attributes:
        pace: Of all steps.
        number: Of this one.
        name: Of it.
        size: Frames that it works on.
        began: When it began, by the clock of compiling.
        tell: Told how far the frames have come.
    """

    pace: Pace
    number: int
    name: str
    size: int
    began: float
    tell: Callable[[Whereabouts], None]
    _done: float | None = None
    _said: str = ""

    def progress(self, fraction: float) -> None:
        """So much of its work is done, 0 to 1."""
        self._done = fraction
        share, before = self.pace.share(self.number, fraction, compiling.clock() - self.began, self.size)
        doing = f"{self.name}: {self._said or f'{fraction:.0%}'}"
        self.tell(Whereabouts(self.size * share, self.size * before, self.pace.known, doing))

    def doing(self, said: str) -> None:
        """What it does now, in a word or two."""
        self._said = said
        if self._done is not None:  # the first share that is told says what an interrupted run had done
            self.progress(self._done)


class Pipeline:
    """The steps of a recipe, and what they share.

    Args:
        recipe: A checked recipe.
        chosen: Frames by number or time.
        state: What the steps share; its ``files`` are the desk.
        desk: Where steps put what they write.
        halfway: Keeps large frames; by default none is.

    Attributes:
        numbers: The frames of the run, as soon as a step has said where they are.
    """

    def __init__(self, recipe: Recipe, chosen: frames.Choice, state: State, desk: Desk,
                 halfway: Halfway | None = None) -> None:
        self.steps: Sequence[Step] = recipe.steps
        self.chosen, self.state, self.desk, self.seed = chosen, state, desk, recipe.seed
        self.most_infeasible = recipe.max_infeasible
        self.numbers: list[int] = []
        self.pace = Pace(len(self.steps))
        self.halfway = halfway or Halfway(state.output, large=sys.maxsize)
        self.frame_before = FrameBefore(recipe.steps)
        state.files, state.kept = desk, self.halfway

    def start(self, begins: Callable[[Step], None] = lambda step: None,
              reads: Callable[[Sequence[Path]], None] = lambda paths: None) -> None:
        """Start every step.

        Args:
            begins: Called before each.
            reads: Told the files that each reads besides those that the recipe names.
        """
        for step in self.steps:
            begins(step)
            before, began = dict(self.state.given), compiling.clock()
            with at(step.where), files_read() as files:
                step.settle(self.state.forcefield and self.state.forcefield.run)
                step.begin(self.state)
                _expect_declared(step, before, self.state.given)
            reads(list(files))
            _LOGGER.info("%s: begun in %.3g s%s", named("step", step), compiling.clock() - began,
                         "".join(f", read {file}" for file in files))
            if self.state.source is not None and not self.numbers:
                self._choose()

    def _choose(self) -> None:
        """Which frames, as soon as a step has said how many there are."""
        self.numbers = self.chosen.numbers(self.state.source)
        self.state.chosen, self.state.n_frames = self.numbers, len(self.numbers)
        self.state.read_level = self.state.level
        self.sources = self.state.source, self.state.reference

    def recall(self, own: Memory, n_frames: int) -> None:
        """Know what steps took for these frames, which an interrupted run has taken through them."""
        seconds = own["seconds"]
        for number, step in enumerate(self.steps):
            if str(step.index) in seconds.names():
                self.pace.done(number, float(seconds.rows(str(step.index)).sum()), n_frames)

    def work(self, portion: Portion, progress: Callable[[Whereabouts], None] = lambda here: None) -> Done:
        """Take frames through all steps.

        Args:
            portion: Which.
            progress: Told how far they have come.
        """
        if not self.frame_before.wanted:
            return self._together(portion, progress)
        return Done.joined(
            self._together(one, lambda here, done=done: progress(replace(here, frames=done + here.frames)))
            for done, one in enumerate(portion.one_by_one()))

    def _together(self, portion: Portion, progress: Callable[[Whereabouts], None]) -> Done:
        """Take frames through one step after the other."""
        from ..engine.random import seed_of  # late: it imports torch

        state, own, started = self.state, Memory(), list(every(self.steps))
        state.seed, self.desk.replica = seed_of(self.seed, portion.replica), portion.replica
        state.previous = self.frame_before.of(portion.first, portion.replica)
        left = self.halfway.begin(portion.first, len(portion.numbers), state.systems)
        known = {} if left is None else left.memories
        own.merge(known.get(OWN, Memory()))
        for step in started:
            step.memory = known.get(step.index, Memory())
        if left is None:
            window = window_of(portion.numbers, portion.first, state.systems[state.read_level], *self.sources,
                               portion.replica)
        else:
            window = left.window
            self.desk.restore(left.appended)
        first = 0 if left is None else left.number
        size = len(portion.numbers)
        inside = left is not None and self.halfway.kept(self.steps[first].index)
        self.pace.begin(first, inside)
        self.recall(own, size)
        for number, step in enumerate(self.steps[first:], first):
            memories = {OWN: own} | {one.index: one.memory for one in started}
            self.halfway.enter(step.index, Entered(number, window, memories, self.desk.waiting), state.systems,
                               fresh=left is None or number > first)
            began, before = compiling.clock(), window
            watched = Watched(self.pace, number, step.name, size, began, progress)
            state.progress, state.doing = watched.progress, watched.doing
            if number > first or not inside:
                watched.progress(0.0)
            with at(step.where):
                window = expect(step.frames(window, state), Window, named("step", step), "handed on")
                if window.system not in state.systems:
                    raise fault(f"{named('step', step)} handed on a window of another system than the state has")
                self._expect_feasible(window)
            took = compiling.clock() - began
            own["seconds"].row(str(step.index), portion.first, took)
            self.pace.done(number, took, size)
            _LOGGER.info("%s: %d frames in %.3g s", named("step", step), size, took)
            if window.system is not before.system:  # whose beads no longer are
                self._note_flags(own, before)
        self._note_flags(own, window)
        self.frame_before.keep(window, state.systems, own)
        memories = {OWN: own} | {step.index: step.memory for step in started}
        return Done(window.size, self.desk.taken(), memories)

    def _expect_feasible(self, window: Window) -> None:
        """End a run whose beads are those of something else: most of them cannot be met."""
        infeasible = window.flags.get("infeasible")
        if infeasible is None or (self.state.sampled is not None and self.state.sampled.sigma is not None):
            return
        drawn = sum(group.beads.size for group in window.system.groups if not group.type.given)
        share = infeasible.sum(axis=1) / max(drawn, 1)
        if window.size and share.max() > self.most_infeasible:
            frame = int(window.frames[share.argmax()])
            raise BackmapError(
                f"rigid bonds keep {share.max():.0%} of the beads of frame {frame} from being met by their atoms",
                hint="Are the beads in nm, in the order of the mapping, and made by it? 'backmap check' compares them "
                     "with free molecules; 'max_infeasible: 1' at the top of the recipe goes on all the same.")

    def _note_flags(self, own: Memory, window: Window) -> None:
        """Count the flags of a window under the level of what there is in it."""
        level = self.state.systems.index(window.system)
        note_flags(own[f"{FLAGS}{level}"], window)

    def flags(self, own: Memory) -> tuple[dict[str, int], dict[str, list[str]]]:
        """Flagged beads of all levels by physics warning: how many, and the names of the first ones."""
        counts: dict[str, int] = {}
        names: dict[str, list[str]] = {}
        for level, system in enumerate(self.state.systems):
            found, listed = flags_of(own[f"{FLAGS}{level}"], system)
            counts = {name: counts.get(name, 0) + found.get(name, 0) for name in {**counts, **found}}
            names = {name: names.get(name, []) + listed.get(name, []) for name in {**names, **listed}}
        return counts, names

    def finish(self, memories: dict[int, Memory]) -> None:
        """Let every step finish, with what was counted of all frames."""
        self.state.seed, seconds = self.seed, memories.get(OWN, Memory())["seconds"]
        self.state.spent = {int(index): float(seconds.rows(index).sum()) for index in seconds.names()}
        for step in every(self.steps):
            step.memory = memories.get(step.index, Memory())
        for step in self.steps:
            with at(step.where):
                step.finish(self.state)


def _expect_declared(step: Step, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """What a step hands on is what it says that it gives: recipes are checked by that before anything runs."""
    new = sorted(name for name, thing in after.items() if name not in step.gives and thing is not before.get(name))
    if new:
        raise BackmapError(f"the step '{step.name}' hands on {new[0]}, which is not among what it gives",
                           hint="This is a fault of the plugin: name it in 'gives'.")


def every(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps, and those nested in them."""
    for step in steps:
        yield step
        for nested in step.branches.values():
            yield from every(nested)


def device(name: str) -> str:
    """Return the torch device of an option: ``auto`` is ``cuda`` if torch finds a CUDA device, else ``cpu``.

    Raises:
        BackmapError: If ``name`` is ``cuda`` and torch finds no CUDA device.
    """
    if name == "cpu":
        return name
    import torch  # late: the recipe is checked, and `backmap --help` printed, without it

    if torch.cuda.is_available():
        return "cuda"
    if name == "cuda":
        raise BackmapError("device: cuda, but torch finds no CUDA device", hint="Write device: auto or cpu.")
    return "cpu"


@contextmanager
def threads(number: int, shared: int = 1) -> Iterator[None]:
    """Let torch compute with ``number`` threads, compiled loops share frames out to ``shared``, all else be one."""
    import torch
    from threadpoolctl import threadpool_limits

    from ..engine.compiling import crew
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        with threadpool_limits(1, "blas"), crew.working(shared):  # numpy's and scipy's
            yield
    finally:
        torch.set_num_threads(before)
