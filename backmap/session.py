"""Runs from Python: ``backmap.run`` does what the command does, and says what came out.

Imports wait until they are needed: ``import backmap`` is quick.
"""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import BackmapError

if TYPE_CHECKING:
    from .api import State
    from .model.assessment import Figure, Judgement
    from .model.survey import Finding
    from .model.system import System
    from .recipe.recipe import Recipe
    from .recipe.registry import Registry
    from .running.display import Display
    from .running.frames import Choice

MOST_THREADS = 512  #: that a process is asked for; far more bring it down
IN_MEMORY = "<recipe>"  #: stands for the file of a recipe that is a mapping


@dataclass(eq=False, repr=False)
class Result:
    """What a run leaves behind.

    Attributes:
        output: The output folder.
        record: What ``run.json`` holds: recipe, versions, warnings, time.
        judgement: What ``assess`` found; None without such a step, or if the run had been finished before.
    """

    output: Path
    record: dict[str, Any]
    judgement: Judgement | None
    _recipe: Recipe
    _registry: Registry
    _state: State | None

    def __repr__(self) -> str:
        counted = {name: count for name, count in self.record["warnings"].items() if count}
        flagged = "".join(f", {count} beads flagged as {name}" for name, count in sorted(counted.items()))
        from .running import frames

        made = frames.counted(self.record["n_frames"], len(self.record.get("replicas", ())))
        return (f"<Result: {made} of {self.record['n_atoms']} atoms{flagged}, in "
                f"{os.path.relpath(self.output)}: {', '.join(self.record['outputs']) or 'no files'}>")

    def _repr_html_(self) -> str:
        """In notebooks: what was made, the verdict's figures, a picture if one was written, and where the report is."""
        from .running.shown import shown

        return shown(repr(self), self.files, self.figures)

    @property
    def files(self) -> list[Path]:
        """The files that the run wrote."""
        return [self.output / name for name in self.record["outputs"]]

    @property
    def figures(self) -> list[Figure]:
        """What the assessors say of the run's own trajectory, in numbers; empty without a judgement."""
        said = self.judgement.by_trajectory.get(self.judgement.label, {}) if self.judgement else {}
        return [figure for assessment in said.values() for figure in assessment.figures]

    @cached_property
    def system(self) -> System:
        """What is there: molecule types, and how many of each."""
        if self._state is not None and self._state.system is not None:
            return self._state.system
        from .running import runner

        return runner.system_of(self._recipe)

    @cached_property
    def atoms(self) -> Any:
        """The atoms as an ``MDAnalysis.Universe``, with the trajectory that the recipe writes.

        Raises:
            BackmapError: If the recipe writes no trajectory.
        """
        return self.to("mdanalysis")

    def to(self, library: str) -> Any:
        """The atoms as an object of another library, by the name of its bridge, such as ``parmed``."""
        from .api import Bridge
        from .recipe.registry import kind_of

        bridge = self._registry.get(kind_of(Bridge), library)
        return bridge(bridge.Options()).atoms(self.system, self.files)


