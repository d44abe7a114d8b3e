"""Parts of a run, made one by one or on many machines, put together: ``backmap merge``.

Trajectories follow one another, what the steps counted is merged, and then the steps finish as in a run of one piece:
what comes out is the same, its report included.
"""
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..api import State
from ..errors import BackmapError
from ..model.memory import unpack
from ..recipe import recipe
from ..recipe.registry import Registry
from . import frames, runner
from .display import Display
from .identity import Identity
from .ledger import PROGRESS, memory_file, record
from .parts import part_name
from .pipeline import Done
from .tuning import Tuning

_NAME = re.compile(r"part-(\d+)-of-(\d+)")
PIECE = 2**24  #: bytes that are copied at a time


@dataclass(frozen=True)
class Part:
    """A finished part of a run.

    Attributes:
        folder: Its output folder.
        progress: The last entry of its ledger.
    """

    folder: Path
    progress: dict[str, Any]

    @property
    def run(self) -> dict[str, Any]:
        """Recipe, plugin files and chosen frames of its run."""
        return self.progress["notes"]["run"]

    @property
    def seconds(self) -> float:
        """Time that it took, s."""
        return float(self.progress["notes"]["seconds"])

    def done(self) -> Done:
        """Read what came of its frames: bytes of output files and memories of steps.

        Raises:
            BackmapError: If the file of its memories is missing or damaged.
        """
        n_frames = int(self.progress["n_frames"])
        file = memory_file(self.folder, n_frames)
        try:
            memories = unpack(file.read_bytes()) if n_frames else {}
        except (OSError, ValueError):
            raise BackmapError("is missing or damaged", where=file, hint="Run this part again.") from None
        return Done(n_frames, self._bytes(), memories)

    def _bytes(self) -> Iterator[tuple[str, bytes]]:
        for name, size in self.progress["sizes"].items():
            path, left = self.folder / f"{name}.part", int(size)
            try:
                with open(path, "rb") as file:
                    while left and (data := file.read(min(left, PIECE))):
                        left -= len(data)
                        yield name, data
            except OSError:
                left = -1
            if left:
                raise BackmapError("is missing or shorter than it was", where=path, hint="Run this part again.")


def merge(folder: Path, *, force: bool = False, display: Display | None = None) -> tuple[recipe.Recipe, State]:
    """Put the parts in a folder together, and finish the run there.

    Args:
        folder: The output folder that the parts had.
        force: Overwrite results that are there.
        display: Where lines go.

    Returns:
        The recipe, and what the steps left behind.

    Raises:
        BackmapError: If parts are missing or unfinished, or are not of one run.
    """
    display, parts = display or Display(), found(folder)
    told = parts[0].run
    registry = Registry().discover()
    for file in told["plugins"]:
        registry.load_file(file)
    made = recipe.compose(told["text"], told["document"], Path(told["recipe"]), registry)
    made = made.remembering(told["overrides"])
    chosen = frames.Choice(**told["chosen"])
    now, chose = runner.identity(made, chosen), Tuning.read(parts[0].folder)
    now.tuned = chose.values if chose else {}
    for part in parts:
        now.expect(Identity.of_json(part.progress["identity"]), part.folder)
    going = runner.Run(made, chosen, now, folder, force=force, display=display)
    said = [found for part in parts for found in part.progress["notes"].get("check", ())]
    said = [found for k, found in enumerate(said) if found not in said[:k]]
    seconds = sum(part.seconds for part in parts)
    going.guarded(lambda: going.merge([part.done() for part in parts], seconds, chose, said))
    return made, going.state


def found(folder: Path) -> list[Part]:
    """All parts of a run, in order.

    Raises:
        BackmapError: If there are none, or one is missing or not finished.
    """
    names = {match.group(): (int(match[1]), int(match[2])) for path in folder.glob("part-*-of-*")
             if (match := _NAME.fullmatch(path.name))}
    counts = sorted({count for _, count in names.values()})
    if len(counts) != 1:
        problem = f"holds parts of {counts[0]} and of {counts[1]}" if counts else "holds no parts of a run"
        raise BackmapError(problem, where=folder, hint="Remove those of another run." if counts else
                           "Give the output folder of `backmap run --part 1/8` and its like.")
    parts = [Part(path, record(path / PROGRESS)) for number in range(1, counts[0] + 1)
             for path in [folder / part_name(number, counts[0])]]
    _expect_finished(parts)
    return parts


def _expect_finished(parts: Sequence[Part]) -> None:
    for part in parts:
        if not part.progress:
            raise BackmapError("this part is missing", where=part.folder, hint="Run it.")
        if not part.progress.get("notes", {}).get("complete"):
            raise BackmapError(f"this part is not finished: {part.progress.get('n_frames', 0)} frames are done",
                               where=part.folder, hint="Go on with it by --resume.")
