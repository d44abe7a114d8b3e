"""Which beads move together, which atoms of theirs, and what holds these."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backmap.engine.hamiltonian.blocks import Block, blocks_of, grown
from backmap.engine.hamiltonian.cover import cover
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.engine.hamiltonian.tables import movable
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from tests import chains, scenes


@pytest.mark.parametrize("seed", range(3))
def test_blocks_are_chosen_as_by_looking_through_all_of_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    beads = np.array([rng.permutation(30)[:5] for _ in range(40)])
    beads[::7, 3:] = -1
    molecule, wanted, priority = np.repeat([0, 1], 20), rng.random(30) < 0.8, rng.integers(4, size=40) / 4.0
    expected, open_ = [], wanted.copy()
    for mine in (range(20), range(20, 40)):
        while True:
            counts = [open_[beads[one][beads[one] >= 0]].sum() for one in mine]
            if max(counts) == 0:
                break
            best = min((one for one, count in zip(mine, counts, strict=True) if count == max(counts)),
                       key=lambda one: (priority[one], one))
            expected.append(best)
            open_[beads[best][beads[best] >= 0]] = False
    np.testing.assert_array_equal(cover(beads, molecule, wanted, priority), expected)


def test_blocks_grow_along_the_bead_graph() -> None:
    kind = chains.chain(6, [{k: 1.0, k + 1: 1.0} for k in range(5)])
    assert grown(kind, 2, 3) == (1, 2, 3)
    assert grown(kind, 0, 2) == (0, 1)
    assert grown(kind, 4, 9) == (0, 1, 2, 3, 4)


def gradients(kind: MoleculeType, block: Block) -> np.ndarray:
    """Of rigid bonds and components of beads by the atoms that move, at random positions, (c + 3 r, 3 n)."""
    x = np.random.default_rng(3).normal(size=(kind.n_atoms, 3))
    rows = np.zeros((len(block.bonds), kind.n_atoms, 3))
    for row, (i, j) in zip(rows, kind.rigid.pairs[block.bonds], strict=True):
        row[i], row[j] = x[i] - x[j], x[j] - x[i]
    beads = [np.outer(kind.mapping.matrix[bead], axis).reshape(-1, 3) for bead in block.rows for axis in np.eye(3)]
    return np.concatenate([rows, np.reshape(beads, (-1, kind.n_atoms, 3))])[:, block.atoms].reshape(
        -1, 3 * len(block.atoms))


def test_constraints_of_a_block_are_independent_and_the_rest_is_freedom() -> None:
    octane = scenes.octane_window()[0].types[0]
    for size in (1, 2, octane.n_beads):
        for block in blocks_of(octane, size, True):
            gradient = gradients(octane, block)
            assert np.linalg.matrix_rank(gradient, tol=1e-6) == len(gradient) == len(block.bonds) + 3 * len(block.rows)
            assert block.freedom == 3 * len(block.atoms) - len(gradient) > 0
            pinned = octane.mapping.atom[octane.mapping.weight == 1.0]
            assert not np.isin(block.atoms, pinned).any()


def test_a_block_without_constraints_is_free() -> None:
    octane = scenes.octane_window()[0].types[0]
    springy = replace(octane, bond_length=np.full(len(octane.bonds), np.nan))
    for block in blocks_of(springy, 2, False):
        assert (len(block.bonds), block.freedom) == (0, 3 * len(block.atoms))


def test_what_cannot_move_is_said() -> None:
    kind = chains.chain(2, [{0: 1}, {1: 1}])
    system, _ = chains.far_apart(kind, np.zeros((1, 2, 3)))
    with pytest.raises(BackmapError, match="no block any freedom"):
        HamiltonianMoves(system, chains.field_of(kind), 300.0)


def test_what_cannot_move_is_said_before_there_are_tables() -> None:
    kind = chains.chain(2, [{0: 1}, {1: 1}])
    with pytest.raises(BackmapError, match="no block any freedom"):
        movable(chains.far_apart(kind, np.zeros((1, 2, 3)))[0], 8, True)
    system = scenes.octane_window()[0]
    assert movable(system, 8, True)[0] is movable(system, 8, True)[0]  # looked for once
