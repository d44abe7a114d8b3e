"""What is counted on the way through a trajectory: integers and per-frame rows, so that the result does
not depend on how the frames were cut into windows or shared among processes.
"""
from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Tally:
    """Counts and rows of one trajectory, by name.

    Counts are integers that add up (histograms); they are kept for even and odd frames apart, so that
    the two halves can be compared. Rows are a few numbers per frame. Sums of floats over frames are made
    at the end only, in the order of the frames.
    """

    def __init__(self) -> None:
        self._counts: dict[str, NDArray[np.int64]] = {}
        self._rows: dict[str, dict[int, Array]] = {}

    def count(self, name: str, index: int, counts: ArrayLike) -> None:
        """Add integers ``counts`` (n,) of the frame whose place in the run is ``index``, from 0."""
        new = np.asarray(counts)
        if new.dtype.kind not in "iub":
            raise TypeError(f"counts are integers, not {new.dtype}")
        both = self._counts.setdefault(name, np.zeros((2, *new.shape), dtype=np.int64))
        both[index % 2] += new

    def row(self, name: str, index: int, values: ArrayLike) -> None:
        """Keep numbers of the frame whose place in the run is ``index``, from 0."""
        self._rows.setdefault(name, {})[index] = np.asarray(values, dtype=np.float64)

    def merge(self, other: Tally) -> None:
        """Add what another process or an earlier window has counted."""
        for name, both in other._counts.items():
            if name in self._counts:
                self._counts[name] += both
            else:
                self._counts[name] = both.copy()
        for name, rows in other._rows.items():
            self._rows.setdefault(name, {}).update(rows)

    def half(self, which: int) -> Tally:
        """The even (0) or odd (1) frames alone."""
        part = Tally()
        for name, both in self._counts.items():
            part._counts[name] = both * (np.arange(2) == which).reshape(2, *[1] * (both.ndim - 1))
        part._rows = {name: {k: v for k, v in rows.items() if k % 2 == which} for name, rows in self._rows.items()}
        return part

    def counts(self, name: str) -> NDArray[np.int64]:
        """Counts of all frames, (n,)."""
        return self._counts[name].sum(axis=0)

    def rows(self, name: str) -> Array:
        """Rows in the order of the frames, (n_frames, ...)."""
        rows = self._rows[name]
        return np.stack([rows[index] for index in sorted(rows)])

    def __contains__(self, name: str) -> bool:
        return name in self._counts or name in self._rows

    def names(self, prefix: str = "") -> list[str]:
        """Names of all counts and rows that start with ``prefix``, sorted."""
        return sorted(name for name in {*self._counts, *self._rows} if name.startswith(prefix))

    @property
    def n_frames(self) -> int:
        """Frames that have rows."""
        return len({index for rows in self._rows.values() for index in rows})

    def to_arrays(self) -> dict[str, NDArray]:
        """Everything as arrays, for a file; ``from_arrays`` reads them."""
        arrays: dict[str, NDArray] = {f"count {name}": both for name, both in self._counts.items()}
        for name, rows in self._rows.items():
            arrays[f"index {name}"] = np.array(sorted(rows), dtype=np.int64)
            arrays[f"row {name}"] = self.rows(name)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray]) -> Tally:
        """The inverse of ``to_arrays``."""
        tally = cls()
        for key, value in arrays.items():
            kind, _, name = key.partition(" ")
            if kind == "count":
                tally._counts[name] = np.array(value, dtype=np.int64)
            elif kind == "row":
                tally._rows[name] = dict(zip(arrays[f"index {name}"].tolist(), np.array(value, dtype=np.float64)))
        return tally

    @classmethod
    def merged(cls, parts: Iterable[Tally]) -> Tally:
        """One tally of several."""
        whole = cls()
        for part in parts:
            whole.merge(part)
        return whole
