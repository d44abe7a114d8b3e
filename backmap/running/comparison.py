"""The recipe behind ``backmap report``: runs and other people's trajectories, judged side by side.

What the system is, its reference and its assessors are taken from the recipe of the first run (or from a
recipe that is named); then every trajectory is loaded and assessed anew, so that all figures of the report
come from the same code.
"""
from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import BackmapError
from ..recipe import document, recipe
from ..recipe.registry import Registry
from .ledger import REPORT

#: Steps that say what there is, in this order; taken over as they stand.
SETTING = ("topology", "forcefield", "read")
TRAJECTORIES, STRUCTURES = (".xtc", ".trr"), (".gro",)
REPORTS = ["report.html", "report.md", "report.json"]


@dataclass(frozen=True)
class Comparison:
    """A recipe that makes the report, and the frames that its trajectories hold (None means all)."""

    recipe: recipe.Recipe
    frames: str | None


@dataclass(frozen=True)
class _Candidate:
    label: str
    files: list[str]


def compare(sources: Sequence[str], registry: Registry, frames: str | None = None,
            overrides: Sequence[str] = ()) -> Comparison:
    """The recipe of a report.

    Args:
        sources: Folders of runs, trajectory files (also ``NAME=file``), and at most one recipe.
        registry: Where plugins are found.
        frames: As in ``--frames``; None takes those of the runs.
        overrides: ``--set`` assignments for the recipe of the report.

    Raises:
        BackmapError: If a source is none of these, or the runs went through different frames.
    """
    setting: tuple[Path, dict[str, Any]] | None = None
    candidates: list[_Candidate] = []
    chosen: dict[str, str] = {}
    for source in sources:
        label, path = _named(source)
        if path.suffix in (".yaml", ".yml"):
            setting = path, document.read(path)[1]
        elif path.is_dir():
            run = _finished_run(path)
            setting = setting or (Path(run["recipe"]), _document(run))
            candidates.append(_Candidate(label, _outputs(path, run)))
            chosen[str(path)] = run["frames"]
        elif path.is_file():
            candidates.append(_Candidate(label, [str(path.absolute())]))
        else:
            raise BackmapError("there is no such run or file", where=source,
                               hint="Give the output folder of a run, or a trajectory of atoms.")
    if setting is None:
        raise BackmapError("nothing says what the system is", where=" ".join(sources),
                           hint="Name a finished run or a recipe first.")
    if not candidates:
        raise BackmapError("there is nothing to judge", where=" ".join(sources), hint="Name a run or a trajectory.")
    _distinct(candidates)
    place, content = setting
    document.expect_one_system(content, place)
    derived = _derived(content, candidates, place)
    text = yaml.safe_dump(derived, sort_keys=False, allow_unicode=True)
    return Comparison(recipe.compose(text, derived, place, registry, overrides), frames or _frames(chosen))


def _named(source: str) -> tuple[str, Path]:
    """Label and path of ``NAME=path`` or ``path``."""
    name, equals, rest = source.partition("=")
    if equals and not Path(source).exists():
        return name, Path(rest)
    path = Path(source)
    return (path.resolve().name if path.is_dir() else path.stem), path


def _finished_run(folder: Path) -> dict[str, Any]:
    try:
        run = json.loads((folder / REPORT).read_text())
        run["recipe"], run["text"], run["overrides"], run["frames"], run["outputs"]
    except FileNotFoundError:
        raise BackmapError(f"holds no {REPORT}", where=folder,
                           hint="Give the output folder of a finished run.") from None
    except (ValueError, KeyError, TypeError):
        raise BackmapError("is not the record of a run", where=folder / REPORT) from None
    return run


def _document(run: dict[str, Any]) -> dict[str, Any]:
    """The recipe of a run, as it was run."""
    content = document.parse(run["text"], run["recipe"])
    for assignment in run["overrides"]:
        document.override(content, assignment)
    return content


def _outputs(folder: Path, run: dict[str, Any]) -> list[str]:
    """The atoms that a run has written: a trajectory, with names before it if there are any."""
    beads = {text for entry in _document(run).get("steps") or [] if isinstance(entry, dict)
             for options in [entry.get("write")] if isinstance(options, dict) for text in _texts(options.get("beads"))}
    files = [(folder / name).absolute() for name in run["outputs"] if name not in beads]
    trajectory = [str(file) for file in files if file.suffix in TRAJECTORIES][:1]
    names = [str(file) for file in files if file.suffix in STRUCTURES][:1]
    if not trajectory + names:
        raise BackmapError("this run has written no trajectory of atoms", where=folder,
                           hint="Give it write: {atoms: {gromacs: atoms.xtc}}.")
    return names + trajectory


def _texts(value: Any) -> Iterator[str]:
    """All texts in plain data."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(inner)


def _distinct(candidates: Sequence[_Candidate]) -> None:
    labels = [candidate.label for candidate in candidates]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise BackmapError(f"two trajectories are called '{twice}'", hint="Name one: NAME=path.")


def _frames(chosen: dict[str, str]) -> str | None:
    if len(set(chosen.values())) > 1:
        listed = ", ".join(f"{folder}: {frames}" for folder, frames in chosen.items())
        raise BackmapError(f"the runs went through different frames ({listed})",
                           hint="Compare runs of the same frames.")
    frames = next(iter(chosen.values()), "all")
    return None if frames == "all" else frames


def _derived(content: dict[str, Any], candidates: Sequence[_Candidate], place: Path) -> dict[str, Any]:
    """The recipe that loads the candidates into the setting of another recipe and judges them."""
    steps = {}
    for entry in content.get("steps") or []:
        steps.setdefault(document.step_name(entry), entry)
    missing = [name for name in ("topology", "read") if name not in steps]
    if missing:
        raise BackmapError(f"has no step '{missing[0]}'", where=place,
                           hint="A report needs a recipe that says what there is and reads beads.")
    first, *others = candidates
    options = steps["assess"]["assess"] if "assess" in steps else _assessors("forcefield" in steps)
    options = dict(options) if isinstance(options, dict) and "assessors" in options else {"assessors": options}
    options |= {"name": first.label, "compare_with": {other.label: [_read_atoms(other)] for other in others}}
    options.pop("compare_every", None)
    setting = [steps[name] for name in SETTING if name in steps]
    title = content.get("title") or place.stem
    return {"recipe": 1, "title": f"{title}: {', '.join(c.label for c in candidates)}", "output": "report",
            "steps": [*setting, _read_atoms(first), {"assess": options}, {"write": {"report": REPORTS}}]}


def _assessors(with_energies: bool) -> list[str]:
    return ["structure", "consistency", *(["energy"] if with_energies else [])]


def _read_atoms(candidate: _Candidate) -> dict[str, Any]:
    return {"read_atoms": {"atoms": {"gromacs": candidate.files}}}
