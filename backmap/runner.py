"""Drives windows of frames through the steps of a recipe: seed, progress, resume, provenance.

Only the runner knows which frames are chosen and how far a run has come; steps see one window
after the other.
"""
from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from . import frames
from .api import State, Step
from .display import Display
from .errors import BackmapError, Interrupted, at
from .ledger import Ledger
from .model.system import System, Window
from .recipe import Recipe

NAMED = 1000  #: flagged beads that are listed by name, for each kind of warning


def run(recipe: Recipe, *, chosen: frames.Choice | str | None = None, resume: bool = False, force: bool = False,
        display: Display | None = None) -> Path:
    """Run a recipe from the first step to the last; returns the output folder. Arguments are those of ``perform``."""
    return perform(recipe, chosen=chosen, resume=resume, force=force, display=display)[0]


def perform(recipe: Recipe, *, chosen: frames.Choice | str | None = None, resume: bool = False, force: bool = False,
            display: Display | None = None) -> tuple[Path, State | None]:
    """Run a recipe from the first step to the last.

    Args:
        recipe: A checked recipe.
        chosen: Frames by number or time; a text is that of ``--frames``, None means all.
        resume: Go on where an interrupted run stopped.
        force: Overwrite results that are there.
        display: Where lines and progress go.

    Returns:
        The output folder, and what the steps left behind; None if the run had been finished before.

    Raises:
        BackmapError: If something is wrong that the user can mend.
        Interrupted: On Ctrl-C; what was written is whole and can be resumed.
    """
    display, chosen = display or Display(), frames.Choice.of(chosen)
    ledger = Ledger(recipe.output_folder, _identity(recipe, chosen), resume=resume, force=force)
    try:
        if ledger.finished:
            display.log(f"{ledger.folder}: this run is finished already")
            return ledger.folder, None
        going = _Run(recipe, chosen, resume, ledger, display)
        with display:
            going.go()
    except KeyboardInterrupt:
        done = f" after {ledger.n_frames} frames, which are whole" if ledger.n_frames else ""
        raise Interrupted(f"stopped{done}; the same command with --resume goes on") from None
    finally:
        ledger.stop()
    return ledger.folder, going.state


