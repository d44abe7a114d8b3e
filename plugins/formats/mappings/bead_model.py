"""From beads as lists of atoms to a bead model: what readers of mappings share."""
from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backmap.api import AtomMolecule, BeadModel
from backmap.errors import BackmapError
from backmap.model.inputs import MAPPING, ToldSide
from backmap.model.mapping import Mapping, owners

Weights = Literal["mass", "geometry"]

#: An atom without weight still belongs to the bead that lists it, unless it has weight in another.
_BELONGS = 1e-9


@dataclass(frozen=True)
class Bead:
    """One bead of a molecule type: atoms by index, their weights, and where the file says so."""

    name: str
    kind: str
    atoms: list[int]
    weights: list[float]
    where: str


def bead_model(molecule: AtomMolecule, beads: Sequence[Bead], *, bonds: Iterable[tuple[int, int]] | None = None,
               stereocentres: NDArray[np.int64] | None = None, remarks: Sequence[str] = (),
               sides: Sequence[ToldSide] = (), isomers_by: str = MAPPING) -> BeadModel:
    """The bead model of a molecule type; a bead is in the residue of its first atom.

    Args:
        molecule: The molecule type.
        beads: In the order of the coarse-grained files.
        bonds: Pairs of beads, or None where the atoms imply them.
        stereocentres: Those that the mapping tells, as in ``BeadModel``.
        remarks: What ``backmap check`` should say of the mapping, a line each.
        sides: On which side of bonds atoms are, as in ``BeadModel``.
        isomers_by: What tells both.

    Raises:
        BackmapError: For beads without atoms, atoms twice in a bead, and weights that make no average.
    """
    for bead in beads:
        _check(bead, molecule)
    graph = molecule.joined
    heavy = molecule.element != 1
    index = np.concatenate([np.full(len(bead.atoms), k) for k, bead in enumerate(beads)])
    atom = np.concatenate([bead.atoms for bead in beads]).astype(np.int64)
    share = np.concatenate([np.array(bead.weights) / sum(bead.weights) for bead in beads])
    owner = owners(index, atom, np.maximum(share, _BELONGS), len(beads), graph, heavy, molecule.name)
    mapping = Mapping.from_rows([(bead.atoms, bead.weights) for bead in beads], graph, heavy, owner)
    first = np.array([bead.atoms[0] for bead in beads])
    pairs = None if bonds is None else sorted({(min(pair), max(pair)) for pair in bonds})
    return BeadModel(
        bead_names=[bead.name for bead in beads], bead_types=[bead.kind for bead in beads],
        bead_residue_names=[molecule.residue_names[a] for a in first], bead_residues=molecule.residues[first],
        bead_bonds=None if pairs is None else np.array(pairs, dtype=np.int64).reshape(-1, 2), mapping=mapping,
        stereocentres=stereocentres, remarks=tuple(remarks), where=tuple(bead.where for bead in beads),
        sides=tuple(sides), isomers_by=isomers_by)


def _check(bead: Bead, molecule: AtomMolecule) -> None:
    if not bead.atoms:
        raise BackmapError(f"bead '{bead.name}' of '{molecule.name}' has no atoms", where=bead.where,
                           hint="Give it atoms or remove it.")
    twice = next((atom for k, atom in enumerate(bead.atoms) if atom in bead.atoms[:k]), None)
    if twice is not None:
        raise BackmapError(f"bead '{bead.name}' lists atom '{molecule.atom_names[twice]}' twice", where=bead.where)
    if not any(bead.weights) and not any(float(molecule.mass[atom]) for atom in bead.atoms):
        massive = [name for name, mass in zip(molecule.atom_names, molecule.mass) if mass > 0]
        raise BackmapError(f"the atoms of bead '{bead.name}' have no mass, as virtual sites", where=bead.where,
                           hint=f"Write those that carry their mass ({', '.join(massive[:5])}), all of them, beside "
                           "them, or 'weights: geometry'.")
    if not all(math.isfinite(w) and w >= 0 for w in bead.weights) or sum(bead.weights) <= 0:
        raise BackmapError(f"the weights of bead '{bead.name}' do not make an average", where=bead.where,
                           hint="Weights are numbers from 0 on, and one of them is positive.")


def weighted(molecule: AtomMolecule, atoms: Sequence[int], shares: Sequence[float], weights: Weights) -> list[float]:
    """Weights of atoms: their shares, or with ``mass`` their shares of the masses."""
    return [share * float(molecule.mass[atom]) if weights == "mass" else float(share)
            for atom, share in zip(atoms, shares, strict=True)]


def known(name: str, names: Iterable[str]) -> str:
    """A hint for a name that is none of ``names``."""
    names = list(names)
    close = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(names[:10]) or 'none'}."


def closest(name: str, names: Sequence[str]) -> str:
    """Of some names the one most like ``name``."""
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.0)))


def file_list(files: Sequence[Path]) -> str:
    """Files for messages: of many only the first."""
    return ", ".join(map(str, files)) if len(files) < 4 else f"{files[0]} and {len(files) - 1} more files"
