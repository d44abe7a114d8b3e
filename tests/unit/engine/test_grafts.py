"""Rings that are folded are found, and get the shape of sound ones."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backmap.engine.flags import FLATTEST
from backmap.engine.grafts import AromaticRings, Grafts, bent, superposed
from backmap.model.isomers import TRANS, PlanarSides, flatness
from tests import chains
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


def test_rings_that_a_force_field_bends_are_sound_and_others_among_them_not() -> None:
    """Distances from the plane as heat makes them: a normal of 0.017 nm out of it, as of thiophene in GROMOS."""
    flat, rng = regular(5), np.random.default_rng(3)
    way = np.array([1.0, -0.8, 0.3, 0.3, -0.8])
    way *= np.sqrt(5) / np.linalg.norm(way)

    def rings(off: np.ndarray) -> np.ndarray:
        made = np.repeat(flat[None], len(off), axis=0)
        made[..., 2] += off[:, None] * way
        return made

    soft = np.abs(0.017 + 0.005 * rng.normal(size=60))
    assert (soft > 0.02).sum() > 5
    assert not bent(rings(soft)).any()
    assert bent(rings(np.append(soft, 0.06))).tolist() == 60 * [False] + [True]
    stiff = np.append(0.1 * soft, 0.025)
    assert bent(rings(stiff)).tolist() == 60 * [False] + [True]
    assert bent(rings(soft[soft > 0.02][:5])).all()  # few cannot say what is usual
    assert bent(rings(np.full(60, 0.045))).all()  # nor can those that are all wrong


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


@pytest.mark.parametrize("others", [(10.0, 10.0, 60.0), (60.0, 150.0, 60.0)])
def test_no_fragment_is_taken_that_would_make_another_isomer(others: tuple[float, ...]) -> None:
    """Of a bond that is twisted, but on its side: sound ones elsewhere may stand on the other."""
    kind = replace(chains.chain(4, [{0: 1, 1: 1}, {2: 1, 3: 1}]), planar=PlanarSides.of([[0, 1, 2, 3]], [TRANS]))
    torsion = np.radians([100.0, *others])
    far = np.stack([0.05 - 0 * torsion, 0.14 * np.cos(torsion), 0.14 * np.sin(torsion)], axis=1)
    shapes = np.stack([np.array([[-0.05, 0.14, 0.0], [0.0, 0.0, 0.0], [0.15, 0.0, 0.0], [0.15, 0.0, 0.0]])] * 4)
    shapes[:, 3] += far
    system, atoms = chains.far_apart(kind, shapes)
    folded = np.zeros(system.n_beads, dtype=bool)
    folded[:2] = True
    made = Grafts(system).graft(atoms, system.map(atoms), None, folded, ~folded)[:4]
    flat = flatness(made, kind.planar.atoms, kind.planar.side)[0]
    if max(others) < 90:
        np.testing.assert_allclose(made, atoms[:4], atol=1e-3)
    else:
        assert flat > FLATTEST
    assert flat > 0