class _Run:
    """One run, from start to end."""

    def __init__(self, recipe: Recipe, chosen: frames.Choice, resume: bool, ledger: Ledger, display: Display) -> None:
        self.recipe, self.chosen, self.ledger, self.display = recipe, chosen, ledger, display
        self.steps: Sequence[Step] = recipe.steps
        self.numbers: list[int] = []
        self.began = time.monotonic()
        self.seconds_before = float(ledger.notes.get("seconds", 0.0))
        self.warnings: dict[str, int] = dict(ledger.notes.get("warnings", {}))
        self.flagged: dict[str, list[str]] = dict(ledger.notes.get("flagged", {}))
        self.state = State(folder=recipe.folder, output=ledger.folder, seed=recipe.seed, device=device(recipe.device),
                           title=recipe.title, resume=resume, log=display.log, files=ledger,
                           provenance=self._report)
        self.state.spent.update({int(index): s for index, s in ledger.notes.get("spent", {}).items()})

    def go(self) -> None:
        for step in self.steps:
            with at(step.where):
                step.start(self.state)
            if self.state.source is not None and not self.numbers:
                self._choose()
        if self.numbers:
            self._windows()
        elif self.chosen.where:
            raise BackmapError("no step of the recipe reads frames", where=self.chosen.where)
        for step in self.steps:
            with at(step.where):
                step.finish(self.state)
        report = self._report()
        self.ledger.finish(report)
        if self.numbers:
            count = f"{len(self.numbers)} frame{'s' * (len(self.numbers) > 1)} in {report['seconds']:.3g} s"
            spent = ", ".join(f"{name} {seconds:.3g} s" for name, seconds in report["seconds_by_step"].items()
                              if seconds >= 0.01 * report["seconds"])
            made = any("generator" in step.gives for step in self.steps)
            speed = f": {report['atoms_per_second']:.3g} atoms/s" if made else ""
            self.display.log(f"{count}{f' ({spent})' * bool(spent)}{speed}, written to {self.ledger.folder}")
        self._judge()

    def _choose(self) -> None:
        """Which frames, as soon as a step has said how many there are."""
        self.numbers = self.chosen.numbers(self.state.source)
        self.state.chosen, self.state.n_frames = self.numbers, len(self.numbers)
        before = self.ledger.notes.setdefault("frames", len(self.numbers))
        if before != len(self.numbers):
            raise BackmapError(f"the unfinished run goes through {before} frames, but the input now gives "
                               f"{len(self.numbers)}", where=self.ledger.folder, hint="Start again with --force.")

    def _windows(self) -> None:
        state = self.state
        parts = frames.partition(self.numbers, state.system, self.recipe.window)
        left = self._left(parts)
        self.display.begin(len(self.numbers), state.system.n_atoms, done=self.ledger.n_frames)
        self._commit(0)
        for window in frames.windows(left, state.system, state.source, state.reference):
            for number, step in enumerate(self.steps):
                state.progress = self._progress(number, window.size)
                began = time.monotonic()
                with at(step.where):
                    window = step.frames(window, state)
                state.spent[step.index] = state.spent.get(step.index, 0.0) + time.monotonic() - began
            self._count(window)
            self._commit(window.size)
            self.display.advance(window.size)

    def _left(self, parts: list[Sequence[int]]) -> list[Sequence[int]]:
        """The windows that no earlier run has written."""
        done = 0
        for number, part in enumerate(parts):
            if done >= self.ledger.n_frames:
                return parts[number:]
            done += len(part)
        return []

    def _progress(self, number: int, size: int) -> Callable[[float], None]:
        """Takes the fraction of its work that step ``number`` has done; steps count alike."""
        return lambda fraction: self.display.within(size * (number + fraction) / len(self.steps))

    def _count(self, window: Window) -> None:
        for name, flagged in window.flags.items():
            self.warnings[name] = self.warnings.get(name, 0) + int(flagged.sum())
            known = self.flagged.setdefault(name, [])
            for frame, bead in np.argwhere(flagged)[:NAMED - len(known)]:
                known.append(f"frame {window.frames[frame]}: {self.state.system.bead_label(int(bead))}")

    def _commit(self, n_frames: int) -> None:
        self.ledger.notes |= {"seconds": self._seconds(), "warnings": self.warnings, "flagged": self.flagged,
                              "spent": self.state.spent}
        self.ledger.commit(n_frames)

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.began

    def _by_step(self) -> dict[str, float]:
        """Seconds that the frames took in each step; a name that comes again gets the number of its step."""
        names = [step.name for step in self.steps]
        return {step.name if names.count(step.name) == 1 else f"steps[{step.index}].{step.name}":
                round(self.state.spent[step.index], 3) for step in self.steps if step.index in self.state.spent}

    def _report(self) -> dict[str, Any]:
        """Provenance: enough to make the same bytes again, and what it took."""
        recipe, seconds = self.recipe, self._seconds()
        judging = sum(self.state.spent.get(step.index, 0.0) for step in self.steps if "judgement" in step.gives)
        n_atoms = self.state.system.n_atoms if self.state.system and self.numbers else 0
        return {
            "title": recipe.title, "recipe": str(recipe.source.path.resolve()), "text": recipe.source.text,
            "overrides": list(recipe.source.overrides), "seed": recipe.seed, "device": self.state.device,
            "frames": frames.spelled(self.numbers) if self.chosen.by_time else self.chosen.text or "all",
            "n_frames": len(self.numbers), "n_atoms": n_atoms,
            "versions": versions(), "inputs": {str(path): sha256(path) for path in recipe.source.inputs},
            "outputs": self.ledger.names, "warnings": self.warnings,
            "flagged": {name: beads for name, beads in self.flagged.items() if beads},
            "seconds": round(seconds, 3), "seconds_by_step": self._by_step(),
            "atoms_per_second": round(n_atoms * len(self.numbers) / (seconds - judging), 1),  # made, not judged
        }

    def _judge(self) -> None:
        """Say what was flagged, and fail the run where the recipe says that it is too much."""
        for name, count in sorted(self.warnings.items()):
            if count:
                listed = self.flagged[name][:3]
                more = ", ... (see run.json)" if count > len(listed) else ""
                self.display.log(f"warning: {name}: {count} beads: {'; '.join(listed)}{more}")
        for name, most in self.recipe.max_warnings.items():
            if self.warnings.get(name, 0) > most:
                raise BackmapError(f"{self.warnings[name]} beads flagged as {name}, more than max_warnings allows "
                                   f"({most})", where=self.recipe.source.path)


def device(name: str) -> str:
    """``auto`` is cuda where torch sees one."""
    if name == "cpu":
        return name
    import torch  # late: the recipe is checked, and `backmap --help` printed, without it

    if torch.cuda.is_available():
        return "cuda"
    if name == "cuda":
        raise BackmapError("device: cuda, but torch finds no CUDA device", hint="Write device: auto or cpu.")
    return "cpu"


def limit_threads(number: int) -> None:
    """Let torch compute with ``number`` threads."""
    import torch

    torch.set_num_threads(number)


def system_of(recipe: Recipe) -> System:
    """What is there in a recipe; nothing is run.

    Raises:
        BackmapError: If no step says it.
    """
    state = State(folder=recipe.folder, output=recipe.output_folder, seed=recipe.seed, device="cpu",
                  log=lambda line: None)
    for step in recipe.steps:
        if "system" in step.gives:
            with at(step.where):
                step.start(state)
        if state.system is not None:
            return state.system
    raise BackmapError("no step says what there is", where=recipe.source.path)


def _identity(recipe: Recipe, chosen: frames.Choice) -> str:
    """A hash of all that the bytes of the output follow from."""
    content = {key: value for key, value in recipe.source.document.items() if key not in ("define", "output", "title")}
    content |= {"seed": recipe.seed, "frames": chosen.where if chosen.by_time else chosen.text}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on; torch is not imported for it."""
    names = {"backmap": "backmap-engine", "torch": "torch", "numpy": "numpy", "scipy": "scipy"}
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name, distribution in names.items():
        try:
            found[name] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def sha256(path: Path) -> str:
    """Hash of a file, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
