"""What blocks are made of, by places: blocks that are made of the same share their tables.

Repeat units are alike, so that a chain of thousands of blocks has a few makes. What tells makes apart is looked up for
many blocks at a time.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...model.molecule import MoleculeType
from ...model.pairs import AtomRows, Sets
from ...model.parameters import MoleculeParameters
from ..geometry.measure import BondGram, NearGram
from .blocks import AT_ONCE, Block, digest, tying
from .bonded import CODES, prepared
from .born import MEDIUM, medium

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Makes(list[dict[str, Any]]):
    """What has been made so far, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers: dict[bytes, int] = {}

    def number(self, name: bytes, make: Callable[[], dict[str, Any]]) -> int:
        """Where that stands which is made of what ``name`` is the digest of; it is made if it is new."""
        if name not in self._numbers:
            self._numbers[name] = len(self)
            self.append(make())
        return self._numbers[name]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of each of several blocks, one block after the other: arrays of as many rows."""

    start: Index
    arrays: tuple[NDArray, ...]

    @classmethod
    def of(cls, n_blocks: int, owner: Index, *arrays: NDArray) -> _Rows:
        """From rows in any order and the block of each; those of a block keep their order."""
        order = np.argsort(owner, kind="stable")
        return cls(np.searchsorted(owner[order], np.arange(n_blocks + 1)), tuple(array[order] for array in arrays))

    def of_block(self, k: int) -> list[NDArray]:
        """Those of one block."""
        return [array[self.start[k]:self.start[k + 1]] for array in self.arrays]


class Maker:
    """Tells what the blocks of one molecule type are made of.

    Args:
        kind: The molecule type.
        parameters: Its force field.
        coulomb: Factor of products of charges in explicit pairs.
        mass: With which atoms move, (A,), u.
        finish: Adds what follows from what a block is made of.
        makes: What has been made for blocks of any type, to which this adds.
        grams: Gram matrices of the rigid bonds near them.
    """

    def __init__(self, kind: MoleculeType, parameters: MoleculeParameters, coulomb: float, mass: Array,
                 finish: Callable[[dict[str, Any]], dict[str, Any]], makes: Makes, grams: Makes) -> None:
        self.kind, self.parameters, self.coulomb, self.mass = kind, parameters, coulomb, mass
        self.finish, self.makes, self.grams, self.gram = finish, makes, grams, BondGram(kind)
        listed = list(zip(parameters.bonded, parameters.term_rows, strict=True))
        self.maps = [(np.column_stack([each.parameters.astype(np.int64), each.atoms]), rows) for each, rows in listed
                     if each.function == "cmap"]
        coded = [(CODES[each.function], each, rows) for each, rows in listed if each.function != "cmap"]
        self.terms = [(_term(code, each.atoms), prepared(code, each.parameters), each.atoms, rows)
                      for code, each, rows in sorted(coded, key=lambda row: row[0])]
        signed = kind.isomer_terms
        self.isomers = (_term(signed.code, signed.atoms), signed.sign.astype(float), signed.atoms,
                        AtomRows.of(kind.n_atoms, signed.atoms))

    def copies(self, blocks: Sequence[Block]) -> list[dict[str, Any]]:
        """What each block is about, and the number of its make, which is made if it is new."""
        parts = [blocks[first:first + AT_ONCE] for first in range(0, len(blocks), AT_ONCE)]
        return [copy for part in parts for copy in self._copies(part)]

    def _copies(self, blocks: Sequence[Block]) -> list[dict[str, Any]]:
        place, parts = self._parts(blocks)
        near = self.gram.near_each(Sets.of([block.atoms for block in blocks]))
        found = []
        for k, block in enumerate(blocks):
            own = {name: rows.of_block(k) for name, rows in parts.items()}
            name = digest(np.array([block.dependents, len(block.rows)]), block.groups,
                          *(array for arrays in own.values() for array in arrays))
            make = self.makes.number(name, lambda block=block, own=own: self.finish(_alike(block, own)))
            found.append({"make": make, "place": place[k], "bead": block.rows, "near": near[k].bonds,
                          "gram": self._gram(near[k])})
        return found

    def _gram(self, near: NearGram) -> int:
        rows = np.column_stack([near.rows, near.columns])
        return self.grams.number(digest(rows, near.coupling), lambda: {
            "near_row": rows, "near_value": near.coupling, "near_width": near.width})

    def _parts(self, blocks: Sequence[Block]) -> tuple[Sets, dict[str, _Rows]]:
        """The atoms of all places, and what does not depend on which atoms they are."""
        kind, parameters, n = self.kind, self.parameters, len(blocks)
        moving, free = Sets.of([block.atoms for block in blocks]), Sets.of([_free(block) for block in blocks])
        following, bonds = kind.dependents.following(free), Sets.of([block.bonds for block in blocks])
        member, pair = moving.along(parameters.left_out.start)
        out = moving.owner[member], moving.item[member], parameters.left_out.other[pair]
        terms = [(moving.touching(rows), *arrays) for *arrays, rows in self.terms]
        maps = [(moving.touching(rows), mapped) for mapped, rows in self.maps]
        *isomers, rows = self.isomers
        signed = moving.touching(rows)
        explicit = moving.touching(parameters.pair_rows)
        child, parent = following.along(kind.dependents.start)
        followed = following.owner[child], kind.dependents.parent[parent]
        seen, beside = moving.along(parameters.together.start)
        needed = [(moving.owner[seen], parameters.together.other[beside]),
                  (following.owner, kind.dependents.atoms[following.item]), followed, _each(bonds, kind.rigid.pairs),
                  _each(signed, isomers[2])]
        if parameters.solvent is not None:  # all atoms of a molecule have a part in where its solvent is
            needed.append((np.repeat(np.arange(n), kind.n_atoms), np.tile(np.arange(kind.n_atoms), n)))
        partners = Sets.sorted(n, *(np.concatenate([each[k] for each in needed]) for k in range(2)))
        place = moving.then(partners.where(moving.places(partners.owner, partners.item) < 0))

        def at(owner: Index, atoms: Index) -> Index:
            return place.places(owner[:, None] if atoms.ndim > 1 else owner, atoms)

        inverse, excluded = np.zeros(len(place.item)), np.zeros(len(place.item), dtype=bool)
        inverse[place.start[free.owner] + free.rank] = 1 / self.mass[free.item]
        excluded[place.start[out[0]] + at(out[0], out[2])] = True
        pairs = parameters.pair_parameters[explicit.item].reshape(-1, 3) * (1.0, 1.0, self.coulomb)
        return place, {
            "place": _Rows.of(n, place.owner, inverse, excluded, parameters.kind[place.item],
                              parameters.charge[place.item]),
            "solvent": self._solvent(n, place),
            "out": _Rows.of(n, out[0], np.column_stack([at(out[0], atoms) for atoms in out[1:]])),
            "following": _Rows.of(n, following.owner, at(following.owner, kind.dependents.atoms[following.item]),
                                  np.diff(kind.dependents.start)[following.item],
                                  kind.dependents.factor[following.item]),
            "parent": _Rows.of(n, followed[0], at(*followed), kind.dependents.weight[parent]),
            "explicit": _Rows.of(n, explicit.owner, at(explicit.owner, parameters.pairs[explicit.item].reshape(-1, 2)),
                                 pairs),
            "map": self._joined(n, [(touched.owner, np.column_stack([mapped[touched.item, :1], at(
                touched.owner, mapped[touched.item, 1:])])) for touched, mapped in maps], np.zeros((0, 6), np.int64)),
            "term": self._joined(n, [(touched.owner, _placed(coded[touched.item], at(touched.owner, atoms[
                touched.item])), values[touched.item]) for touched, coded, values, atoms in terms],
                np.zeros((0, 5), dtype=np.int64), np.zeros((0, 6))),
            "isomer": _Rows.of(n, signed.owner, _placed(isomers[0][signed.item], at(
                signed.owner, isomers[2][signed.item])), isomers[1][signed.item]),
            "bond": _Rows.of(n, bonds.owner, at(bonds.owner, kind.rigid.pairs[bonds.item].reshape(-1, 2)),
                             kind.rigid.lengths[bonds.item]),
            "weight": self._weights(blocks, free)}

    def _weights(self, blocks: Sequence[Block], free: Sets) -> _Rows:
        """Weights of places in beads."""
        in_beads, weight = tying(self.kind)
        member, entry = free.along(in_beads.start)
        row = Sets.of([block.rows for block in blocks]).places(free.owner[member], in_beads.row[entry])
        there = row >= 0
        at = np.column_stack([row[there], free.rank[member][there]])
        return _Rows.of(len(blocks), free.owner[member][there], at, weight[entry[there]])

    def _solvent(self, n: int, place: Sets) -> _Rows:
        """Charge, radius and screen of places in an implicit solvent, and what all atoms have in common."""
        solvent = self.parameters.solvent
        if solvent is None:
            return _Rows.of(n, np.empty(0, dtype=np.int64), np.empty((0, 3 + MEDIUM)))
        of_atom = np.column_stack([solvent.charge, solvent.radius, solvent.screen])[place.item]
        return _Rows.of(n, place.owner, np.hstack([of_atom, np.tile(medium(solvent), (len(of_atom), 1))]))

    @staticmethod
    def _joined(n: int, parts: list[tuple[NDArray, ...]], *none: NDArray) -> _Rows:
        """Rows of several tables, those of a block together; ``none`` where there are no tables."""
        every = [(np.empty(0, dtype=np.int64), *none), *parts]
        return _Rows.of(n, *(np.concatenate([part[k] for part in every]) for k in range(len(none) + 1)))


def _alike(block: Block, own: dict[str, list[NDArray]]) -> dict[str, Any]:
    """What a block is made of, by name: see ``records``."""
    inverse, excluded, kind, charge = own["place"]
    following, number, factor = own["following"]
    parent, weight = own["parent"]
    explicit, explicit_value = own["explicit"]
    term, term_value = own["term"]
    isomer, isomer_value = own["isomer"]
    bond, length = own["bond"]
    at, share = own["weight"]
    (solvent,) = own["solvent"]
    weights = np.zeros((len(block.rows), len(inverse)))
    weights[at[:, 0], at[:, 1]] = share
    return {"n_moving": len(block.atoms), "n_free": len(_free(block)), "excluded": excluded, "inverse_mass": inverse,
            "group": block.groups, "kind": kind, "charge": charge, "out": own["out"][0],
            "following": (following, np.cumsum([0, *number]), parent, weight, factor), "explicit": explicit,
            "explicit_value": explicit_value, "map": own["map"][0], "term": term, "term_value": term_value,
            "isomer": isomer, "isomer_value": isomer_value, "solvent": solvent[:, :3].copy(),
            "medium": solvent[0, 3:] if len(solvent) else np.zeros(MEDIUM),
            "bond": bond, "bond_length": length, "weights": weights}


def _free(block: Block) -> Index:
    """Atoms that move by themselves."""
    return block.atoms[:len(block.atoms) - block.dependents]


def _each(rows: Sets, table: Index) -> tuple[Index, Index]:
    """The atoms in some rows of a table (m, k), and the block of each."""
    return np.repeat(rows.owner, table.shape[1]), table[rows.item].ravel()


def _term(code: int | Index, atoms: Index) -> Index:
    """Code of each term and room for four places, (n, 5)."""
    rows = np.zeros((len(atoms), 5), dtype=np.int64)
    rows[:, 0] = code
    return rows


def _placed(rows: Index, places: Index) -> Index:
    """The same with places (n, k) filled in."""
    rows[:, 1:1 + places.shape[1]] = places
    return rows
