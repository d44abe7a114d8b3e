"""Groups of GROMACS' index files (.ndx)."""
from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError

from ..files.reading import read_text

_LISTED = 12  #: groups that a message names


def read_group(path: Path, name: str, n_points: int, of: str) -> NDArray[np.int64]:
    """The points of one group, counted from 0, in the order of the file, (n,).

    Args:
        path: An index file.
        name: Of the group.
        n_points: Points that there are.
        of: What they are points of, for messages.

    Raises:
        BackmapError: With the line; if there is no such group, it lists those that there are.
    """
    known: dict[str, None] = {}
    rows: list[int] = []
    found = False
    for where, group, words in _lines(path):
        if not words:
            if group == name and found:
                raise BackmapError(f"group '{name}' is there twice", where=where)
            found |= group == name
            known[group] = None
        elif group == name:
            rows += [_row(word, n_points, of, where) for word in words]
    if not found:
        close = difflib.get_close_matches(name, known, n=1)
        listed = ", ".join([*known][:_LISTED]) + ", ..." * (len(known) > _LISTED)
        raise BackmapError(f"has no group '{name}'", where=path, hint=(f"Did you mean '{close[0]}'? " if close else "")
                           + (f"Groups are: {listed}." if known else "It has no groups at all; is it an index file?"))
    if not rows:
        raise BackmapError(f"group '{name}' is empty", where=path)
    chosen = np.array(rows, dtype=np.int64)
    again = chosen[np.bincount(chosen, minlength=n_points)[chosen] > 1]
    if again.size:
        raise BackmapError(f"group '{name}' has number {again[0] + 1} twice", where=path)
    return chosen


def groups_of(path: Path) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Groups of an index file in order: name, place, and the words in it, each with its place.

    Raises:
        BackmapError: For words that stand before any group.
    """
    found: list[tuple[str, str, list[tuple[str, str]]]] = []
    for where, group, words in _lines(path):
        if not words:
            found.append((group, where, []))
        else:
            found[-1][2].extend((word, where) for word in words)
    return found


def _lines(path: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Place, group and words of every line; a header has no words."""
    group = None
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        where, line = f"{path}:{number}", line.split(";", 1)[0].strip()
        if line.startswith("["):
            group = line.strip("[]").strip()
            yield where, group, []
        elif line and group is None:
            raise BackmapError(f"'{line[:40]}' stands before any [ group ]", where=where, hint="Is it an index file?")
        elif line:
            yield where, group, line.split()


def _row(word: str, n_points: int, of: str, where: str) -> int:
    if not word.isdecimal():
        raise BackmapError(f"'{word}' is no number of a point", where=where, hint="Is it an index file?")
    number = int(word)
    if not 1 <= number <= n_points:
        raise BackmapError(f"there is no point {number}", where=where, hint=f"{of} has {n_points}, counted from 1.")
    return number - 1
