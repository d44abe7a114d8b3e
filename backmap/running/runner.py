"""Drives the frames of a run through the steps of its recipe: identity, progress, resume, provenance.

Only the runner knows how far a run has come; the pipeline sees one portion of the frames after the other, in this
process or in others.
"""
from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..api import State, Step
from ..engine.compiling import clock as compiling
from ..engine.flags import DONE
from ..errors import BackmapError, Interrupted, at, stoppable
from ..model.memory import Memory, pack, unpack
from ..model.survey import Finding
from ..model.system import System
from ..recipe.recipe import Recipe
from . import frames, pilot
from .display import Display, Once
from .identity import IDLE, Identity, signatures, sources, versions
from .ledger import Ledger
from .parts import bounds, expect_shareable, part_name
from .pipeline import OWN, Desk, Done, Pipeline, Portion, device, threads
from .processes import Assignment, Processes
from .tuning import Tuning

#: Portions that each process gets, so that none is left waiting for long at the end.
SHARES = 8


def run(recipe: Recipe, **options: Any) -> Path:
    """Run a recipe from the first step to the last; returns the output folder. Arguments are those of ``perform``."""
    return perform(recipe, **options)[0]


def perform(recipe: Recipe, *, chosen: frames.Choice | str | None = None, part: tuple[int, int] | None = None,
            n_threads: int = 1, n_sharing: int = 1, resume: bool = False, force: bool = False,
            look: Callable[[], Sequence[Finding]] | None = None,
            display: Display | None = None) -> tuple[Path, State | None]:
    """Run a recipe from the first step to the last.

    Args:
        recipe: A checked recipe.
        chosen: Frames by number or time; a text is that of ``--frames``, None means all.
        part: Number of a part, from 1, and of how many: its frames alone, to be merged with the others later.
        n_threads: How many train, in steps that do.
        n_sharing: How many share frames, of all processes together; the result does not depend on it.
        resume: Go on where an interrupted run stopped.
        force: Overwrite results that are there.
        look: Looks the recipe over before anything else; what it returns is printed and stands in the report.
        display: Where lines and progress go.

    Returns:
        The output folder, and what the steps left behind; None if the run had been finished before.

    Raises:
        BackmapError: If something is wrong that the user can mend.
        Interrupted: On Ctrl-C; what was written is whole and can be resumed.
    """
    display, chosen = display or Display(), frames.Choice.of(chosen)
    folder = recipe.output_folder / part_name(*part) if part else recipe.output_folder
    going = Run(recipe, chosen, identity(recipe, chosen), folder, resume=resume, force=force, display=display)
    return going.guarded(lambda: going.go(part, n_threads, n_sharing, look)), going.state


def identity(recipe: Recipe, chosen: frames.Choice) -> Identity:
    """What a run of this recipe is; hashes the files that the recipe names."""
    source = recipe.source
    options = {key: value for key, value in source.document.items() if key not in (*IDLE, "seed", "device")}
    return Identity(options, recipe.seed, chosen.where or "all", device(recipe.device),
                    signatures(source.inputs, recipe.folder), sources(source.plugins), versions(), folder=recipe.folder)


