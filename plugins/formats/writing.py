"""What all writers of frames share."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydantic
from numpy.typing import NDArray

from backmap.errors import BackmapError
from backmap.model import box as periodic
from backmap.model.molecule import MoleculeType
from backmap.model.system import System, Window


def ending(*suffixes: str) -> pydantic.AfterValidator:
    """For the type of an option: a path, or each of several, ends in one of these."""

    def checked(value: Path | list[Path]) -> Path | list[Path]:
        for path in value if isinstance(value, list) else [value]:
            if path.suffix not in suffixes:
                raise ValueError(f"'{path}' should end in {', '.join(suffixes)}")
        return value

    return pydantic.AfterValidator(checked)


def expect_placed(window: Window, where: object) -> None:
    """Check that all atoms of the window have positions.

    Raises:
        BackmapError: If one has none.
    """
    if window.atoms is None or (window.placed is not None and not window.placed.all()):
        raise BackmapError("cannot write atoms that are not placed", where=where,
                           hint="Put a step that places atoms, such as forward, before write.")


def residue_numbers(system: System) -> Iterator[tuple[MoleculeType, list[int]]]:
    """Molecule after molecule: its type, and the residue number of each of its atoms.

    As in GROMACS, molecules of one residue are numbered on through the system, and longer ones keep
    the residue numbers of the topology.
    """
    single = {kind: len(set(kind.residues.tolist())) == 1 for kind in system.types}
    residue = max((int(kind.residues.max()) for kind in system.types if not single[kind]), default=0)
    for kind, count in system.blocks:
        own = kind.residues.tolist()
        for _ in range(count):
            residue += single[kind]
            yield kind, [residue] * kind.n_atoms if single[kind] else own


def upright(box: NDArray[np.float64]) -> bool:
    """Whether a box (3, 3) has a along x and b in the plane of x and y, as lengths and angles imply."""
    return bool(np.abs(np.triu(box, 1)).max() < 1e-6 and (np.diag(box) > 0).all() and periodic.is_valid(box))


def folder_name(path: Path) -> Path:
    """The name of a folder; ``ValueError`` if it looks like that of a file."""
    if path.suffix:
        raise ValueError(f"'{path}' should be the name of a folder in the output folder, as in ready")
    return path
