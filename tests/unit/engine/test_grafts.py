"""Rings that are folded are found, and get the shape of sound ones."""
from __future__ import annotations

import numpy as np
import pytest

from backmap.engine.grafts import AromaticRings, Grafts, bent, superposed
from tests.polystyrene import melt


def regular(n: int) -> np.ndarray:
    turn = np.arange(n) * 2 * np.pi / n
    return 0.139 / (2 * np.sin(np.pi / n)) * np.column_stack([np.cos(turn), np.sin(turn), np.zeros(n)])


@pytest.mark.parametrize("n", [5, 6])
def test_flat_rings_are_sound_and_others_not(n: int) -> None:
    flat = regular(n)
    boat, zigzag = flat.copy(), flat.copy()
    boat[0, 2] += 0.08
    zigzag[::2] = flat[0]  # flat, with atoms on one another
    rng = np.random.default_rng(1)
    assert bent(np.stack([flat, flat + 0.004 * rng.normal(size=flat.shape), boat, zigzag])).tolist() == [
        False, False, True, True]


def test_points_come_to_lie_on_others_and_carry_more_with_them() -> None:
    rng = np.random.default_rng(2)
    theirs, more = rng.normal(size=(3, 5, 3)), rng.normal(size=(3, 4, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    made, off = superposed(theirs, theirs[1] @ turn + 2.0, more)
    assert np.allclose(made[1], more[1] @ turn + 2.0)
    assert off[1] == pytest.approx(0, abs=1e-7)
    assert off[0] > 0.1


def test_a_folded_ring_gets_the_shape_of_a_sound_one_and_nothing_else_moves() -> None:
    known = melt()
    system, atoms = known.system, known.atoms[0].copy()
    rings = AromaticRings(system)
    owner = np.concatenate([[group.beads[row, bead] for bead in group.type.mapping.owner]
                            for group in system.groups for row in range(len(group.atom_offset))])
    ring = rings.rings[0][7]
    atoms[ring[2:5]] = atoms[ring[[0, 1, 0]]] + 0.003  # onto itself
    folded = np.zeros(system.n_beads, dtype=bool)
    folded[owner[rings.folded(atoms)]] = True
    assert np.flatnonzero(folded).tolist() == [owner[ring[0]]]
    made = Grafts(system).graft(atoms, known.beads[0], known.boxes[0], folded, ~folded)
    assert not len(rings.folded(made))
    assert np.abs(system.map(made) - known.beads[0]).max() < 1e-5
    elsewhere = ~np.isin(owner, np.flatnonzero(folded)) & (np.abs(owner - owner[ring[0]]) > 4)
    assert np.abs(made - atoms)[elsewhere].max() < 1e-3  # the projection shares it out along the chain
