"""Frames on disk that must fit the system."""
from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backmap.api import FrameSource, Reader
from backmap.errors import BackmapError
from backmap.model import box as periodic
from backmap.model.molecule import TOUCHING
from backmap.model.system import Group, System

from .. import handed
from .bead_names import Beads

if TYPE_CHECKING:
    from .contents import Contents

Array = NDArray[np.float64]

TORN = 0.35  #: nm; no bond between atoms is as long
TORN_OF_BEADS = 2.3  #: mean lengths; no bond between beads is as long, and the limit of atoms is not weaker
APART = 50  #: beads whose nearest neighbours are looked for, where a model's bonds have no known length
MANY = 0.1  #: share of torn bonds that no bad structure has, but one of other atoms


def opened(reader: Reader, what: str, system: System, contents: Contents | None = None) -> FrameSource:
    """The frames of a reader, once their points fit the system.

    Args:
        reader: Of the recipe.
        what: "atoms" or "beads".
        system: What is there.
        contents: What else is in the files, where ``topology`` told.

    Raises:
        BackmapError: If their number differs, or they are the topology's in another order.
    """
    source = handed.opened(reader)
    if contents is not None:
        source = contents.atoms(source) if what == "atoms" else contents.beads(source)
    elif what == "beads":
        rows = np.arange(source.n_points)
        beads = Beads(source.where, rows, *names_of(source), by_type=getattr(source, "by_type", False))
        beads.expect(system.blocks, system.listed)
    if what == "atoms":
        expect_atoms(source, system)
    return source


def expect_atoms(source: FrameSource, system: System) -> None:
    """Raise BackmapError unless the points of ``source`` are the system's atoms, as far as can be told."""
    system.expect(source.n_points, "atoms", source.where)
    if source.n_frames:
        _expect_order(source, system)
        _expect_bonds(source, system)


def names_of(source: FrameSource) -> tuple[list[str] | None, list[str] | None]:
    """Names and residue names of the points of ``source``, each None where it has none."""
    return getattr(source, "names", None), getattr(source, "residue_names", None)


def _expect_bonds(source: FrameSource, system: System) -> None:
    """Files without names can be told from the bonds of their first frame: in another order few are short."""
    frame = source.frame(0)
    atoms = frame.checked(f"{source.where}: frame 0")
    box = frame.box if frame.box is not None and periodic.is_valid(frame.box) else None
    for group in system.groups:
        bonds = group.atoms[:, group.type.bonds]
        length = np.linalg.norm(periodic.minimum_image(atoms[bonds[:, :, 1]] - atoms[bonds[:, :, 0]], box), axis=-1)
        torn = TORN if not group.type.coarse else TORN_OF_BEADS * _bond_of_beads(group, atoms, box)
        if bonds.size and (length > torn).mean() > MANY:
            raise BackmapError(f"{(length > torn).sum()} of {length.size} bonds of {group.type.name} are longer than "
                               f"{torn:.3g} nm in frame 0: these are not its atoms in the order of the topology",
                               where=source.where, hint="Write the file in the order of the topology.")


def _bond_of_beads(group: Group, atoms: Array, box: Array | None) -> float:
    """Length of a bond of a molecule type of beads, nm: as training found, else how far apart neighbours are.

    Bonded beads are neighbours, so that the distance to the nearest bead stands for a length that no file gives.
    """
    if group.type.length_unit != 1:
        return group.type.length_unit * TOUCHING
    own = atoms[group.atoms.ravel()]
    nearest = []
    for bead in range(0, len(own), max(1, len(own) // APART)):
        others = np.delete(own, bead, axis=0)
        nearest.append(np.linalg.norm(periodic.minimum_image(others - own[bead], box), axis=1).min())
    return float(np.median(nearest))


def _expect_order(source: FrameSource, system: System) -> None:
    """Other names for the same atoms are common and harmless; the same names in another order are not."""
    names, _ = names_of(source)
    if names is None:
        return
    first = 0
    for kind, count in system.blocks:
        expected = [name[:5] for name in kind.atom_names]  # a .gro has room for five characters
        for _ in range(count):
            found = [name[:5] for name in names[first:first + kind.n_atoms]]
            if found != expected and Counter(found) == Counter(expected):
                atom = next(k for k, (a, b) in enumerate(zip(found, expected)) if a != b)
                raise BackmapError(f"the atoms are in another order: atom {first + atom + 1} is called {found[atom]}, "
                                   f"but the topology has {expected[atom]} there", where=source.where,
                                   hint="Write the file in the order of the topology.")
            first += kind.n_atoms
