"""Molecule types of files that know atoms and bonds, but not which molecules are alike."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from backmap.api import AtomMolecule, AtomTopology
from backmap.errors import BackmapError
from backmap.model.rigid import FixedDistances

from ..chemistry.elements import symbol_of

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_HYDROGEN = 1


@dataclass(frozen=True, eq=False)
class AtomTable:
    """Atoms and bonds of a whole system.

    Attributes:
        names: Atom names, (n,); None if the file has none: then C1, C2, H1, ... in every molecule.
        types: Atom types, (n,).
        residue_names: Residue names, (n,); None if the file has none: then that of the molecule type.
        residues: Residue numbers, (n,).
        element: Atomic numbers, 0 for virtual sites, (n,).
        mass: u, (n,).
        charge: e, (n,).
        bonds: Pairs of atoms, (m, 2).
        bond_length: Equilibrium length, nm, NaN if unknown, (m,).
    """

    names: Sequence[str] | None
    types: Sequence[str]
    residue_names: Sequence[str] | None
    residues: Index
    element: Index
    mass: Array
    charge: Array
    bonds: Index
    bond_length: Array


def topology_of(table: AtomTable, where: object, names: Sequence[str] = ()) -> AtomTopology:
    """The molecule types of a system: atoms that are joined by bonds are a molecule.

    Molecules are alike if they have the same names, types, residues, charges and bonds in the same order. A type is
    called as its residues if they have one name, else MOL; a second one of that name gets the suffix _2.

    Args:
        table: Atoms and bonds. Those between two hydrogens, as rigid water has them, are held if their length is known.
        where: The file, for messages.
        names: What the types are called instead, in order of appearance.

    Raises:
        BackmapError: If atoms of one molecule do not follow one another, or ``names`` are too few or too many.
    """
    bonds, length, held = _chemical(table)
    n_atoms = len(table.types)
    starts = _starts(n_atoms, bonds, where)
    first_bond = np.searchsorted(bonds[:, 0], starts)
    kinds: dict[tuple, list[int]] = {}  # (first atom, atoms, first bond, bonds) of the first molecule of each type
    order: list[tuple] = []
    for atom, bond, n, n_bonds in zip(starts[:-1], first_bond[:-1], np.diff(starts), np.diff(first_bond), strict=True):
        key = _key(table, bonds, atom, n, bond, n_bonds)
        kinds.setdefault(key, [atom, n, bond, n_bonds])
        order.append(key)
    called = _called(table, list(kinds.values()), names, where)
    types = {name: _molecule(name, table, bonds, length, held, *place)
             for name, place in zip(called, kinds.values(), strict=True)}
    name_of = dict(zip(kinds, called, strict=True))
    blocks: list[tuple[str, int]] = []
    for key in order:
        name = name_of[key]
        before = blocks.pop()[1] if blocks and blocks[-1][0] == name else 0
        blocks.append((name, before + 1))
    return AtomTopology(types, blocks, str(where))


def _chemical(table: AtomTable) -> tuple[Index, Array, FixedDistances]:
    """Bonds, smaller index first, sorted, and their lengths; those of two hydrogens that are bonded to others apart."""
    bonds = np.sort(table.bonds.reshape(-1, 2), axis=1)
    bonds, rows = np.unique(bonds, axis=0, return_index=True)
    length = table.bond_length[rows]
    degree = np.bincount(bonds.ravel(), minlength=len(table.types))
    across = (table.element[bonds] == _HYDROGEN).all(axis=1) & (degree[bonds] > 1).all(axis=1)
    known = across & np.isfinite(length)
    return bonds[~across], length[~across], FixedDistances.of(bonds[known], length[known])


def _starts(n_atoms: int, bonds: Index, where: object) -> Index:
    """First atom of each molecule, and the number of atoms at the end."""
    graph = coo_array((np.ones(len(bonds)), bonds.T), shape=(n_atoms, n_atoms))
    label = connected_components(graph, directed=False)[1]
    starts = np.flatnonzero(np.diff(label, prepend=-1))
    _, seen = np.unique(label[starts], return_index=True)
    if len(seen) != len(starts):
        again = np.setdiff1d(np.arange(len(starts)), seen)[0]
        atom = starts[again]
        other = int(np.flatnonzero(label == label[atom])[0])
        raise BackmapError(f"atom {atom + 1} belongs to the molecule of atom {other + 1}, but others stand between",
                           where=where, hint="Write the file molecule after molecule.")
    return np.append(starts, n_atoms).astype(np.int64)


def _key(table: AtomTable, bonds: Index, atom: int, n: int, bond: int, n_bonds: int) -> tuple:
    """What molecules that are alike have in common."""
    rows = slice(atom, atom + n)
    named = tuple(None if values is None else tuple(values[rows]) for values in
                  (table.names, table.types, table.residue_names))
    residues = _ordinals(table.residues[rows]).tobytes()
    return (*named, residues, table.charge[rows].tobytes(), (bonds[bond:bond + n_bonds] - atom).tobytes())


def _ordinals(residues: Index) -> Index:
    """Number of the residue in the molecule, from 1."""
    return np.cumsum(np.diff(residues, prepend=residues[:1]) != 0).astype(np.int64) + 1


def _called(table: AtomTable, places: list[list[int]], names: Sequence[str], where: object) -> list[str]:
    if names:
        if len(names) != len(places) or len({*names}) != len(names):
            raise BackmapError(f"{len({*names})} names are given for {len(places)} molecule types", where=where,
                               hint="They are, in order: " + ", ".join(_called(table, places, (), where)) + ".")
        return list(names)
    called: list[str] = []
    for atom, n, *_ in places:
        residues = {*table.residue_names[atom:atom + n]} if table.residue_names is not None else {"MOL"}
        name = next(iter(residues)) if len(residues) == 1 else "MOL"
        same = sum(other == name or other.startswith(f"{name}_") for other in called)
        called.append(f"{name}_{same + 1}" if same else name)
    return called


def _molecule(name: str, table: AtomTable, bonds: Index, length: Array, held: FixedDistances, atom: int,
              n: int, bond: int, n_bonds: int) -> AtomMolecule:
    rows, pairs = slice(atom, atom + n), slice(bond, bond + n_bonds)
    inside = slice(*np.searchsorted(held.pairs[:, 0], [atom, atom + n]))
    element = table.element[rows]
    return AtomMolecule(
        name=name, atom_names=list(table.names[rows]) if table.names is not None else _numbered(element),
        atom_types=list(table.types[rows]),
        residue_names=list(table.residue_names[rows]) if table.residue_names is not None else [name] * n,
        residues=_ordinals(table.residues[rows]), element=element, mass=table.mass[rows],
        partial_charge=table.charge[rows], bonds=bonds[pairs] - atom, bond_length=length[pairs],
        constrained=np.zeros(n_bonds, dtype=bool),
        held=FixedDistances.of(held.pairs[inside] - atom, held.lengths[inside]))


def _numbered(element: Index) -> list[str]:
    """C1, C2, H1, ...: symbols, counted in the molecule."""
    symbols = [symbol_of(z) for z in element.tolist()]
    return [f"{symbol}{symbols[:k + 1].count(symbol)}" for k, symbol in enumerate(symbols)]
