"""A sweep that threads share."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..compiling import crew
from .colours import SweepOrder
from .lists import Lists, lists
from .move import Frame, Moved, Team, Turns, sweep
from .nearby import AtomTables
from .records import BlockTables
from .trajectory import BlockPlaces, Room, Rules, room

Index = NDArray[np.int64]


class Workplaces:
    """Room for the trajectories of each thread, and for their lists; that of the first is always there."""

    def __init__(self, tables: BlockTables, n_kinds: int, n_atoms: int) -> None:
        """For blocks of molecules of at most ``n_atoms`` atoms."""
        self.tables, self.n_kinds, self.n_atoms = tables, n_kinds, n_atoms
        self.places: list[tuple[Room, Lists]] = []
        self.let_in(1)

    def let_in(self, threads: int) -> None:
        """Make room for so many."""
        places = int(np.diff(self.tables.places.start).max(initial=1))
        self.places += [(room(self.tables, self.n_kinds, self.n_atoms), lists(places, self.n_kinds))
                        for _ in range(threads - len(self.places))]

    def sweep(self, course: SweepOrder, around: AtomTables, p: BlockPlaces, rules: tuple[Rules, Rules],
              bodies: NDArray[np.bool_], frame: Frame, chosen: Index, keys: Index, turns: Turns, moved: Moved) -> None:
        """Move the blocks ``chosen`` (n,) of ``p`` in their course, in place: see ``move.sweep``."""
        size = min(crew.number(), course.widest)
        begun, ready = np.zeros(len(course.start) - 1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        self.let_in(size)

        def work(one: int) -> None:
            own, known = self.places[one]
            self.places[one] = own, sweep(self.tables, around, p, *rules, bodies, own, known, frame, chosen, keys,
                                          turns, moved, course, Team(size, one, begun, ready))

        crew.together(work, size, lambda: ready.fill(np.iinfo(np.int64).max // 2))  # then nobody waits
