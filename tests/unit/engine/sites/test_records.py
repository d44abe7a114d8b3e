"""Records of what loops are handed: pairs are found where they stand, tensors become the same numbers."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from backmap.engine.sites.records import MoleculePairs, SeenAtoms, as_arrays
from backmap.model.system import System
from tests import scenes


@pytest.mark.parametrize("first", [0, np.array([0, 3])])
def test_pairs_of_atoms_are_found_however_atoms_are_counted(first: int | np.ndarray) -> None:
    tables = [np.arange(9).reshape(3, 3), 100 + np.arange(4).reshape(2, 2)]
    pairs = MoleculePairs.of(tables, first)
    for kind, (table, begin) in enumerate(zip(tables, np.broadcast_to(first, 2), strict=True)):
        for (a, b), expected in np.ndenumerate(table):
            at = pairs.begin[kind] + (begin + a) * pairs.size[kind] + begin + b
            assert pairs.values[at] == expected


def test_fragments_know_the_bonds_between_atoms_of_every_type() -> None:
    types = scenes.octane_system().types[0], scenes.phenyl()
    tables = scenes.tables_of(System(tuple((kind, 1) for kind in types)))
    for number, kind in enumerate(types):
        row = tables.atom_base[number] + torch.arange(kind.n_atoms)
        found = tables.bonds_between(torch.tensor(number), row[:, None], row[None])
        np.testing.assert_array_equal(found, kind.distance)


def test_records_become_arrays_inside_and_out() -> None:
    inner = MoleculePairs(torch.arange(6)[::2], np.arange(2), 3)
    record = SeenAtoms(torch.ones(2, 3).T, inner, torch.tensor([True]), 1.5)
    found = as_arrays(record)
    assert isinstance(found, SeenAtoms)
    assert isinstance(found.row, MoleculePairs)
    assert found.positions.flags.c_contiguous
    assert found.positions.shape == (3, 2)
    assert found.row.values.tolist() == [0, 2, 4]
    assert found.row.begin is inner.begin
    assert (found.row.size, found.same) == (3, 1.5)
