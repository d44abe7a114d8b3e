"""All that is known of the blocks of a system before the first frame, as flat arrays for compiled code.

How they are laid out is said in ``records``.
"""
from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ...errors import BackmapError
from ...model.molecule import MoleculeType
from ...model.parameters import ForceField
from ...model.system import System
from ..energy.layout import FieldLayout
from .blocks import Block, blocks_of
from .elimination import pattern
from .loops import LANES
from .makes import Maker, Makes
from .records import (
    BeadRows,
    BlockAtoms,
    BlockCopies,
    BlockTables,
    GramEntries,
    GramFactor,
    LaneFactors,
    Listed,
    ListGroups,
    MapTerms,
    MovingDependents,
    NearBonds,
    RigidBonds,
    SolvatedAtoms,
)

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Blocks of each molecule type, by their size and by whether beads hold them, as long as it is in use.
_BLOCKS: WeakKeyDictionary[MoleculeType, dict[tuple[int, bool], list[Block]]] = WeakKeyDictionary()
#: What was built for each force field, as long as that is in use.
_BUILT: WeakKeyDictionary[ForceField, dict[tuple, tuple[list[list[Block]], BlockTables]]] = WeakKeyDictionary()


def build(system: System, layout: FieldLayout, size: int, exact: bool,
          hydrogen_mass: float = 0.0) -> tuple[list[list[Block]], BlockTables]:
    """Blocks of every molecule type, and their tables.

    Args:
        layout: Force field; energies must not reach beyond a molecule except for non-bonded pairs.
        size: Beads in a block.
        exact: Beads are constraints; else they are left to a soft term.
        hydrogen_mass: Mass of hydrogens while they move, u, if that is more than their own.

    Steps that ask for the same get the same.

    Raises:
        BackmapError: If nothing can move, or blocks of molecules in an implicit solvent are parts of them.
    """
    known, asked = _BUILT.setdefault(layout.field, {}), (tuple(system.types), size, exact, hydrogen_mass)
    if asked not in known:
        known[asked] = _built(system, layout, size, exact, hydrogen_mass)
    return known[asked]


def movable(system: System, size: int, exact: bool) -> list[list[Block]]:
    """Blocks of every molecule type, without their tables; who asks for the same gets the same.

    Raises:
        BackmapError: If nothing can move.
    """
    found = []
    for kind in system.types:
        known = _BLOCKS.setdefault(kind, {})
        if (size, exact) not in known:
            known[size, exact] = blocks_of(kind, size, exact)
        found.append(known[size, exact])
    if not any(found):
        raise BackmapError("bonds and beads leave no block any freedom to move", hint="Take more beads to a block.")
    return found


def _built(system: System, layout: FieldLayout, size: int, exact: bool,
           hydrogen_mass: float) -> tuple[list[list[Block]], BlockTables]:
    """See ``build``."""
    blocks = movable(system, size, exact)
    parts, near, copies = Makes(), Makes(), []

    def finish(alike: dict[str, Any]) -> dict[str, Any]:
        return alike | _pairs(alike, layout) | _constraints(alike, exact)

    for kind, parameters, listed in zip(system.types, layout.molecules, blocks, strict=True):
        if parameters.solvent is not None and any(len(block.beads) < kind.n_beads for block in listed):
            raise BackmapError(f"has an implicit solvent, which couples all atoms of '{kind.name}', but its blocks are "
                               f"{size} of {kind.n_beads} beads", where=layout.field.where,
                               hint=f"Write 'block_size: {kind.n_beads}' in hamiltonian.")
        maker = Maker(kind, parameters, layout.explicit.factor, moving_masses(kind, hydrogen_mass), finish, parts, near)
        copies += maker.copies(listed)
    return blocks, BlockTables(
        copies=BlockCopies(_numbers(copies, "make"), *_rows(copies, "place"), *_rows(copies, "bead"),
                           _numbers(copies, "gram"), *_rows(copies, "near")),
        places=BlockAtoms(_numbers(parts, "n_moving"), _numbers(parts, "n_free"),
                          *_rows(parts, "inverse_mass", "excluded")),
        dependents=_dependents(parts),
        groups=ListGroups(*_rows(parts, "group")),
        pairs=Listed(*_rows(parts, "pair", "pair_value")),
        inside=LaneFactors(*_rows(parts, "inside")),
        explicit=Listed(*_rows(parts, "explicit", "explicit_value")),
        terms=Listed(*_rows(parts, "term", "term_value")),
        maps=MapTerms(*_rows(parts, "map"), layout.maps),
        bonds=RigidBonds(*_rows(parts, "bond", "bond_length", "bond_row")),
        beads=_bead_rows(parts),
        factor=GramFactor(*_rows(parts, "column", "update_end"), *_rows(parts, "diagonal"), *_rows(parts, "update")),
        gram=GramEntries(*(Listed(*_rows(parts, name, f"{name}_value")) for name in ("fixed", "dot", "mixed"))),
        near=NearBonds(_numbers(near, "near_width"), Listed(*_rows(near, "near_row", "near_value"))),
        solvent=SolvatedAtoms(*_rows(parts, "solvent"), np.array([part["medium"] for part in parts])),
        isomers=Listed(*_rows(parts, "isomer", "isomer_value")))


