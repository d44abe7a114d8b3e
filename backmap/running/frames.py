"""Which frames a run goes through, and how many of them at a time, so that memory does not grow with their number."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..api import FrameSource
from ..errors import BackmapError
from ..model.times import chosen as chosen_times

Array = NDArray[np.float64]

#: A window holds about this many atoms, and at most this many frames, unless the recipe says.
ATOMS_PER_WINDOW, FRAMES_PER_WINDOW = 200_000, 64


@dataclass(frozen=True)
class Choice:
    """A choice of the frames of a run, by number, by time, or by both.

    Attributes:
        text: Numbers, as in ``--frames``; None means all.
        begin: First time, ps; None means no limit.
        end: Last time, ps; None means no limit.
        dt: Time between frames, ps: as in GROMACS, those whose time is a multiple of it after the first time
            that ``begin`` lets through (``model.times``).
    """

    text: str | None = None
    begin: float | None = None
    end: float | None = None
    dt: float | None = None

    @classmethod
    def of(cls, chosen: Choice | str | None) -> Choice:
        """What ``--frames`` says, if it is not a choice yet."""
        return chosen if isinstance(chosen, Choice) else cls(chosen)

    def __post_init__(self) -> None:
        if self.dt is not None and not 0 < self.dt < np.inf:
            raise BackmapError("should be a time above 0 ps", where=f"--dt {self.dt:g}")
        if self.begin is not None and self.end is not None and not self.begin <= self.end:
            raise BackmapError("ends before it begins", where=self.where)

    @property
    def where(self) -> str:
        """As on the command line, for messages; empty if nothing is chosen."""
        said = {"frames": self.text, "begin": self.begin, "end": self.end, "dt": self.dt}
        return " ".join(f"--{name} {value:g}" if isinstance(value, float | int) else f"--{name} {value}"
                        for name, value in said.items() if value is not None)

    @property
    def by_time(self) -> bool:
        """Whether frames are chosen by time."""
        return any(limit is not None for limit in (self.begin, self.end, self.dt))

    def numbers(self, source: FrameSource) -> list[int]:
        """The numbers of the chosen frames of ``source``.

        Raises:
            BackmapError: If a number does not exist or is written twice, or no frame is in the time chosen.
        """
        numbers = select(self.text, source.n_frames, source.where)
        if not self.by_time:
            return numbers
        times = _times(source, numbers)
        inside = chosen_times(times, self.begin, self.end, self.dt)
        if not inside.any():
            raise BackmapError(f"no frame is chosen: {source.where} goes from {times.min():g} to {times.max():g} ps",
                               where=self.where)
        return [number for number, chosen in zip(numbers, inside) if chosen]


def _times(source: FrameSource, numbers: Sequence[int]) -> Array:
    """Times of frames, ps: from the source if it keeps them, else from the frames themselves."""
    if hasattr(source, "times"):
        return np.asarray(source.times(), dtype=np.float64)[numbers]
    return np.array([source.frame(number).time for number in numbers])


def spelled(numbers: Sequence[int]) -> str:
    """Frame numbers as ``--frames`` takes them: ``a:b:c`` where they are evenly spaced."""
    steps = {after - before for before, after in pairwise(numbers)}
    if len(numbers) > 2 and len(steps) == 1 and (step := steps.pop()) > 0:
        return f"{numbers[0]}:{numbers[-1] + 1}" + f":{step}" * (step > 1)
    return ",".join(map(str, numbers))


def select(text: str | None, n_frames: int, where: object = "") -> list[int]:
    """The numbers of the frames to go through, counted from 0, in the order they are written.

    Args:
        text: ``0,10,20``, or ``a:b:c`` as in Python, or both, comma separated; None means all.
        n_frames: Frames there are.
        where: The file, for messages.

    Raises:
        BackmapError: If a frame does not exist or is written twice.
    """
    if n_frames == 0:
        raise BackmapError("holds no frames", where=where)
    if text is None:
        return list(range(n_frames))
    chosen = [number for part in text.split(",") for number in _part(part.strip(), text, n_frames, where)]
    if len(set(chosen)) < len(chosen):
        raise BackmapError("a frame is chosen twice", where=f"--frames {text}")
    if not chosen:
        raise BackmapError("no frame is chosen", where=f"--frames {text}")
    return chosen


def _part(part: str, text: str, n_frames: int, where: object) -> Sequence[int]:
    try:
        numbers = [int(word) if word else None for word in part.split(":")]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3 or numbers == [None]:
        raise BackmapError(f"'{part}' is not a frame or a range", where=f"--frames {text}",
                           hint="Write 0,10,20 or start:stop:step, counted from 0.")
    first, last, step = [*numbers, None, None][:3] if len(numbers) > 1 else (numbers[0], numbers[0] + 1, 1)
    first, last, step = first or 0, n_frames if last is None else last, 1 if step is None else step
    if step < 1 or first < 0 or first >= n_frames or last > n_frames or last < 0:
        raise BackmapError(f"'{part}' is out of range: {where or 'the input'} has {n_frames} "
                           f"frame{'s' * (n_frames != 1)}, 0 to {n_frames - 1}", where=f"--frames {text}")
    return range(first, last, step)


def counted(n_frames: int, n_replicas: int) -> str:
    """How many, for people: ``4 frames x 3 replicas``."""
    return f"{n_frames} frame{'s' * (n_frames != 1)}{f' x {n_replicas} replicas' * (n_replicas > 1)}"


def window_size(n_atoms: int, size: int | None) -> int:
    """Frames that are in memory together: ``size``, or what atoms allow."""
    return size or min(FRAMES_PER_WINDOW, max(1, ATOMS_PER_WINDOW // max(1, n_atoms)))
