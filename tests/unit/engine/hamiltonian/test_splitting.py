"""Forces of pairs that count now and then."""
from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backmap.engine.hamiltonian import move
from backmap.engine.hamiltonian.forces import energy_and_forces, quick_forces, terms_of
from backmap.engine.hamiltonian.lists import Lists
from backmap.engine.hamiltonian.moves import HamiltonianMoves, Tempering
from backmap.engine.hamiltonian.nearby import AtomTables
from backmap.engine.hamiltonian.splitting import Split, beginning, rhythm_of, split_of
from backmap.engine.hamiltonian.timestep import paces
from tests import forcefields, scenes
from tests.unit.engine.hamiltonian.test_move import follow, liquid, start


@pytest.mark.parametrize(("inner", "outer"), [(1, 1), (1, 3), (2, 1), (2, 3), (3, 2), (4, 5)])
def test_forces_count_as_often_as_there_are_steps_and_the_same_from_either_end(inner: int, outer: int) -> None:
    for steps in range(1, 40):
        rhythm = rhythm_of(steps, inner, outer, 0.6)
        often, other, last = np.zeros((2, steps + 1)), 0, 0
        for one in range(rhythm.inner + 1):
            step = beginning(one, rhythm.inner, steps)
            assert step - last <= inner or one == 0
            split, last = split_of(rhythm, one, other), step
            often[:, step] = split.inner, split.outer
            other += split.outer != 0.0
        assert last == steps
        assert other == rhythm.outer + 1
        np.testing.assert_array_equal(often, often[:, ::-1])
        assert (often[:, 0] >= 1.0).all()  # half a step, as of velocity Verlet, of at least one
        np.testing.assert_allclose(often.sum(axis=1) - often[:, 0], steps)  # the ends are halves
        if inner == 1:
            np.testing.assert_array_equal(often[0], 1.0)


def test_a_trajectory_of_no_steps_has_whole_forces() -> None:
    assert split_of(rhythm_of(0, 4, 3, 0.6), 0, 0) == Split(1.0, 1.0, 0.6)


def forces(moves: HamiltonianMoves, around: AtomTables, k: int, room: move.Room, lists: Lists, split: Split,
           quick: bool = True) -> NDArray[np.float64]:
    """Of the block in the room on what moves, in single or double precision."""
    own, x = terms_of(moves.tables, k), room.x[:np.diff(moves.tables.places.start)[k]]
    found = np.zeros_like(x)
    if quick:
        quick_forces(own, around, room.kinds, room.charges, x, lists, split, room.cores, room.line, room.terms, found)
    else:
        energy_and_forces(own, around, room.kinds, room.charges, x, lists, split, room.terms, found)
    return found[:moves.tables.places.moving[k]]


@pytest.mark.parametrize("coulomb", ["reaction_field", "none"])
def test_parts_of_forces_are_the_whole(coulomb: str) -> None:
    """What counts often and seldom is so many times the same parts, by whatever list; atoms overlap, so with a cap."""
    system, window = scenes.crowd((scenes.octane_system().types[0], 2), (scenes.phenyl(), 2), n_frames=1)
    moves = HamiltonianMoves(system, forcefields.everything(system, coulomb, 0.8), 300.0, steps=0, size=2, sigma=10.0)
    moves.rules = moves.rules._replace(reach=0.5)
    around = moves.surroundings = moves._capped(5.0)
    frame = moves.frame(window.atoms[0], window.beads[0], window.box(0))
    for one in range(len(moves.centre)):
        k, room = moves.places.make[one], start(moves, frame, one)
        lists = move.trajectory(moves.tables, around, frame.grid, moves.places, one, frame.atoms, moves.rules, 0, room,
                                moves._lists)[-1]
        given = moves, around, k, room, lists
        bonds, near, whole = (forces(*given, Split(*often, 0.5)) for often in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))
        scale = np.abs(whole).max()
        assert np.abs(near - bonds).max() > 1e-4 * scale
        assert np.abs(whole - near).max() > 1e-4 * scale
        split, expected = Split(2.0, 3.0, 0.5), bonds + 2.0 * (near - bonds) + 3.0 * (whole - near)
        np.testing.assert_allclose(forces(*given, split), expected, rtol=1e-4, atol=1e-5 * scale)
        np.testing.assert_allclose(forces(*given, split, quick=False), expected, rtol=1e-4, atol=1e-5 * scale)
        move.leave(moves.tables, moves.places, one, room)


@pytest.mark.parametrize(("inner", "outer", "steps", "peak"), [(2, 3, 21, 1.0), (3, 2, 20, 1.0), (2, 2, 20, 2.0)])
def test_a_trajectory_that_is_turned_round_returns(inner: int, outer: int, steps: int, peak: float) -> None:
    system, window, field = liquid()
    moves = HamiltonianMoves(system, field, 350.0, size=2, steps=steps)
    moves.rules = moves.rules._replace(inner=inner, outer=outer, reach=0.5, peak=peak)
    frame = moves.frame(window.atoms[0], window.beads[0], window.box(0))
    for one in range(0, len(moves.centre), 40):
        room = start(moves, frame, one)
        moving = moves.tables.places.moving[moves.places.make[one]]
        end, energies = follow(moves, frame, one)
        assert end == move.WHOLE
        room.velocity[:] *= -1
        _, back = follow(moves, frame, one)
        np.testing.assert_allclose(room.x[:moving], room.start[:moving], atol=1e-5)
        np.testing.assert_allclose(back[1], energies[0], rtol=1e-4, atol=1e-3)
        move.leave(moves.tables, moves.places, one, room)


def test_hot_trajectories_need_more_pairs() -> None:
    system, _, field = liquid()
    moves = HamiltonianMoves(system, field, 350.0, timestep=2.0)
    assert moves.rules.inner == 2
    assert moves._tempered(moves.rules, Tempering(4.0, 300.0)).inner == 1


def test_short_steps_need_fewer_pairs() -> None:
    assert paces(0.1, 1.0, False) == {"inner": 2, "outer": 3, "reach": 0.6}
    assert paces(2.0, 1.0, False) == {"inner": 2, "outer": 3, "reach": 0.6}
    assert paces(4.0, 1.0, False) == {"inner": 1, "outer": 3, "reach": 0.6}
    assert paces(20.0, 1.0, False) == {"inner": 1, "outer": 1, "reach": 0.6}
    assert paces(2.0, 0.7, False) == {"inner": 2, "outer": 1, "reach": 0.7}
    assert paces(2.0, 1.0, True) == {"inner": 2, "outer": 1, "reach": 1.0}