def _rows(parts: list[dict[str, Any]], *names: str) -> list[NDArray]:
    """Where the rows of each block begin in arrays that have as many, and those arrays, one block after the other."""
    start = np.cumsum([0, *(len(part[names[0]]) for part in parts)])
    return [start, *(np.ascontiguousarray(np.concatenate([part[name] for part in parts])) for name in names)]


def _numbers(parts: list[dict[str, Any]], name: str) -> Index:
    """One number of each block, (K,)."""
    return np.array([part[name] for part in parts], dtype=np.int64)


def _bead_rows(parts: list[dict[str, Any]]) -> BeadRows:
    """Rows of beads; weights of all blocks are one list."""
    start, row, begin, end = _rows(parts, "row_place", "weight_start", "weight_end")
    first, place, weight = _rows(parts, "weight_place", "weight")
    shift = np.repeat(first[:-1], np.diff(start))
    return BeadRows(start, row, begin + shift, end + shift, place, weight)


def moving_masses(kind: MoleculeType, hydrogen_mass: float) -> Array:
    """Masses with which atoms move, (A,), u: any will do, as long as G_C is taken with them.

    Parents carry what their dependent atoms weigh.
    """
    mass = np.where(kind.chemistry.heavy, kind.mass, np.maximum(kind.mass, hydrogen_mass))
    number = np.diff(kind.dependents.start)[kind.dependents.row]
    np.add.at(mass, kind.dependents.parent, kind.mass[kind.dependents.atoms[kind.dependents.row]] / number)
    return mass


def _constraints(alike: dict[str, Any], exact: bool) -> dict[str, Any]:
    """Rows of bonds and beads, their Gram matrix and its factor."""
    bonds, weights = alike["bond"], alike["weights"]
    row, place = np.nonzero(weights)
    bounds = np.searchsorted(row, np.arange(len(weights) + 1))
    rank, gram = _gram(bonds, weights if exact else weights[:0], alike["inverse_mass"])
    beads = rank[len(bonds):].reshape(-1, 3) if exact else np.full((len(weights), 3), -1)
    return gram | {"bond_row": rank[:len(bonds)], "row_place": beads, "weight_start": bounds[:-1],
                   "weight_end": bounds[1:], "weight_place": place, "weight": weights[row, place]}


def _pairs(alike: dict[str, Any], layout: FieldLayout) -> dict[str, Any]:
    """Non-bonded pairs inside the block, and with partners that it has exclusions with."""
    n, places = alike["n_moving"], len(alike["kind"])
    i, j = np.triu_indices(places, 1)
    keep = (i < n) & alike["excluded"][j]
    i, j = i[keep], j[keep]
    kinds = alike["kind"][i], alike["kind"][j]
    excluded = np.zeros((n, places), dtype=bool)
    excluded[tuple(alike["out"].T)] = True
    out = excluded[i, j]
    charges = layout.electrostatics.factor * alike["charge"][i] * alike["charge"][j]
    if not layout.electrostatics.reaction:  # excluded pairs do not count at all
        counts = ~out
        i, j, out, charges, kinds = i[counts], j[counts], out[counts], charges[counts], (k[counts] for k in kinds)
    kinds = tuple(kinds)
    values = np.column_stack([layout.field.c6[kinds], layout.field.c12[kinds], charges, out])
    pair = np.column_stack([i, j])
    return {"pair": pair, "pair_value": values, "inside": _inside(n, places, pair, values)}


