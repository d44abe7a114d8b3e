"""All that is known of the blocks of a system before the first frame, as flat arrays for compiled code.

How they are laid out is said in ``records``.
"""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import BackmapError
from ...model.molecule import MoleculeType
from ...model.parameters import FUNCTIONS, MoleculeParameters
from ...model.system import System
from ..energy.layout import FieldLayout
from ..geometry.measure import BondGram
from .blocks import Block, blocks_of
from .elimination import pattern
from .loops import LANES
from .records import (
    BeadRows,
    BlockAtoms,
    BlockTables,
    GramEntries,
    GramFactor,
    LaneFactors,
    Listed,
    ListGroups,
    MapTerms,
    NearBonds,
    RigidBonds,
)

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Number of each bonded function in compiled code.
CODES = {name: code for code, name in enumerate(FUNCTIONS)}
#: Bonds from a block beyond which a molecule's other bonds do not change its share of sqrt(det G): each one away
#: counts for about (1/6)^2 less.
REACH = 12


def build(system: System, layout: FieldLayout, size: int, exact: bool,
          hydrogen_mass: float = 0.0) -> tuple[list[list[Block]], BlockTables]:
    """Blocks of every molecule type, and their tables.

    Args:
        layout: Force field; energies must not reach beyond a molecule except for non-bonded pairs.
        size: Beads in a block.
        exact: Beads are constraints; else they are left to a soft term.
        hydrogen_mass: Mass of hydrogens while they move, u, if that is more than their own.

    Raises:
        BackmapError: If nothing can move.
    """
    blocks = [blocks_of(kind, size, exact) for kind in system.types]
    parts = [_part(kind, parameters, block, layout, exact, moving_masses(kind, hydrogen_mass))
             for kind, parameters, listed in zip(system.types, layout.molecules, blocks) for block in listed]
    if not parts:
        raise BackmapError("bonds and beads leave no block any freedom to move", hint="Take more beads to a block.")
    return blocks, BlockTables(
        places=BlockAtoms(_numbers(parts, "n_moving"), *_rows(parts, "place", "inverse_mass", "excluded")),
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
        near=NearBonds(*_rows(parts, "near"), _numbers(parts, "near_width"),
                       Listed(*_rows(parts, "near_row", "near_value"))))


def _rows(parts: list[dict[str, Any]], *names: str) -> list[NDArray]:
    """Where the rows of each block begin in arrays that have as many, and those arrays, one block after the other."""
    start = np.cumsum([0, *(len(part[names[0]]) for part in parts)])
    return [start, *(np.ascontiguousarray(np.concatenate([part[name] for part in parts])) for name in names)]


def _numbers(parts: list[dict[str, Any]], name: str) -> Index:
    """One number of each block, (K,)."""
    return np.array([part[name] for part in parts], dtype=np.int64)


def _bead_rows(parts: list[dict[str, Any]]) -> BeadRows:
    """Rows of beads; weights of all blocks are one list."""
    start, bead, row, begin, end = _rows(parts, "row_bead", "row_place", "weight_start", "weight_end")
    first, place, weight = _rows(parts, "weight_place", "weight")
    shift = np.repeat(first[:-1], np.diff(start))
    return BeadRows(start, bead, row, begin + shift, end + shift, place, weight)


def moving_masses(kind: MoleculeType, hydrogen_mass: float) -> Array:
    """Masses with which atoms move, (A,), u: any will do, as long as G_C is taken with them."""
    return np.where(kind.chemistry.heavy, kind.mass, np.maximum(kind.mass, hydrogen_mass))


def _part(kind: MoleculeType, parameters: MoleculeParameters, block: Block, layout: FieldLayout,
          exact: bool, mass: Array) -> dict[str, Any]:
    """The rows of one block in every table."""
    moving = np.zeros(kind.n_atoms, dtype=bool)
    moving[block.atoms] = True
    listed = parameters.excluded_table[block.atoms].any(axis=0) | moving
    terms = [(CODES[each.function], atoms, values) for each in parameters.bonded if each.function != "cmap"
             for atoms, values in zip(each.atoms, each.parameters) if moving[atoms].any()]
    maps = [np.empty((0, 6), dtype=np.int64), *(
        np.column_stack([each.parameters.astype(np.int64), each.atoms])[moving[each.atoms].any(axis=1)]
        for each in parameters.bonded if each.function == "cmap")]
    mapped = np.concatenate(maps)
    touched = moving[parameters.pairs].any(axis=1)
    explicit = parameters.pairs[touched]
    needed = [listed.nonzero()[0], *(atoms for _, atoms, _ in terms), explicit.ravel(),
              mapped[:, 1:].ravel(), kind.bonds[block.bonds].ravel()]
    partners = np.setdiff1d(np.concatenate(needed), block.atoms)
    place = np.concatenate([block.atoms, partners])
    at = np.full(kind.n_atoms, -1)
    at[place] = np.arange(len(place))
    part: dict[str, Any] = {"n_moving": len(block.atoms), "place": place, "excluded": listed[place],
                            "inverse_mass": np.where(moving[place], 1 / mass[place], 0.0), "group": block.groups,
                            "explicit": at[explicit].reshape(-1, 2),
                            "explicit_value": parameters.pair_parameters[touched].reshape(-1, 3)
                            * (1.0, 1.0, layout.explicit.factor)}
    part["map"] = np.column_stack([mapped[:, :1], at[mapped[:, 1:]]])
    part["term"] = np.zeros((len(terms), 5), dtype=np.int64)
    part["term_value"] = np.zeros((len(terms), 6))
    for n, (code, atoms, values) in enumerate(sorted(terms, key=lambda term: term[0])):
        part["term"][n, 0], part["term"][n, 1:len(atoms) + 1] = code, at[atoms]
        part["term_value"][n] = prepared(code, values[None])[0]
    return part | _pairs(block, parameters, layout, place, listed) | _constraints(kind, block, at, mass, exact) \
        | _measure(kind, block)


