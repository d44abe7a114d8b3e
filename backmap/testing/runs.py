"""What whole runs promise: the same files however frames are shared out, and wherever a run was stopped."""
from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from .. import session
from ..errors import Interrupted
from ..running.display import Display

#: What tells of time, or of how the work was shared out, and may differ between two runs of the same.
TIMES = frozenset({"atoms_per_second", "threads", "processes", "overrides", "recipe"})


def check_run(recipe: Path | str, folder: Path, plugins: Sequence[Path | str] = (), windows: Sequence[int] = (1, 3),
              processes: Sequence[int] = (), threads: Sequence[int] = (), parts: int = 0, stops: bool = True,
              **options: Any) -> None:
    """Check that a recipe gives the same bytes and reports however it is run.

    Args:
        recipe: It reads three frames or more, and may write anything; a ``report.json`` shows most.
        folder: An empty folder to work in.
        plugins: Files with more plugins.
        windows: Numbers of frames in a window to try.
        processes: Numbers of processes to try.
        threads: Numbers of threads to try.
        parts: How many to merge, 0 for none.
        stops: Stop and resume after every window.
        options: Of ``backmap.run``, for all runs.
    """
    def run(name: str, **more: Any) -> dict[str, Any]:
        changes = {**options.get("set", {}), **more.pop("set", {})}
        result = session.run(recipe, output=folder / name, plugins=plugins,
                             **{"display": quiet(), **options, **more, "set": changes})
        return outcome(result.output)

    whole = run("whole")
    ways = [*((f"window {n}", {"set": {"window": n}}) for n in windows),
            *((f"{n} processes", {"processes": n}) for n in processes),
            *((f"{n} threads", {"threads": n}) for n in threads)]
    for name, way in ways:
        expect_same(run(name, **way), whole, name)
    if parts:
        for number in range(parts, 0, -1):
            session.run(recipe, output=folder / "parts", plugins=plugins, part=(number, parts),
                        **{"display": quiet(), **options})
        expect_same(outcome(session.merge(folder / "parts", display=quiet()).output), whole, f"{parts} parts")
    if stops:
        for count in stopped(lambda display, resume: run("stopped", display=display, resume=resume, set={"window": 1})):
            expect_same(outcome(folder / "stopped"), whole, f"stopped {count} times")


def stopped(run: Any) -> Iterator[int]:
    """Run, stop after every window and resume, until it comes to its end; yields how often that was."""
    for count in range(1000):
        try:
            run(Stopping(), count > 0)
        except Interrupted:
            continue
        yield count
        return
    raise AssertionError("a run that is stopped after every window does not come to its end")


class Stopping(Display):
    """Ctrl-C after every window but the last."""

    def __init__(self) -> None:
        super().__init__(Console(file=io.StringIO()))

    def advance(self, frames: int) -> None:
        super().advance(frames)
        if self._done < self._n_frames:
            raise KeyboardInterrupt


def quiet() -> Display:
    """Says nothing."""
    return Display(Console(file=io.StringIO()))


def outcome(folder: Path) -> dict[str, Any]:
    """What a run has left: SHA-256 of its files, and reports without times."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".json":
            found[name] = timeless(json.loads(path.read_text()))
        elif path.is_file() and path.suffix not in (".html", ".md"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return {name: value for name, value in found.items() if not name.startswith("part-")}


def timeless(document: Any) -> Any:
    """Plain data without what tells of time."""
    if isinstance(document, dict):
        return {key: timeless(value) for key, value in document.items() if key not in TIMES and "seconds" not in key}
    return [timeless(value) for value in document] if isinstance(document, list) else document


def expect_same(found: dict[str, Any], expected: dict[str, Any], how: str) -> None:
    """Raise AssertionError with the first thing that differs."""
    assert sorted(found) == sorted(expected), f"{how}: other files: {sorted(set(found) ^ set(expected))}"
    for name, value in expected.items():
        place = difference(found[name], value, name)
        assert not place, f"{how}: {place}"


def difference(one: Any, other: Any, place: str) -> str:
    """Where two documents differ first; empty if they do not."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return next(filter(None, (difference(one[key], other[key], f"{place}: {key}") for key in one)), "")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other))
        return next(filter(None, (difference(a, b, f"{place}[{k}]") for k, (a, b) in pairs)), "")
    same = one == other or (one != one and other != other)
    return "" if same else f"{place}: {str(one)[:80]} instead of {str(other)[:80]}"
