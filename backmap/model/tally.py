"""Tallies: integer counts and per-frame rows of a trajectory, which do not depend on how the frames were cut into
windows or shared among processes.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .rows import FrameRows

Array = NDArray[np.float64]


class Tally:
    """Counts, rows and lists of one trajectory, by name.

    Counts are integers that add up (histograms); they are kept separately for even and odd frames, so that
    the two halves can be compared. Rows are numbers per frame, the same shape for every frame. Lists are
    integers per frame, any number of them, of which the first of the trajectory are kept. Of what is held, only what
    the last frame held is kept. Sums of floats over frames are computed at the end only, in the order of the frames, so
    that they do not depend on how these were shared.
    """

    #: Largest number of entries of a list that are kept.
    LISTED = 1000

    def __init__(self) -> None:
        #: Frames of beads: places that differ by a multiple of it are replicas of one; 0 if there are no replicas.
        self.period = 0
        self._counts: dict[str, NDArray[np.int64]] = {}
        self._rows: dict[str, FrameRows] = {}
        self._lists: dict[str, dict[int, NDArray[np.int64]]] = {}
        self._held: dict[str, tuple[int, Array]] = {}

    def count(self, name: str, index: int, counts: ArrayLike) -> None:
        """Add integers ``counts`` (n,) of the frame whose place in the run is ``index``, from 0.

        Raises:
            TypeError: If ``counts`` are not integers.
        """
        new = np.asarray(counts)
        if new.dtype.kind not in "iub":
            raise TypeError(f"counts are integers, not {new.dtype}")
        both = self._counts.setdefault(name, np.zeros((2, *new.shape), dtype=np.int64))
        both[index % 2] += new

    def row(self, name: str, index: int, values: ArrayLike) -> None:
        """Keep floats ``values`` (...) of the frame whose place in the run is ``index``, from 0.

        Arrays of float32 stay what they are, for rows that are long; everything else becomes float64.
        """
        self._rows.setdefault(name, FrameRows())[index] = _floats(values)

    def note(self, name: str, index: int, entries: ArrayLike) -> None:
        """Keep integers ``entries`` (n, ...) of the frame whose place in the run is ``index``, from 0.

        Of all frames together, the first ``LISTED`` entries are kept.
        """
        entries = np.asarray(entries, dtype=np.int64)
        if len(entries):
            self._lists.setdefault(name, {})[index] = entries[:self.LISTED]
            self._shorten(name)

    def hold(self, name: str, index: int, values: ArrayLike) -> None:
        """Keep floats ``values`` (...) of the frame whose place in the run is ``index``, until a later frame holds."""
        if index >= self._held.get(name, (-1,))[0]:
            self._held[name] = index, np.array(values, dtype=np.float64)

    def _shorten(self, name: str) -> None:
        """Drop the frames after the one with which a list is full."""
        frames, count = self._lists[name], 0
        for index in sorted(frames):
            if count >= self.LISTED:
                del frames[index]
            else:
                count += len(frames[index])

    def merge(self, other: Tally) -> None:
        """Add what another tally has of other frames."""
        for name, both in other._counts.items():
            if name in self._counts:
                self._counts[name] += both
            else:
                self._counts[name] = both.copy()
        for name, rows in other._rows.items():
            self._rows.setdefault(name, FrameRows()).update(rows)
        for name, entries in other._lists.items():
            self._lists.setdefault(name, {}).update(entries)
            self._shorten(name)
        for name, (index, values) in other._held.items():
            self.hold(name, index, values)

    def half(self, which: int) -> Tally:
        """Return counts and rows of the even (0) or odd (1) frames alone."""
        part = Tally()
        for name, both in self._counts.items():
            part._counts[name] = both * (np.arange(2) == which).reshape(2, *[1] * (both.ndim - 1))
        halves = {name: FrameRows((k, row) for k, row in rows.items() if k % 2 == which)
                  for name, rows in self._rows.items()}
        part._rows = {name: rows for name, rows in halves.items() if rows}  # what few frames have, a half may lack
        return part

    def resampled(self, chosen: ArrayLike) -> Tally:
        """A tally with the rows of some frames, some of them more than once; counts and lists do not tell frames apart.

        Args:
            chosen: Frames of beads by their order, from 0, (n,); each comes with all its replicas.
        """
        part = Tally()
        for name, rows in self._rows.items():
            replicas: dict[int, list[Array]] = {}
            for index in sorted(rows):
                replicas.setdefault(self._frame(index), []).append(rows[index])
            frames = [replicas[frame] for frame in sorted(replicas)]
            part._rows[name] = FrameRows(enumerate(row for k in np.asarray(chosen).tolist() for row in frames[k]))
        return part

    def _frame(self, index: int) -> int:
        """Place of the frame of beads."""
        return index % self.period if self.period else index

    def counts(self, name: str) -> NDArray[np.int64]:
        """Return the counts of all frames, (n,)."""
        return self._counts[name].sum(axis=0)

    def rows(self, name: str) -> Array:
        """Return the rows in the order of the frames, (n_frames, ...)."""
        return self._rows[name].in_order()[1]

    def noted(self, name: str) -> NDArray[np.int64]:
        """Return the entries of a list in the order of the frames, (n, ...), at most ``LISTED``."""
        frames = self._lists[name]
        return np.concatenate([frames[index] for index in sorted(frames)])[:self.LISTED]

    def held(self, name: str) -> tuple[int, Array]:
        """Return the last frame that held something, by its place in the run, and what it held, (...)."""
        return self._held[name]

    def __contains__(self, name: str) -> bool:
        return any(name in kept for kept in (self._counts, self._rows, self._lists, self._held))

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of all counts, rows, lists and what is held that start with ``prefix``, sorted."""
        return sorted(name for name in {*self._counts, *self._rows, *self._lists, *self._held}
                      if name.startswith(prefix))

    @property
    def n_frames(self) -> int:
        """Number of frames that have rows, every replica of them."""
        return len({index for rows in self._rows.values() for index in rows})

    @property
    def n_bead_frames(self) -> int:
        """Frames of beads that have rows."""
        return len({self._frame(index) for rows in self._rows.values() for index in rows})

    def to_arrays(self) -> dict[str, NDArray]:
        """Return the whole tally as arrays, for a file; ``from_arrays`` reads them."""
        arrays: dict[str, NDArray] = {f"count {name}": both for name, both in self._counts.items()}
        for name, rows in self._rows.items():
            arrays[f"index {name}"], arrays[f"row {name}"] = rows.in_order()
        for name, frames in self._lists.items():
            arrays[f"place {name}"] = np.array([k for k in sorted(frames) for _ in frames[k]], dtype=np.int64)
            arrays[f"list {name}"] = np.concatenate([frames[k] for k in sorted(frames)])
        for name, (index, values) in self._held.items():
            arrays[f"last {name}"], arrays[f"held {name}"] = np.array(index), values
        return arrays

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray]) -> Tally:
        """Build the tally from what ``to_arrays`` returned."""
        tally = cls()
        for key, value in arrays.items():
            kind, _, name = key.partition(" ")
            if kind == "count":
                tally._counts[name] = np.array(value, dtype=np.int64)
            elif kind == "row":
                tally._rows[name] = FrameRows(zip(arrays[f"index {name}"].tolist(), _floats(value), strict=True))
            elif kind == "list":
                place = arrays[f"place {name}"]
                tally._lists[name] = {int(k): np.array(value)[place == k] for k in np.unique(place)}
            elif kind == "held":
                tally.hold(name, int(arrays[f"last {name}"]), value)
        return tally

    @classmethod
    def merged(cls, parts: Iterable[Tally]) -> Tally:
        """Merge several tallies into one."""
        whole = cls()
        for part in parts:
            whole.merge(part)
        return whole


def _floats(values: ArrayLike) -> NDArray[Any]:
    """The values in float32, if that is what they are, or else in float64."""
    array = np.asarray(values)
    return array if array.dtype == np.float32 else array.astype(np.float64)
