"""GROMACS' index files (.ndx): which atoms belong to flagged beads."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import numpy as np
import pydantic

from backmap.api import Options, OutputPath, Writer
from backmap.engine.flags import owners
from backmap.model.system import System, Window

from ..writing import ending

PER_LINE = 15  #: atom numbers on a line, as GROMACS writes them


class Index(Writer):
    """Index groups (.ndx) of the atoms of flagged beads, as GROMACS and VMD read them.

    One group per flag and frame, e.g. ``[ clash_frame_12 ]``, with the frame counted from 0 as in the input and atoms
    from 1. The atoms are those that a flagged bead places. Where nothing is flagged, nothing is written.
    """

    class Options(Options):
        file: Annotated[OutputPath, ending(".ndx")] = pydantic.Field(
            description="File to write, .ndx, relative to the output folder.")
        flags: list[str] | None = pydantic.Field(None, description="Which flags; by default all there are.")

    options: Options
    _owner: tuple[System, np.ndarray] | None = None

    def paths(self) -> Sequence[OutputPath]:
        return [self.options.file]

    def encode(self, window: Window, system: System, first: bool) -> Iterable[bytes]:
        if self._owner is None or self._owner[0] is not system:
            self._owner = system, owners(system)
        names = sorted(window.flags) if self.options.flags is None else self.options.flags
        groups = []
        for k, number in enumerate(window.frames.tolist()):
            for name in names:
                beads = window.flags.get(name)
                atoms = np.flatnonzero(beads[k][self._owner[1]]) + 1 if beads is not None else ()
                if len(atoms):
                    groups.append(group(f"{name}_frame_{number}", atoms))
        yield "".join(groups).encode()


def group(name: str, atoms: Sequence[int]) -> str:
    """One index group of atom numbers, counted from 1."""
    lines = [f"[ {name} ]"]
    for k in range(0, len(atoms), PER_LINE):
        lines.append(" ".join(f"{atom:4d}" for atom in atoms[k:k + PER_LINE]))
    return "\n".join(lines) + "\n\n"
