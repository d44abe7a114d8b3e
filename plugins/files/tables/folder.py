"""A coarse-grained force field as a folder of tables, for VOTCA and LAMMPS."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backmap.model.tabulated import KINDS, Interaction, Potential

from .lammps import encode_lammps
from .votca import encode_votca

Array = NDArray[np.float64]


def paths_of(interactions: Mapping[str, Interaction], folder: Path) -> list[Path]:
    """The files of a force field of these interactions."""
    kinds = {one.kind for one in interactions.values()}
    return [folder / f"{name}.{ending}" for name in interactions for ending in ("pot", "force")] + [
        folder / f"{kind}.table" for kind in KINDS if kind in kinds]


def contents_of(potentials: Mapping[str, Potential], errors: Mapping[str, Array],
                folder: Path) -> Iterator[tuple[Path, str]]:
    """Files and their text: VOTCA's tables of energies and forces, and LAMMPS' tables of each kind.

    Args:
        potentials: By name of the interaction.
        errors: Standard errors of their forces, (n,), where they are known.
        folder: Of the files.
    """
    for name, one in potentials.items():
        yield folder / f"{name}.pot", encode_votca(one, one.energy)
        yield folder / f"{name}.force", encode_votca(one, one.force, errors.get(name))
    for kind in KINDS:
        alike = {name: one for name, one in potentials.items() if one.kind == kind}
        if alike:
            yield folder / f"{kind}.table", encode_lammps(alike, kind)
