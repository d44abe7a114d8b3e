"""Mappings: weights, owners, beads of broken molecules."""
from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backmap.errors import BackmapError
from backmap.model.mapping import Mapping
from tests import builders


def _chain(rows: list, n: int = 4, owner: np.ndarray | None = None) -> Mapping:
    return Mapping.from_rows(rows, nx.path_graph(n), np.ones(n, dtype=bool), owner)


def test_rows_are_normalised_and_keep_their_order() -> None:
    mapping = _chain([([2, 0], [3, 1]), ([3, 1], [1, 1])])
    assert mapping.atom.tolist() == [2, 0, 3, 1]
    np.testing.assert_allclose(mapping.weight, [0.75, 0.25, 0.5, 0.5])
    np.testing.assert_allclose(mapping.matrix.sum(axis=1), 1)


def test_owner_is_the_bead_of_largest_weight_ties_to_the_first() -> None:
    mapping = _chain([([0, 1, 2], [1, 1, 1]), ([1, 2, 3], [1, 2, 1])])
    # atom 1: 1/3 against 1/4; atom 2: 1/3 against 1/2
    assert mapping.owner.tolist() == [0, 0, 1, 1]
    assert _chain([([0, 1, 2], [1, 1, 1]), ([1, 2, 3], [1, 1, 1])]).owner.tolist() == [0, 0, 0, 1]
    assert [fragment.tolist() for fragment in mapping.fragments()] == [[0, 1], [2, 3]]


def test_unmapped_atoms_follow_the_heavy_atom_they_are_bonded_to() -> None:
    mapping = _chain([([0], [1]), ([2], [1])])
    assert mapping.owner.tolist() == [0, 0, 1, 1]


def test_owners_of_a_file_win() -> None:
    assert _chain([([0, 1], [1, 1]), ([2, 3], [1, 1])], owner=np.array([0, 1, 1, 1])).owner.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(("rows", "problem"), [
    ([([0], [1]), ([], [])], "bead 2 has no atoms"),
    ([([0, 1], [1, -1])], "the weights of bead 1 do not sum to a positive number"),
    ([([0, 1], [1, float("nan")])], "the weights of bead 1 do not sum to a positive number")])
def test_bad_weights_are_refused(rows: list, problem: str) -> None:
    with pytest.raises(BackmapError, match=problem):
        _chain(rows)


def test_an_atom_far_from_every_bead_is_refused() -> None:
    graph = nx.Graph()
    graph.add_nodes_from([0, 1])
    with pytest.raises(BackmapError, match="atom 2 is in no bead"):
        Mapping.from_rows([([0], [1])], graph, np.ones(2, dtype=bool))


@given(st.integers(0, 2**32 - 1))
def test_beads_do_not_depend_on_how_the_molecule_is_broken(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind, box = builders.butane(), builders.TRICLINIC
    whole = builders.conformation(kind) + rng.random(3) @ box
    broken = whole + rng.integers(-2, 3, whole.shape) @ box
    shift = kind.mapping.apply(broken, box) - kind.mapping.apply(whole)
    cells = shift @ np.linalg.inv(box)
    np.testing.assert_allclose(cells, np.round(cells), atol=1e-9)


def test_apply_is_the_matrix() -> None:
    kind = builders.butane()
    positions = np.random.default_rng(1).random((5, 2, kind.n_atoms, 3))
    np.testing.assert_allclose(kind.mapping.apply(positions), kind.mapping.matrix @ positions, atol=1e-12)


def test_masses_add_up_with_shares() -> None:
    """Half of atom 1 is in each bead, as weights by mass say, though the beads are not of the same mass."""
    mass = np.array([15.0, 14.0, 40.0, 1.0])
    mapping = _chain([([0, 1], [15, 7]), ([1, 2], [7, 40])])
    np.testing.assert_allclose(mapping.sums(mass), [15 + 7, 7 + 40 + 1])  # atom 3 weighs nothing: it goes to its owner
    whole = _chain([([0], [1]), ([2], [1])])
    np.testing.assert_allclose(whole.sums(mass), [29, 41])


@given(st.integers(0, 10_000))
def test_no_mass_is_lost(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [(rng.choice(6, 3, replace=False).tolist(), rng.random(3).tolist()) for _ in range(3)]
    mapping, mass = _chain(rows, 6), rng.random(6)
    for known in (mapping, replace(mapping, share=None)):
        assert known.sums(mass).sum() == pytest.approx(mass.sum())
        assert (known.sums(mass) >= 0).all()


def test_beads_that_are_one_atom() -> None:
    assert Mapping.identity(3).pinned.tolist() == [0, 1, 2]
    assert _chain([([2], [1]), ([0, 1], [1, 1]), ([3], [1])]).pinned.tolist() == [2, -1, 3]
    assert _chain([([0], [1]), ([2], [1])]).pinned.tolist() == [-1, -1]  # others are theirs, too