def run(recipe: Path | str | Mapping[str, Any], *, set: Mapping[str, Any] | Sequence[str] = (),
        frames: str | int | Sequence[int] | None = None, begin: float | None = None, end: float | None = None,
        dt: float | None = None, beads: Any = None, reference: Any = None, output: Path | str | None = None,
        seed: int | None = None, threads: int | None = None, processes: int | None = None,
        part: str | tuple[int, int] | None = None, resume: bool = False, force: bool = False, check: bool = True,
        plugins: Sequence[Path | str] = (), display: Display | None = None) -> Result:
    """Run a recipe.

    Args:
        recipe: A file, or what such a file holds; then relative paths start at the working folder.
        set: Changes to it, e.g. ``{"steps.gibbs.temperature": 453}``.
        frames: Numbers of frames, counted from 0, or a text as in ``--frames``; all by default.
        begin: First time, ps.
        end: Last time, ps.
        dt: Time between frames, ps.
        beads: Frames to read instead of the recipe's: an object of MDAnalysis, ParmEd or OpenMM, files, or a recipe
            entry such as ``{"gromacs": "cg.gro"}``. The recipe's reference belongs to its own beads and is left out.
        reference: True atoms, in the same ways.
        output: Where results go.
        seed: Every random draw of the run follows from it.
        threads: How many share frames, of all processes together, and train, in steps that do. By default frames are
            shared by as many as there are cores, or as BACKMAP_THREADS says, and one trains: what is trained follows
            from their number, what becomes of a frame does not.
        processes: How many share the frames; by default what the recipe says.
        part: A part of the frames alone, as ``2/8`` or (2, 8), to be merged with the others by ``merge``.
        resume: Go on where an interrupted run stopped.
        force: Overwrite results that are there.
        check: Look the recipe and its files over first, as ``backmap check`` does: errors end the run before anything
            else, warnings are printed and stand in the report.
        plugins: Files with more plugins.
        display: Where lines and progress go.

    Raises:
        BackmapError: If something is wrong that the user can mend.
    """
    from .running import redirection
    from .running.display import Display
    from .running.frames import Choice

    sharing = _sharing(threads)
    registry, choice = registry_of(plugins), Choice(_numbers(frames), begin, end, dt)
    display, place, (text, content) = display or Display(), _place(recipe), _read(recipe)
    redirected = redirection.redirect(content, registry, beads, reference, place, display.log)
    changes = {} if output is None else {"output": str(Path(output).absolute())}
    changes |= {} if seed is None else {"seed": seed}
    changes |= {} if processes is None else {"processes": processes}
    checked = _composed(text, content, place, registry, redirected, [*_assignments(set), *_assignments(changes)])
    look = _looking(checked, registry, choice) if check else None
    return _run(checked, registry, choice, (threads or 1, sharing), display, _part(part), resume, force, look)


def merge(folder: Path | str, *, force: bool = False, display: Display | None = None) -> Result:
    """Put the parts of a run together, as if it had been run in one piece.

    Args:
        folder: The output folder that the parts had.
        force: Overwrite results that are there.
        display: Where lines go.

    Raises:
        BackmapError: If parts are missing or unfinished, or are not of one run.
    """
    from .running import merging

    recipe, state = merging.merge(Path(folder), force=force, display=display)
    return _result(Path(folder), recipe, registry_of(recipe.source.plugin_files), state)


def report(sources: Sequence[Path | str], *, set: Mapping[str, Any] | Sequence[str] = (),
           frames: str | int | Sequence[int] | None = None, begin: float | None = None, end: float | None = None,
           dt: float | None = None, output: Path | str = "report", processes: int = 1, force: bool = False,
           plugins: Sequence[Path | str] = (), display: Display | None = None) -> Result:
    """Judge runs and other trajectories side by side.

    Args:
        sources: Folders of finished runs, trajectories of atoms (``NAME=file`` names one), and at most one recipe.

    The other arguments are those of ``run``.
    """
    from .running import comparison
    from .running.frames import Choice

    registry = registry_of(plugins)
    compared = comparison.compare([str(source) for source in sources], registry, _numbers(frames),
                                  [*_assignments(set), *_assignments({"output": str(Path(output).absolute()),
                                                                      "processes": processes})])
    return _run(compared.recipe, registry, Choice(compared.frames, begin, end, dt), (1, 1), display,
                force=force)


def judge(recipe: Path | str, models: Mapping[str, Path | str | Sequence[Path | str]], *,
          reference: Path | str | Sequence[Path | str] = (), set: Mapping[str, Any] | Sequence[str] = (),
          frames: str | int | Sequence[int] | None = None, begin: float | None = None, end: float | None = None,
          dt: float | None = None, output: Path | str = "judgement", seed: int | None = None,
          processes: int | None = None, resume: bool = False, force: bool = False, plugins: Sequence[Path | str] = (),
          display: Display | None = None) -> Result:
    """Judge coarse-grained models by the atoms that their beads imply, and rank them.

    Args:
        recipe: A file: it makes atoms of beads, and has a force field and a reference.
        models: Name of each model, and the files of its coarse-grained trajectory.
        reference: Files of true atoms, in place of the recipe's.

    The other arguments are those of ``run``; frames are those of the reference.

    Raises:
        BackmapError: If something is wrong that the user can mend.
    """
    from .running import judging
    from .running.display import Display
    from .running.frames import Choice

    registry, display = registry_of(plugins), display or Display()
    changes = {"output": str(Path(output).absolute())} | ({} if seed is None else {"seed": seed})
    changes |= {} if processes is None else {"processes": processes}
    sources = {name: _files(files) for name, files in models.items()}
    checked = judging.judgement(Path(recipe), sources, registry, _files(reference),
                                [*_assignments(set), *_assignments(changes)], display.log)
    return _run(checked, registry, Choice(_numbers(frames), begin, end, dt), (1, 1), display, None, resume, force)


