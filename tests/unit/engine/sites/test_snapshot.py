"""Neighbours of a frame, against an obvious search through all images."""
from __future__ import annotations

import itertools

import numpy as np
import pytest

from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.system import System
from tests import builders


@pytest.fixture
def frame() -> Snapshot:
    """The first of two random frames in a small, leaning box."""
    what = builders.system()
    window = builders.window(what, builders.TRICLINIC)
    return next(Snapshot.all_of(window, what, AtomIndex(what), np.array([4, 5])))


def obvious(frame: Snapshot, cutoff: float) -> dict[tuple[int, int, float], int]:
    """(i, j, distance) of every pair and image -> bonds between them."""
    found, where = {}, frame.where
    cells = np.array(list(itertools.product((-2, -1, 0, 1, 2), repeat=3)))
    for i, j in itertools.combinations(range(len(frame.atoms)), 2):
        for cell in cells:
            distance = np.linalg.norm(frame.atoms[j] + cell @ frame.box - frame.atoms[i])
            if distance < cutoff:
                own = where.molecule[i] == where.molecule[j] and not cell.any()
                kind = frame.system.types[where.type[i]]
                found[i, j, round(distance, 9)] = kind.distance[where.local[i], where.local[j]] if own else 99
    return found


def test_pairs_are_those_of_an_obvious_search(frame: Snapshot) -> None:
    pairs = frame.pairs(0.9)
    first, second = np.minimum(pairs.i, pairs.j), np.maximum(pairs.i, pairs.j)
    other = first != second
    found = {(int(i), int(j), round(float(d), 9)): int(b) for i, j, d, b
             in zip(first[other], second[other], pairs.distance[other], pairs.bonds[other])}
    assert found == obvious(frame, 0.9)
    np.testing.assert_allclose(np.linalg.norm(pairs.vector, axis=1), pairs.distance)
    np.testing.assert_array_equal(pairs.same_molecule, frame.where.molecule[pairs.i] == frame.where.molecule[pairs.j])


def test_a_shorter_search_is_part_of_a_longer_one(frame: Snapshot) -> None:
    longer = frame.pairs(0.9)
    shorter = frame.pairs(0.5)
    assert shorter is frame.pairs(0.5)
    assert len(shorter.i) == (longer.distance < 0.5).sum()
    assert shorter.distance.max() < 0.5


def test_reference_comes_along(frame: Snapshot) -> None:
    np.testing.assert_array_equal(frame.reference.atoms, frame.atoms)
    assert (frame.number, frame.index, frame.reference.index) == (0, 4, 4)


def test_atom_index_of_types_that_come_up_again() -> None:
    what: System = builders.system()
    where = AtomIndex(what)
    assert where.n_molecules == 8
    expected = np.concatenate([np.full(kind.n_atoms, number) for number, kind
                               in enumerate(kind for kind, count in what.blocks for _ in range(count))])
    np.testing.assert_array_equal(where.molecule, expected)
    bead = 0
    for kind, count in what.blocks:
        for _ in range(count):
            rows = where.owner[bead_atoms(where, bead, kind.n_beads)]
            assert set(rows) <= set(range(bead, bead + kind.n_beads))
            bead += kind.n_beads


def bead_atoms(where: AtomIndex, first: int, n: int) -> np.ndarray:
    return np.flatnonzero((where.owner >= first) & (where.owner < first + n))