class Run:
    """One run, from start to end.

    Args:
        recipe: A checked recipe.
        chosen: Frames by number or time.
        identity: What the run is.
        folder: Where results go.

    Attributes:
        state: What the steps share; None if the run had been finished before.
    """

    def __init__(self, recipe: Recipe, chosen: frames.Choice, identity: Identity, folder: Path, *,
                 resume: bool = False, force: bool = False, display: Display) -> None:
        self.recipe, self.chosen, self.display, self.folder = recipe, chosen, display, folder
        self.tuning = Tuning.read(folder) if resume else None
        identity.tuned = self.tuning.values if self.tuning else {}
        self.ledger = Ledger(folder, identity, resume=resume, force=force)
        self.tuning = self.tuning if self.ledger.resumed else None
        self.ledger.reads([recipe.source.path, *recipe.source.inputs, *recipe.source.plugin_files])
        self.state: State | None = None
        self.opened = time.time() - 1.0  # file systems keep whole seconds, some of them
        self.began, self.compiled = compiling.clock(), compiling.seconds()
        self.seconds_before = float(self.ledger.notes.get("seconds", 0.0))
        self.memories: dict[int, Memory] = {OWN: Memory()}
        self.n_threads = self.n_sharing = 1
        self.starting = Once(display.log)

    def guarded(self, work: Callable[[], None]) -> Path:
        """Do what is to be done, with the files closed and the folder free after it whatever happens."""
        try:
            if self.ledger.finished:
                self.display.log(f"{self.folder}: this run is finished already")
                return self.folder
            with self.display, stoppable():
                compiling.on_first(lambda: self.display.log(compiling.NOTICE))
                work()
        except KeyboardInterrupt:
            done = f" after {self.ledger.n_frames} frames, which are whole" if self.ledger.n_frames else ""
            raise Interrupted(f"stopped{done}; the same command with --resume goes on") from None
        finally:
            compiling.on_first(None)
            self.ledger.stop()
        return self.folder

    def go(self, part: tuple[int, int] | None, n_threads: int, n_sharing: int = 1,
           look: Callable[[], Sequence[Finding]] | None = None) -> None:
        """Start the steps, take the frames or those of one part through them, and finish."""
        self.n_threads, self.n_sharing = n_threads, n_sharing
        self._expect_work(part)
        if look is not None:
            self._keep_warnings(look())
        if part is not None:
            self._begin_part(part)
        with threads(n_threads, self.n_sharing):
            self._start()
        if self.tuning is None and self.pipeline.numbers and pilot.wanted(self.recipe.steps):
            self._tune(part)
        portions = self._portions(part)
        if self.pipeline.numbers:
            with threads(1, self.n_sharing):
                self.take(self._worked(portions), sum(len(portion.numbers) for portion in portions))
        if part is None:
            self.finish()
        else:
            self._end_part(part)

    def _keep_warnings(self, found: Sequence[Finding]) -> None:
        """Print what was found before the run, and keep it for the report."""
        for finding in found:
            self.display.log(f"{finding.severity}: {finding.line}")
        self.ledger.notes["check"] = [asdict(finding) | {"line": finding.line} for finding in found]

    def _start(self) -> None:
        """A pipeline whose steps are started."""
        recipe, ledger = self.recipe, self.ledger
        desk = Desk(recipe.drawn, ledger.claim, ledger.place)
        pilot.adopt(recipe.steps, self.tuning.choices if self.tuning else {})
        self.state = State(recipe.folder, ledger.folder, recipe.seed, ledger.identity.device, title=recipe.title,
                           resume=ledger.resumed, beads_are=recipe.beads_are, log=self.starting,
                           working=self.display.working, provenance=self.report)
        self.pipeline = Pipeline(recipe, self.chosen, self.state, desk, self.ledger.halfway)
        self.pipeline.start(self._begins, ledger.also_reads)
        self.state.log = self.display.log
        if ledger.n_frames:
            self._recall()

    def _tune(self, part: tuple[int, int] | None) -> None:
        """Let the pilot choose what the recipe leaves to it."""
        began, ledger = compiling.clock(), self.ledger
        with threads(1, self.n_sharing):
            self.tuning = pilot.settle(self.pipeline, ledger.identity, self.recipe.output_folder if part else None)
        self.tuning.write(self.folder)
        if any("beads" in values for values in self.tuning.values.values()):  # all steps know it from their start
            ledger.release()
            self._start()
        ledger.identity.tuned = self.tuning.values
        ledger.notes["seconds_pilot"] = compiling.clock() - began
        pilot.tell(self.tuning, self.display.log)

    def _begins(self, step: Step) -> None:
        if step.beforehand:  # it may take long, and goes on by itself where it was stopped
            self.ledger.begin()

    def _recall(self) -> None:
        """What the steps of an interrupted run had counted."""
        try:
            self.memories |= unpack(self.ledger.memory())
            self.pipeline.recall(self.memories[OWN], self.ledger.n_frames)
            self.pipeline.frame_before.recall(self.memories[OWN], self.state.systems)
        except ValueError:
            raise BackmapError("what the steps of the unfinished run remember is damaged", where=self.folder,
                               hint="Start again with --force.") from None

    def _expect_work(self, part: tuple[int, int] | None) -> None:
        """Raise BackmapError if frames are chosen or to be shared out, but there are none, or they cannot be."""
        where = f"--part {part[0]}/{part[1]}" if part else self.chosen.where
        if not where and self.recipe.drawn != range(1):
            where = f"{self.recipe.source.path}: {'replicas' if self.recipe.replica is None else 'replica'}"
        reads = any("beads" in step.gives for step in self.recipe.steps)
        if where and not reads:
            raise BackmapError("no step of the recipe reads frames", where=where)
        if reads and (part is not None or self.recipe.processes > 1):
            expect_shareable(self.recipe, "parts" if part else "processes")

    # Frames

    def _portions(self, part: tuple[int, int] | None) -> list[Portion]:
        """What is left to be done, in order."""
        first, last = bounds(self._n_frames, *part or (1, 1))
        first += self.ledger.n_frames
        size = frames.window_size(self._most_atoms, self.recipe.window) if first < last else 1
        if self.recipe.window is None:
            size = min(size, max(1, math.ceil((last - first) / (SHARES * self.recipe.processes))))
        return Portion.all_of(self.pipeline.numbers, self.recipe.drawn, size, first, last)

    @property
    def _most_atoms(self) -> int:
        """Atoms of a frame, where there are most: steps may change what there is."""
        return max(system.n_atoms for system in self.state.systems)

    @property
    def _n_frames(self) -> int:
        """Frames of all replicas."""
        return len(self.pipeline.numbers) * len(self.recipe.drawn)

    def _worked(self, portions: list[Portion]) -> Iterator[Done]:
        """The portions through the steps: here, or in other processes."""
        count = min(self.recipe.processes, len(portions))
        if count < 2:
            for portion in portions:
                yield self.pipeline.work(portion, self.display.within)
            return
        with Processes(self._order(count), count, self.display.log) as pool:
            yield from pool.results(portions)

    def _order(self, processes: int) -> Assignment:
        source = self.recipe.source
        return Assignment(source.path, source.document, source.plugin_files, self.chosen, self.ledger.identity.device,
                          self.tuning.choices if self.tuning else {}, max(1, self.n_sharing // processes))

    def take(self, done: Iterator[Done], n_left: int) -> None:
        """Write what comes of the frames, portion by portion; each counts as soon as it is whole on disk."""
        before = self.ledger.n_frames
        self.display.begin(before + n_left, self._most_atoms, done=before)
        self._commit(0)
        whole = True  # no portion is taken in part
        try:
            with stoppable():
                for portion in done:
                    whole = False
                    self._take(portion)
                    self._commit(portion.n_frames)
                    whole = True
                    self.display.advance(portion.n_frames)
        except (KeyboardInterrupt, BackmapError):
            if whole:  # what was put off until later
                self._commit(0, last=True)
            raise
        self._commit(0, last=True)

    def _take(self, portion: Done) -> None:
        self.seconds_before -= portion.compiling / self.recipe.processes  # they compile side by side
        for name, data in portion.appended:
            self.ledger.append(Path(name), data)
        for index, memory in portion.memories.items():
            self.memories.setdefault(index, Memory()).merge(memory)

    def _commit(self, n_frames: int, last: bool = False) -> None:
        self.ledger.notes["seconds"] = self._seconds()
        self.ledger.commit(n_frames, pack(self.memories), last)

    # Parts

    def _begin_part(self, part: tuple[int, int]) -> None:
        if self.ledger.notes.get("complete"):
            raise BackmapError("this part is finished already", where=self.folder,
                               hint="Put the parts together with `backmap merge`.")
        source = self.recipe.source
        self.ledger.notes |= {"part": list(part), "run": {
            "recipe": str(source.path.resolve()), "text": source.text, "document": source.document,
            "overrides": list(source.overrides), "plugins": [str(file.resolve()) for file in source.plugin_files],
            "chosen": asdict(self.chosen)}}

    def merge(self, parts: Sequence[Done], seconds: float, tuning: Tuning | None,
              check: Sequence[dict[str, Any]] = ()) -> None:
        """Take what came of parts for the run's own, and finish.

        Args:
            parts: What came of them.
            seconds: That they took.
            tuning: The settings that they had; None where the recipe has all of them.
            check: What was found before they ran.
        """
        self.seconds_before, self.ledger.notes["check"], self.tuning = seconds, list(check), tuning
        if tuning is not None:
            self.ledger.identity.tuned = tuning.values
            tuning.write(self.folder)
        self._start()
        for part in parts:
            self._take(part)
        self.finish()

    def _end_part(self, part: tuple[int, int]) -> None:
        self.ledger.identity.expect_unchanged(self.opened)
        self.ledger.notes["complete"] = True
        self._commit(0, last=True)
        self.display.log(f"part {part[0]} of {part[1]}: {self.ledger.n_frames} frames in {self._seconds():.3g} s; "
                         f"`backmap merge {self.recipe.output_folder}` puts all parts together")

    # The end

    def finish(self) -> None:
        """Let the steps finish, give the files their names, and say how it went."""
        self.ledger.identity.expect_unchanged(self.opened)
        self.pipeline.finish(self.memories)
        report = self.report()
        self.ledger.finish(report)
        if self.pipeline.numbers:
            self._tell(report)
        self._judge(report)

    def _tell(self, report: dict[str, Any]) -> None:
        seconds = report["seconds"]
        count = f"{frames.counted(len(self.pipeline.numbers), len(self.recipe.drawn))} in {seconds:.3g} s"
        spent = ", ".join(f"{name} {time:.3g} s" for name, time in {
                              "pilot": report["seconds_pilot"], **report["seconds_by_step"]}.items()
                          if time >= 0.01 * seconds)
        made = any("generator" in step.gives for step in self.recipe.steps)
        speed = f": {report['atoms_per_second']:.3g} atoms/s" if made else ""
        self.display.log(f"{count}{f' ({spent})' * bool(spent)}{speed}, written to {self.folder}")

    def _seconds(self) -> float:
        return self.seconds_before + compiling.clock() - self.began

    def _spent(self) -> dict[int, float]:
        """Seconds that the frames took in each step, over all processes."""
        seconds = self.memories[OWN]["seconds"]
        return {int(index): float(seconds.rows(index).sum()) for index in seconds.names()}

    def _by_step(self) -> dict[str, float]:
        """The same by name; a name that comes again gets the number of its step."""
        spent, names = self._spent(), [step.name for step in self.recipe.steps]
        return {step.name if names.count(step.name) == 1 else f"steps[{step.index}].{step.name}":
                round(spent[step.index], 3) for step in self.recipe.steps if step.index in spent}

    def report(self) -> dict[str, Any]:
        """Provenance: enough to make the same bytes again, and what it took."""
        recipe, seconds, numbers, own = self.recipe, self._seconds(), self.pipeline.numbers, self.ledger.identity
        spent = self._spent()
        judging = sum(spent.get(step.index, 0.0) for step in recipe.steps if "judgement" in step.gives)
        n_atoms = self.state.system.n_atoms if self.state.system and numbers else 0
        warnings, flagged = self.pipeline.flags(self.memories[OWN]) if numbers else ({}, {})
        making = max(seconds - judging / recipe.processes, 1e-9)
        return {
            "title": recipe.title, "recipe": str(recipe.source.path.resolve()), "text": recipe.source.text,
            "overrides": list(recipe.source.overrides), "seed": recipe.seed, "device": own.device,
            "beads": recipe.beads,
            "frames": frames.spelled(numbers) if self.chosen.by_time else self.chosen.text or "all",
            "n_frames": len(numbers), "replicas": list(recipe.drawn), "n_atoms": n_atoms,
            "platform": platform.platform(), "threads": self.n_threads, "processes": recipe.processes,
            "inputs": own.inputs, "versions": own.versions,
            "outputs": self.ledger.names, "check": self.ledger.notes.get("check", []),
            "warnings": warnings, "flagged": flagged,
            "seconds": round(seconds, 3), "seconds_by_step": self._by_step(),
            "seconds_pilot": round(self.ledger.notes.get("seconds_pilot", 0.0), 3),
            "seconds_compiling": round(compiling.seconds() - self.compiled, 3),  # beside these, by this process
            "atoms_per_second": round(self._most_atoms * self._n_frames / making, 1) if numbers else 0.0,  # not judged
        }

    def _judge(self, report: dict[str, Any]) -> None:
        """Say what was flagged, and fail the run where the recipe says that it is too much."""
        for name, count in sorted(report["warnings"].items()):
            if count:
                listed = report["flagged"][name][:3]
                more = ", ... (see run.json)" if count > len(listed) else ""
                self.display.log(f"{'note' if name in DONE else 'warning'}: {name}: {count} "
                                 f"bead{'s' * (count != 1)}: {'; '.join(listed)}{more}")
        for name, most in self.recipe.max_warnings.items():
            if report["warnings"].get(name, 0) > most:
                raise BackmapError(f"{report['warnings'][name]} beads flagged as {name}, more than max_warnings allows "
                                   f"({most})", where=self.recipe.source.path)


def system_of(recipe: Recipe) -> System:
    """What is there in a recipe in the end; nothing is run.

    Raises:
        BackmapError: If no step says it.
    """
    state = State(recipe.folder, recipe.output_folder, recipe.seed, "cpu", log=lambda line: None)
    for step in recipe.steps:
        if "system" in step.gives:
            with at(step.where):
                step.start(state)
    if state.system is None:
        raise BackmapError("no step says what there is", where=recipe.source.path)
    return state.system
