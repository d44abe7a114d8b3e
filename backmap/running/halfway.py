"""Large frames on their way through the steps: kept after every sweep, so that a resumed run goes on inside them.

``progress.step.npz`` has the frame as the present step got it, and what came of it before; ``progress.sweep.npz`` what
that step keeps after each of its sweeps. Both belong to the frame after those that the ledger counts, and go with it.
"""
from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ..contracts.state import Kept
from ..model.memory import Memory, pack, unpack
from ..model.system import System, Window

#: Atoms of a frame beyond which it is kept.
LARGE = 100_000
STEP, SWEEP = "progress.step.npz", "progress.sweep.npz"

Arrays = dict[str, NDArray[Any]]


@dataclass
class Entered:
    """A frame as a step got it.

    Attributes:
        number: Of the step.
        window: The frame.
        memories: What steps had counted of it.
        appended: File names and the bytes that were to be added to them.
    """

    number: int
    window: Window
    memories: dict[int, Memory]
    appended: list[tuple[str, bytes]]


class Halfway(Kept):
    """Keeps the frame that is at work, in the output folder of a run.

    Args:
        folder: The output folder.
        large: Atoms of a frame beyond which it is kept; by default ``LARGE``.
    """

    def __init__(self, folder: Path, large: int | None = None) -> None:
        self.folder, self.large = folder, LARGE if large is None else large
        self._place = self._index = -1

    def begin(self, place: int, n_frames: int, systems: Sequence[System]) -> Entered | None:
        """Frames come to work, the first at ``place`` of the run; what an interrupted run left of them, if anything."""
        self._index = -1
        self._place = place if n_frames == 1 and max(system.n_atoms for system in systems) > self.large else -1
        if self._place < 0:
            return None
        arrays, said = _read(self.folder / STEP)
        if said.get("place") != place:
            self.forget()
            return None
        window = Window(**{name: arrays.get(f"window {name}") for name in _WINDOW},
                        flags={name: arrays[f"flag {name}"] for name in said["flags"]}, system=systems[said["level"]])
        appended = [(name, arrays[f"appended {k}"].tobytes()) for k, name in enumerate(said["appended"])]
        return Entered(said["number"], window, unpack(arrays["memories"].tobytes()), appended)

    def enter(self, index: int, entered: Entered, systems: Sequence[System], fresh: bool) -> None:
        """A step, which has this ``index``, gets the frame; ``fresh`` unless an interrupted run left it there."""
        self._index = index
        if self._place < 0 or not fresh:
            return
        window = entered.window
        arrays = {f"window {name}": getattr(window, name) for name in _WINDOW if getattr(window, name) is not None}
        arrays |= {f"flag {name}": flagged for name, flagged in window.flags.items()}
        arrays |= {f"appended {k}": np.frombuffer(data, dtype=np.uint8) for k, (_, data) in enumerate(entered.appended)}
        arrays["memories"] = np.frombuffer(pack(entered.memories), dtype=np.uint8)
        (self.folder / SWEEP).unlink(missing_ok=True)  # of the step before
        _write(self.folder / STEP, arrays, {
            "place": self._place, "number": entered.number, "level": systems.index(window.system),
            "flags": list(window.flags), "appended": [name for name, _ in entered.appended]})

    def kept(self, index: int) -> bool:
        """Whether an interrupted run left the frame that is at work inside this step."""
        return self._place >= 0 and _read(self.folder / SWEEP)[1].get("index") == index

    def last(self, index: int) -> tuple[int, Arrays]:
        """See ``api.Kept``."""
        if self._place < 0 or index != self._index:
            return 0, {}
        arrays, said = _read(self.folder / SWEEP)
        return (said["sweeps"], arrays) if said.get("index") == index else (0, {})

    def keep(self, index: int, sweeps: int, arrays: Arrays) -> None:
        """See ``api.Kept``."""
        if self._place >= 0 and index == self._index:
            _write(self.folder / SWEEP, arrays, {"index": index, "sweeps": sweeps})

    def forget(self) -> None:
        """The frame is whole, or gone."""
        for name in (STEP, SWEEP):
            for path in (self.folder / name, self.folder / f"{name}.new"):
                path.unlink(missing_ok=True)


#: What of a window is kept as arrays.
_WINDOW = [field.name for field in fields(Window) if field.name not in ("flags", "system")]


def _write(path: Path, arrays: Arrays, said: dict[str, Any]) -> None:
    """Write a file at one stroke."""
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        np.savez(file, **arrays, said=np.frombuffer(json.dumps(said).encode(), dtype=np.uint8))
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def _read(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """What was written; nothing if it is not there, or broken: then the frame begins anew."""
    try:
        arrays = dict(np.load(io.BytesIO(path.read_bytes()), allow_pickle=False))
        return arrays, json.loads(arrays.pop("said").tobytes())
    except (FileNotFoundError, ValueError, EOFError, KeyError, BadZipFile):
        return {}, {}