def _inside(moving: int, places: int, pair: Index, values: Array) -> NDArray[np.float32]:
    """Factors of the force of every place on every atom that moves, (moving, 4, lanes) in one row.

    Those of r^-8, r^-14, 1/r^3 and 1: six times c6, twelve times c12, and charges, in the last also of excluded pairs.
    """
    inside = np.zeros((moving, 4, -(-places // LANES) * LANES), dtype=np.float32)
    counted = 1 - values[:, 3]
    factors = np.column_stack([6 * values[:, 0] * counted, 12 * values[:, 1] * counted, values[:, 2] * counted,
                               values[:, 2]])
    for one, other in (pair.T, pair[:, ::-1].T):
        here = one < moving
        inside[one[here], :, other[here]] = factors[here]
    return inside.ravel()


def _dependents(parts: list[dict[str, Any]]) -> MovingDependents:
    """Those of all makes; their parents are one list."""
    atoms, starts, parents, weights, factors = zip(*(part["following"] for part in parts), strict=True)
    first = np.cumsum([0, *map(len, parents)])
    begin = [start + shift for start, shift in zip(starts, first, strict=False)]
    return MovingDependents(
        np.cumsum([0, *map(len, atoms)]), np.concatenate(atoms), np.concatenate([start[:-1] for start in begin]),
        np.concatenate([start[1:] for start in begin]), np.concatenate(parents), np.concatenate(weights),
        np.concatenate(factors))


def _gram(bonds: Index, weights: Array, inverse: Array) -> tuple[Index, dict[str, Any]]:
    """Rank of every constraint, bonds before components of beads; entries of their Gram matrix and its factor."""
    n_bonds, n = len(bonds), len(bonds) + 3 * len(weights)
    incidence = np.zeros((n_bonds, len(inverse)))
    incidence[np.arange(n_bonds), bonds[:, 0]] = 1
    incidence[np.arange(n_bonds), bonds[:, 1]] = -1
    both, cross, beads = ((incidence * inverse) @ incidence.T, (incidence * inverse) @ weights.T,
                          (weights * inverse) @ weights.T)
    k, m = np.nonzero(np.tril(both != 0, -1))
    bond, bead = np.nonzero(np.abs(cross) > 1e-12)
    one, other = np.nonzero(np.tril(np.abs(beads) > 1e-12))
    x = np.arange(3)
    bond, component, bead = np.repeat(bond, 3), np.tile(x, len(bond)), np.repeat(bead, 3)
    rows = np.concatenate([k, bond, (n_bonds + 3 * one[:, None] + x).ravel(), np.arange(n_bonds)])
    columns = np.concatenate([m, n_bonds + 3 * bead + component, (n_bonds + 3 * other[:, None] + x).ravel(),
                              np.arange(n_bonds)])
    coupled = np.eye(n, dtype=bool)
    coupled[rows, columns] = coupled[columns, rows] = True
    found = pattern(coupled)
    high, low = np.maximum(found.rank[rows], found.rank[columns]), np.minimum(found.rank[rows], found.rank[columns])
    parts = np.split(found.slots()[high, low], np.cumsum([len(k), len(bond), 3 * len(one)]))
    return found.rank, {
        "column": found.column, "update_end": found.update_end, "diagonal": found.diagonal, "update": found.update,
        "fixed": np.concatenate([parts[2], parts[3]]),
        "fixed_value": np.concatenate([np.repeat(beads[one, other], 3), np.diag(both)]),
        "dot": np.column_stack([parts[0], k, m]), "dot_value": both[k, m],
        "mixed": np.column_stack([parts[1], bond, component]), "mixed_value": cross[bond, bead]}
