"""The table in DeepBackmap's .map files."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError

from .sections import SectionLine, section_lines

#: Bead type of files that give none.
_UNNAMED = "B"


@dataclass(frozen=True, eq=False)
class BeadTable:
    """Which bead each atom belongs to, -1 if none, (n_atoms,), and the type of each bead, (B,)."""

    owner: NDArray[np.int64]
    bead_types: list[str]


def read_owners(path: Path, n_atoms: int) -> NDArray[np.int64]:
    """The bead that places each atom, counted from 0, (n_atoms,).

    Raises:
        BackmapError: If an atom is missing, or for what ``read_map`` refuses.
    """
    owner = read_map(path, n_atoms).owner
    if (owner < 0).any():
        raise BackmapError(f"atom {int(np.flatnonzero(owner < 0)[0]) + 1} is given to no bead", where=path,
                           hint="List every atom in [map].")
    return owner


def read_map(path: Path, n_atoms: int) -> BeadTable:
    """Read ``[map]``: rows ``atom type bead bead_type``, or ``atom bead``; both count from 1.

    Raises:
        BackmapError: With file and line, for rows that are none, unknown or repeated atoms, and
            beads that are missing or of two types.
    """
    owner = np.full(n_atoms, -1, dtype=np.int64)
    kinds: dict[int, str] = {}
    for line in _rows(path):
        words, where = line.words, line.where
        try:
            atom, bead = int(words[0]) - 1, int(words[2 if len(words) > 2 else 1]) - 1
        except (ValueError, IndexError):
            raise BackmapError(f"'{line.text}' is not a row of [map]", where=where,
                               hint="Write `atom type bead bead_type` or `atom bead`.") from None
        if not 0 <= atom < n_atoms:
            raise BackmapError(f"there is no atom {atom + 1} in a molecule of {n_atoms}", where=where)
        if not 0 <= bead < n_atoms:
            raise BackmapError(f"there is no bead {bead + 1} in a molecule of {n_atoms} atoms", where=where,
                               hint="Beads are counted from 1.")
        if owner[atom] >= 0:
            raise BackmapError(f"atom {atom + 1} is given to two beads", where=where,
                               hint="Beads that share atoms need a mapping with weights, as VOTCA XML.")
        kind = words[3] if len(words) > 3 else kinds.get(bead, _UNNAMED)
        if kinds.setdefault(bead, kind) != kind:
            raise BackmapError(f"bead {bead + 1} is of type '{kind}' here and '{kinds[bead]}' above", where=where)
        owner[atom] = bead
    return BeadTable(owner, _bead_types(kinds, path))


def _bead_types(kinds: dict[int, str], path: Path) -> list[str]:
    if not kinds:
        raise BackmapError("has no rows in [map]", where=path, hint="Is it a .map file of DeepBackmap?")
    missing = set(range(max(kinds) + 1)) - set(kinds)
    if missing:
        raise BackmapError(f"bead {min(missing) + 1} is missing", where=path, hint="Beads are counted from 1.")
    return [kinds[bead] for bead in range(len(kinds))]


def _rows(path: Path) -> Iterator[SectionLine]:
    """The rows of [map]."""
    return (line for line in section_lines(path) if line.section == "map" and line.words)