def prepared(code: int, values: Array) -> Array:
    """Parameters of bonded terms (n, p) as compiled code takes them, (n, 6): cosine and sine of t0 or p0 behind."""
    rows, names = np.zeros((len(values), 6)), FUNCTIONS[list(CODES)[code]][2]
    rows[:, :values.shape[1]] = values
    if names[0] in ("t0", "p0"):
        at = 4 if names[0] == "t0" else len(names)
        rows[:, at], rows[:, at + 1] = np.cos(values[:, 0]), np.sin(values[:, 0])
    return rows


def _pairs(block: Block, parameters: MoleculeParameters, layout: FieldLayout, place: Index,
           listed: NDArray[np.bool_]) -> dict[str, Any]:
    """Non-bonded pairs inside the block, and with partners that it has exclusions with."""
    n = len(block.atoms)
    i, j = np.triu_indices(len(place), 1)
    keep = (i < n) & listed[place[j]]
    i, j = i[keep], j[keep]
    a, b = place[i], place[j]
    kinds = parameters.kind[a], parameters.kind[b]
    out = parameters.excluded_table[a, b]
    charges = layout.electrostatics.factor * parameters.charge[a] * parameters.charge[b]
    if not layout.electrostatics.reaction:  # excluded pairs do not count at all
        counts = ~out
        i, j, out, charges, kinds = i[counts], j[counts], out[counts], charges[counts], (k[counts] for k in kinds)
    kinds = tuple(kinds)
    values = np.column_stack([layout.field.c6[kinds], layout.field.c12[kinds], charges, out])
    pair = np.column_stack([i, j])
    return {"pair": pair, "pair_value": values, "inside": _inside(n, len(place), pair, values)}


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


def _constraints(kind: MoleculeType, block: Block, at: Index, mass: Array, exact: bool) -> dict[str, Any]:
    """Rigid bonds, bead rows, their Gram matrix and its factor."""
    bonds, n_rows = at[kind.bonds[block.bonds]].reshape(-1, 2), len(block.rows)
    weights = np.zeros((n_rows, at.max() + 1))
    inside = at >= 0
    weights[:, at[inside]] = kind.mapping.matrix[block.rows][:, inside]
    weights[:, len(block.atoms):] = 0
    row, weight_place = np.nonzero(weights)
    bounds = np.searchsorted(row, np.arange(n_rows + 1))
    inverse = np.zeros(at.max() + 1)
    inverse[:len(block.atoms)] = 1 / mass[block.atoms]
    rank, gram = _gram(bonds, weights if exact else weights[:0], inverse)
    beads = np.full((n_rows, 3), -1)
    if exact:
        beads = rank[len(bonds):].reshape(-1, 3)
    part = {"bond": bonds, "bond_length": kind.bond_length[block.bonds], "bond_row": rank[:len(bonds)],
            "row_bead": block.rows, "row_place": beads, "weight_start": bounds[:-1],
            "weight_end": bounds[1:], "weight_place": weight_place, "weight": weights[row, weight_place]}
    return part | gram


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


def _measure(kind: MoleculeType, block: Block) -> dict[str, Any]:
    """The molecule's rigid bonds that the block's share of sqrt(det G) depends on."""
    gram = BondGram(kind)
    steps = np.full(kind.n_atoms, REACH + 1)
    for atom in block.atoms:
        steps[atom] = 0
    for _ in range(REACH):
        for i, j in kind.bonds:
            steps[i], steps[j] = min(steps[i], steps[j] + 1), min(steps[j], steps[i] + 1)
    kept = steps[gram.bonds].min(axis=1, initial=REACH + 1) <= REACH
    number = np.cumsum(kept) - 1
    entries = kept[gram.rows] & kept[gram.columns]
    row = np.column_stack([number[gram.rows[entries]], number[gram.columns[entries]]])
    return {"near": gram.bonds[kept], "near_row": row, "near_value": gram.coupling[entries],
            "near_width": int((row[:, 0] - row[:, 1]).max(initial=0))}
