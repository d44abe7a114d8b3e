"""What a file of ours holds is looked at as it is read: what is missing, of another shape or no number is one line."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import BackmapError
from ...model.molecule import MoleculeType

HINT = "It was damaged or changed by hand: copy it again, or train anew."
LARGEST = 10_000  #: no network of ours has a size beyond it, and one that did would not fit into memory
FARTHEST = 10.0  #: nm; no local environment reaches beyond


@contextmanager
def taken_apart(path: object) -> Iterator[None]:
    """Context in which the content of a file is taken apart.

    Raises:
        BackmapError: If something is missing from it, or is not what it should be.
    """
    try:
        yield
    except KeyError as error:
        raise BackmapError(f"lacks '{error.args[0]}'", where=path, hint=HINT) from None
    except (TypeError, ValueError, AttributeError, IndexError, RuntimeError, OverflowError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise BackmapError(f"holds something else than it should ({said})", where=path, hint=HINT) from None


def expect_weights(weights: Mapping[str, Tensor], path: object) -> None:
    """Raise BackmapError unless all weights of a network are numbers."""
    for name, values in weights.items():
        if not torch.isfinite(values).all():
            count = int((~torch.isfinite(values)).sum())
            raise BackmapError(f"{count} of {values.numel()} weights '{name}' are not numbers", where=path,
                               hint="The training that wrote them went astray: train anew, with a smaller learning "
                                    "rate.")


def expect_sizes(sizes: Any, path: object) -> None:
    """Raise BackmapError unless the sizes of a network are such as a network can have."""
    if not isinstance(sizes, dict):
        raise BackmapError(f"says '{sizes}' of the sizes of its network", where=path, hint=HINT)
    for name, value in sizes.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and not 0 <= value <= LARGEST:
            raise BackmapError(f"says that its network has {name} {value}", where=path, hint=HINT)


def expect_temperatures(values: Any, path: object) -> None:
    """Raise BackmapError unless the temperatures of training are some, in K."""
    if not all(isinstance(value, int | float) and 0 < value < np.inf for value in values):
        raise BackmapError(f"was trained at {values} K", where=path, hint=HINT)


def expect_view(view: Any, path: object) -> None:
    """Raise BackmapError unless the range of local environments is one."""
    cutoff, context = view["cutoff"], view["context"]
    if not (isinstance(cutoff, int | float) and 0 < cutoff <= FARTHEST and isinstance(context, int) and context >= 0):
        raise BackmapError(f"says that environments reach {cutoff} nm and {context} bonds", where=path, hint=HINT)


def expect_type(kind: MoleculeType, path: object) -> None:
    """Raise BackmapError unless the arrays of a molecule type fit each other and refer to atoms and beads of it."""
    n_atoms, n_beads, n_bonds = kind.n_atoms, kind.n_beads, len(kind.bonds)
    shapes = {"bonds": (kind.bonds, (n_bonds, 2)), "bond lengths": (kind.bond_length, (n_bonds,)),
              "bonds of beads": (kind.bead_bonds, (len(kind.bead_bonds), 2)),
              "weights of the mapping": (kind.mapping.weight, kind.mapping.atom.shape),
              "beads of the mapping": (kind.mapping.bead, kind.mapping.atom.shape),
              "stereocentres": (kind.chemistry.centres, (len(kind.chemistry.sign), 4)),
              "bond orders": (kind.chemistry.bond_order, (n_bonds,))}
    shapes |= {what: (array, (n_atoms,)) for what, array in (
        ("masses", kind.mass), ("charges", kind.partial_charge), ("residues", kind.residues),
        ("owners", kind.mapping.owner), ("elements", kind.chemistry.element), ("rings", kind.chemistry.ring),
        ("formal charges", kind.chemistry.charge), ("aromatic atoms", kind.chemistry.aromatic),
        ("atom types", np.array(kind.atom_types)), ("residue names", np.array(kind.residue_names)))}
    shapes |= {what: (np.array(values), (n_beads,)) for what, values in (
        ("bead types", kind.bead_types), ("bead residues", kind.bead_residues),
        ("bead residue names", kind.bead_residue_names))}
    for what, (array, shape) in shapes.items():
        if array.shape != shape:
            raise BackmapError(f"{what} of '{kind.name}' are of shape {array.shape}, expected {shape}", where=path,
                               hint=HINT)
    within = (("bonds", kind.bonds, n_atoms), ("bonds of beads", kind.bead_bonds, n_beads),
              ("atoms of the mapping", kind.mapping.atom, n_atoms),
              ("beads of the mapping", kind.mapping.bead, n_beads),
              ("owners", kind.mapping.owner, n_beads), ("stereocentres", kind.chemistry.centres, n_atoms),
              ("elements", kind.chemistry.element, 119), ("signs of stereocentres", kind.chemistry.sign + 1, 3))
    for what, index, size in within:
        if index.dtype.kind not in "iu" or (index < 0).any() or (index >= size).any():
            raise BackmapError(f"{what} of '{kind.name}' name what is not there", where=path, hint=HINT)
    numbers = (("masses", kind.mass), ("charges", kind.partial_charge), ("weights of the mapping", kind.mapping.weight),
               ("length unit", np.array(kind.length_unit, dtype=np.float64)))
    for what, values in numbers:
        if not np.isfinite(values).all():
            raise BackmapError(f"{what} of '{kind.name}' are not numbers", where=path, hint=HINT)
    if (kind.mass < 0).any() or np.isinf(kind.bond_length).any() or (kind.bond_length <= 0).any():
        raise BackmapError(f"masses or bond lengths of '{kind.name}' are none", where=path, hint=HINT)
