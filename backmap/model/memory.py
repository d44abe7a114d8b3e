"""What a step remembers of the frames it has seen: tallies by name, that merge and can be kept in a file."""
from __future__ import annotations

import io
import json
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .system import System, Window
from .tally import Tally


class Memory(dict[str, Tally]):
    """Tallies of a step by name, created on first use: ``memory["flags"].count(...)``.

    A step counts into its memory as windows pass, each frame under its place in the run, and reads it in ``finish``.
    The runner saves it with every commit, restores it when a run is resumed, and merges what other processes and parts
    of the run counted. A step must keep nothing else from one window to the next, not even a reference to a tally.
    """

    def __missing__(self, name: str) -> Tally:
        self[name] = Tally()
        return self[name]

    def merge(self, other: Memory) -> None:
        """Add the tallies of other frames."""
        for name, tally in other.items():
            self[name].merge(tally)


def note_flags(tally: Tally, window: Window) -> None:
    """Count the flagged beads of a window by physics warning, and keep their numbers."""
    for name, flagged in window.flags.items():
        for frame, replica, place, beads in zip(window.frames.tolist(), window.replica.tolist(), window.place.tolist(),
                                                flagged):
            tally.count(name, place, beads.sum())
            tally.note(name, place, [(frame, replica, bead) for bead in np.flatnonzero(beads)])


def flags_of(tally: Tally, system: System) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Return the number of flagged beads by warning, and names of the first ones, such as ``frame 12: PS1 3 A4``."""
    counts = {name: int(tally.counts(name)) for name in tally.names()}
    named = {name: [f"frame {frame}{f', replica {replica}' * (replica > 0)}: {system.bead_label(bead)}"
                    for frame, replica, bead in tally.noted(name).tolist()] for name, count in counts.items() if count}
    return counts, named


def pack(memories: dict[int, Memory]) -> bytes:
    """Write the memories of steps, by number of the step, as the bytes of an .npz file."""
    arrays: dict[str, NDArray[Any]] = {}
    for index, memory in memories.items():
        for name, tally in memory.items():
            arrays |= {json.dumps([index, name, key]): value for key, value in tally.to_arrays().items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def unpack(data: bytes) -> dict[int, Memory]:
    """Read what ``pack`` wrote.

    Raises:
        ValueError: If ``data`` was not written by ``pack``.
    """
    found: dict[tuple[int, str], dict[str, NDArray[Any]]] = {}
    try:
        arrays = dict(np.load(io.BytesIO(data), allow_pickle=False))
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(str(error)) from None
    for path, value in arrays.items():
        index, name, key = json.loads(path)
        found.setdefault((index, name), {})[key] = value
    memories: dict[int, Memory] = {}
    for (index, name), tally in found.items():
        memories.setdefault(index, Memory())[name] = Tally.from_arrays(tally)
    return memories
