"""Records of what loops are handed: pairs are found where they stand, tensors become the same numbers."""
from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import block_diag

from backmap.engine.sites.records import MoleculePairs, SeenAtoms, as_arrays, pair_at
from backmap.model.pairs import AtomPairs
from backmap.model.system import System
from tests import scenes


def test_pairs_of_atoms_are_found_in_loops_and_by_tensors() -> None:
    tables = [np.array([[1, 0, 3], [0, 0, 0], [7, 8, 9]]), np.zeros((2, 2), dtype=int), np.array([[0, 5], [6, 0]])]
    pairs = MoleculePairs.of([AtomPairs.of(len(table), np.argwhere(table), table[table > 0]) for table in tables])
    whole = block_diag(*tables)
    rows = np.arange(len(whole))
    found = [[pair_at(pairs.start, pairs.key, a, b) for b in rows] for a in rows]
    np.testing.assert_array_equal(np.where(np.array(found) >= 0, pairs.value[found], 0), whole)
    tensors = MoleculePairs(*map(torch.as_tensor, pairs))
    rows = torch.as_tensor(rows)
    np.testing.assert_array_equal(tensors.look_up(rows[:, None], rows, 0), whole)
    np.testing.assert_array_equal(tensors.look_up(rows[:, None], rows, -1), np.where(whole, whole, -1))


def test_no_pairs_are_found_among_none() -> None:
    none = AtomPairs.of(2, np.empty((0, 2), dtype=int), np.empty(0, dtype=int))
    pairs = MoleculePairs(*map(torch.as_tensor, MoleculePairs.of([none])))
    assert pairs.look_up(torch.tensor([0, 1]), torch.tensor(1), 4).tolist() == [4, 4]


def test_fragments_know_the_bonds_between_atoms_of_every_type() -> None:
    types = scenes.octane_system().types[0], scenes.phenyl()
    tables = scenes.tables_of(System(tuple((kind, 1) for kind in types)))
    for number, kind in enumerate(types):
        row = tables.atom_base[number] + torch.arange(kind.n_atoms)
        found = tables.bonds_between(row[:, None], row[None])
        np.testing.assert_array_equal(found, kind.distance)


def test_records_become_arrays_inside_and_out() -> None:
    inner = MoleculePairs(torch.arange(6)[::2], np.arange(2), 3)
    record = SeenAtoms(torch.ones(2, 3).T, inner, torch.tensor([True]), 1.5)
    found = as_arrays(record)
    assert isinstance(found, SeenAtoms)
    assert isinstance(found.row, MoleculePairs)
    assert found.positions.flags.c_contiguous
    assert found.positions.shape == (3, 2)
    assert found.row.start.tolist() == [0, 2, 4]
    assert found.row.key is inner.key
    assert (found.row.value, found.same) == (3, 1.5)
