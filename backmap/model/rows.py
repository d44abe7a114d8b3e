"""Rows of numbers by frame, in hardly more room than the numbers take: runs have 100,000 frames."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Rows of so few bytes are put together, so many at a time: an array of its own takes some 200 bytes more.
SMALL, TOGETHER = 512, 256


class FrameRows(MutableMapping[int, Array]):
    """Rows by the places of their frames."""

    def __init__(self, rows: Iterable[tuple[int, Array]] = ()) -> None:
        self._loose: dict[int, Array] = {}
        self._index, self._values = np.empty(0, dtype=np.int64), np.empty(0)
        self.update(rows)

    def __getitem__(self, index: int) -> Array:
        if index in self._loose:
            return self._loose[index]
        if (place := self._place(index)) < 0:
            raise KeyError(index)
        return self._values[place]

    def _place(self, index: int) -> int:
        """Where a row stands among those that are together, -1 where it does not."""
        place = int(np.searchsorted(self._index, index))
        return place if place < len(self._index) and self._index[place] == index else -1

    def __setitem__(self, index: int, row: Array) -> None:
        self._loose[index] = row
        if len(self._loose) % TOGETHER == 0 and row.nbytes <= SMALL:
            self._join()

    def __delitem__(self, index: int) -> None:
        place = self._place(index)
        if self._loose.pop(index, None) is None and place < 0:
            raise KeyError(index)
        if place >= 0:
            self._index, self._values = np.delete(self._index, place), np.delete(self._values, place, axis=0)

    def __iter__(self) -> Iterator[int]:
        yield from (index for index in self._index.tolist() if index not in self._loose)
        yield from self._loose

    def __len__(self) -> int:
        return len(self._index) + sum(self._place(index) < 0 for index in self._loose)

    def _alike(self) -> bool:
        """Whether all rows have one shape and are of one type."""
        first = self._values[0] if len(self._index) else next(iter(self._loose.values()))
        return all(row.shape == first.shape and row.dtype == first.dtype for row in self._loose.values())

    def _join(self) -> None:
        if self._alike():
            self._index, self._values, self._loose = *self._whole(), {}

    def _whole(self) -> tuple[NDArray[np.int64], Array]:
        new = np.array(sorted(self._loose), dtype=np.int64)
        values = np.stack([self._loose[index] for index in new.tolist()])
        kept = ~np.isin(self._index, new)
        if not kept.any():
            return new, values
        index, values = np.concatenate([self._index[kept], new]), np.concatenate([self._values[kept], values])
        if (np.diff(index) > 0).all():
            return index, values
        order = np.argsort(index)
        return index[order], values[order]

    def in_order(self) -> tuple[NDArray[np.int64], Array]:
        """Places of frames, ascending, (n,), and their rows, (n, ...)."""
        return self._whole() if self._loose else (self._index.copy(), self._values.copy())