def _files(files: Path | str | Sequence[Path | str]) -> list[str]:
    return [str(file) for file in ([files] if isinstance(files, str | Path) else files)]


def _run(recipe: Recipe, registry: Registry, choice: Choice, threads: tuple[int, int], display: Display | None,
         part: tuple[int, int] | None = None, resume: bool = False, force: bool = False,
         look: Callable[[], Sequence[Finding]] | None = None) -> Result:
    """Run a checked recipe, and say what came out; ``threads`` are those that train and those that share frames."""
    from .running import runner

    folder, state = runner.perform(recipe, chosen=choice, part=part, n_threads=threads[0], n_sharing=threads[1],
                                   resume=resume, force=force, look=look, display=display)
    return _result(folder, recipe, registry, state)


def _sharing(threads: int | None) -> int:
    """How many threads share frames: what was asked for, what BACKMAP_THREADS says, or all cores of this process."""
    said = os.environ.get("BACKMAP_THREADS")
    where, number = f"--threads {threads}", threads
    if threads is None:
        where, number = f"BACKMAP_THREADS={said}", int(said) if said and said.isdecimal() else 0 if said else _cores()
    if not 1 <= number <= MOST_THREADS:
        raise BackmapError("should be a number of threads", where=where,
                           hint=f"1 to {MOST_THREADS}; no more than the machine has cores are of use.")
    return number


def _cores() -> int:
    """Cores that this process may run on."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(found, MOST_THREADS)


def _looking(recipe: Recipe, registry: Registry, choice: Choice) -> Callable[[], Sequence[Finding]]:
    """What looks a recipe over before it runs."""
    from .checking import verdict

    return lambda: verdict.warnings_of(recipe, registry, choice.numbers)


def _result(folder: Path, recipe: Recipe, registry: Registry, state: State | None) -> Result:
    from .running.ledger import PROGRESS, REPORT, record

    found = record(folder / REPORT) or {"n_frames": 0, "n_atoms": 0, "warnings": {}, "outputs": []} | record(
        folder / PROGRESS)  # a part has no report of its own
    return Result(folder, found, state.judgement if state else None, recipe, registry, state)


def _part(part: str | tuple[int, int] | None) -> tuple[int, int] | None:
    """Number and count of a part.

    Raises:
        BackmapError: If it is none.
    """
    if part is None:
        return None
    try:
        number, count = part.split("/") if isinstance(part, str) else part
        found = int(number), int(count)
    except ValueError:
        found = 0, 0
    if not 1 <= found[0] <= found[1]:
        raise BackmapError("is not a part", where=f"--part {part}", hint="Write 2/8 for the second of eight, from 1.")
    return found


def registry_of(files: Sequence[Path | str]) -> Registry:
    """The plugins that are installed, and those of the user's files."""
    from .recipe.registry import Registry

    registry = Registry().discover()
    for file in files:
        registry.load_file(file)
    return registry


def _place(recipe: Path | str | Mapping[str, Any]) -> Path:
    return Path(IN_MEMORY if isinstance(recipe, Mapping) else recipe)


def _read(recipe: Path | str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Text and content of a recipe."""
    from .recipe import document

    return document.given(recipe) if isinstance(recipe, Mapping) else document.read(Path(recipe))


def _composed(text: str, content: dict[str, Any], place: Path, registry: Registry, redirected: list[str],
              changes: list[str]) -> Recipe:
    """The checked recipe, which remembers that it was redirected."""
    from .recipe import recipe as recipes

    return recipes.compose(text, content, place, registry, changes).remembering(redirected)


def _assignments(changes: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """Changes as ``--set`` takes them."""
    if isinstance(changes, str):
        return [changes]
    if not isinstance(changes, Mapping):
        return list(changes)
    try:
        return [f"{key}={json.dumps(value, default=_plain, ensure_ascii=False)}" for key, value in changes.items()]
    except TypeError as error:
        raise BackmapError(str(error), where="set", hint="Give numbers, texts, lists and mappings.") from None


def _plain(value: Any) -> Any:
    """A path as text, numbers of numpy as Python's."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot stand in a recipe")


def _numbers(frames: str | int | Sequence[int] | None) -> str | None:
    if frames is None or isinstance(frames, str):
        return frames
    return ",".join(str(int(number)) for number in ([frames] if isinstance(frames, int) else frames))
